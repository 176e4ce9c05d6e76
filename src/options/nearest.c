/* The table of distances, of which three rows are kept: a swap looks two back. */
#include "options/nearest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
}

size_t nearest_distance(const char *a, const char *b)
{
    size_t rows[3][NEAREST_SIZE_MAX + 1], a_size = strlen(a), b_size = strlen(b);
    if (a_size > NEAREST_SIZE_MAX || b_size > NEAREST_SIZE_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t changed = before[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            now[j] = least(changed, least(before[j], now[j - 1]) + 1);
            bool is_swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                              lower(a[i - 2]) == lower(b[j - 1]);
            if (is_swapped) now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

void nearest_take(const char *wanted, const char *name, const char **best, size_t *distance)
{
    size_t found = nearest_distance(wanted, name);
    if (found > 1 && found > strlen(name) / 3) return;
    if (*best && found >= *distance) return;
    *best = name;
    *distance = found;
}
