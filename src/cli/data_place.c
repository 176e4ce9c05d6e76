/* Of two ways to name a directory one is taken. */
#include "cli/data_place.h"

#include <stdio.h>
#include <stdlib.h>

int data_place_find(const char *command, struct data_place *place, data_of_fn *data_of)
{
    if (!place->settings) return -1;
    if (place->data) {
        fprintf(stderr, "godwit %s: --data and --settings name a directory each: give one\n",
                command);
        return 2;
    }
    place->data = place->path;
    return data_of(place->settings, place->path, sizeof place->path);
}

const char *data_place_preset(void)
{
    const char *data = getenv("GODWIT_DATA");
    return data && *data ? data : "./godwit-data";
}
