/* What commands do with a reply once it is there. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/remote.h"

bool json_print(const json_t *json)
{
    /* A terminal obeys some characters beyond ASCII; a program that reads this gets them all. */
    size_t flags = JSON_INDENT(2) | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    if (!json_dumpf(json, stdout, flags) && putchar('\n') != EOF && !fflush(stdout)) return true;
    perror("godwit: writing the reply");
    return false;
}

const char *json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

unsigned long long json_number(const json_t *object, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(object, name));
    return number < 0 ? 0 : (unsigned long long)number;
}

const char *ago_text(uint64_t time_s, char *out, size_t size_max)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } UNITS[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    int64_t age = (int64_t)time(NULL) - (int64_t)time_s;
    snprintf(out, size_max, "%s", time_s ? "now" : "never");
    for (size_t i = 0; time_s && i < sizeof UNITS / sizeof *UNITS; i++) {
        if (age < UNITS[i].seconds) continue;
        snprintf(out, size_max, "%lld %s ago", (long long)(age / UNITS[i].seconds), UNITS[i].unit);
        break;
    }
    return out;
}
