/* Which of several names was probably meant by a misspelt one. */
#pragma once

#include <stddef.h>

#define NEAREST_SIZE_MAX 40 /* bytes of a name; a longer one is like none */

/* How many letters must be changed, added, left out or swapped with their neighbour to make one
 * name of the other, upper case alike (the optimal string alignment distance); SIZE_MAX where one
 * is too long. */
size_t nearest_distance(const char *a, const char *b);

/* Looks at one name more; the caller keeps best and distance, and begins with *best NULL. A name
 * counts as near with at most a third of its letters wrong, and at least one. */
void nearest_take(const char *wanted, const char *name, const char **best, size_t *distance);
