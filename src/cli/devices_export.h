/* `godwit devices --export`: all devices that a filter finds, into a file or to standard output. */
#pragma once

#include "cli/remote.h"

struct devices_export {
    const char *format;        /* "csv" or "ndjson" */
    const char *output;        /* NULL or "-": standard output */
    const char *sort, *filter; /* NULL: as the server has it */
};

/* Whether the server knows the format. */
bool devices_export_has(const char *format);
/* False after a printed line, and no file is left. */
bool devices_export(const struct remote *remote, const struct devices_export *wanted);
