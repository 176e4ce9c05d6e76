/* What the command line says of filters: the table of fields, and how one stands in an address. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* "usage" and the fields of src/filter, one a line; static. sentence: what the command does. */
const char *filter_help(const char *sentence);
/* Whether the argument names one device, by its id of 12 hex digits, and is no filter. */
bool is_device_id(const char *text);
/* "?name=value" or "&name=value" behind a path, each byte spelt so that it stays a text. */
void query_add(char *path, size_t size_max, const char *name, const char *value);
