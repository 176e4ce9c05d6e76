/* Tokens that wait to be let in under the id of a device that joined with another. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* A line for each, and what to type next; nothing where none waits. */
void pending_print(const json_t *pending);
bool pending_has(const json_t *pending, const char *device_id);
