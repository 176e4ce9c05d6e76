/* The file is read whole, as by the start of the service, so that a misspelt setting is no other
 * directory. */
#include "server/service_data.h"

#include <stdio.h>

#include "server/server.h"
#include "server/settings.h"

int service_data_of(const char *file, char *out, size_t size)
{
    char serve[] = "serve", option[] = "--settings", path[SERVICE_DATA_PATH];
    char *argv[] = {serve, option, path, NULL};
    struct settings settings;
    snprintf(path, sizeof path, "%s", file);
    int status = settings_parse(3, argv, &settings);
    if (status >= 0) return status;
    snprintf(out, size, "%s", settings.data);
    settings_free(&settings);
    return -1;
}

int service_data_find(const struct options *options, struct service_data *place)
{
    if (place->data && place->file)
        return options_wrong(options, "--data and --settings name a directory each: give one");
    int status = -1;
    if (place->file) {
        status = service_data_of(place->file, place->path, sizeof place->path);
        place->data = place->path;
    } else if (!place->data) {
        place->data = settings_data();
    }
    return status;
}
