/* Where a command finds a service's data: --data DIR, or --settings FILE as `godwit serve` reads
 * it. */
#pragma once

#include "options/options.h"

#define SERVICE_DATA_PATH 4096

struct service_data {
    const char *data; /* NULL: not given, until service_data_find went on */
    const char *file;
    char path[SERVICE_DATA_PATH];
};
#define SERVICE_DATA_ROWS(place, sentence)                                \
    {"--data", OPTION_TEXT, &(place).data, "DIR", sentence},              \
    {                                                                     \
        "--settings", OPTION_TEXT, &(place).file, "FILE",                 \
            "the settings of `godwit serve`, which name that directory; " \
            "what is wrong with them is said"                             \
    }
#define SERVICE_DATA_SENTENCE \
    "the service's data directory (default GODWIT_DATA, else ./godwit-data)"

/* After options_parse. -1: go on with place->data; else the exit status after a printed line. */
int service_data_find(const struct options *options, struct service_data *place);
