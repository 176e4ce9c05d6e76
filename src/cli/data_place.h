/* A service's data directory of a verb that works on it: --data DIR or --settings FILE. What such a
 * file says, this folder can not read: the program hands in who can. */
#pragma once

#include "options/options.h"

#define DATA_PLACE_PATH 4096

/* The data directory that the settings in a file name. -1: go on; else the exit status after a
 * printed line. */
typedef int data_of_fn(const char *settings, char *out, size_t size);

struct data_place {
    const char *data, *settings;
    char path[DATA_PLACE_PATH];
};
#define DATA_PLACE_ROWS(place, sentence)                                                          \
    {"--data", OPTION_TEXT, &(place).data, "DIR", sentence},                                      \
    {                                                                                             \
        "--settings", OPTION_TEXT, &(place).settings, "FILE",                                     \
            "the settings of `godwit serve`, which name that directory; what is wrong with them " \
            "is "                                                                                 \
            "said"                                                                                \
    }

/* Where a file is given, data is what it names. -1: go on; else the exit status after a printed
 * line.
 */
int data_place_find(const char *command, struct data_place *place, data_of_fn *data_of);
/* The data directory where none is named: GODWIT_DATA, else ./godwit-data. */
const char *data_place_preset(void);
