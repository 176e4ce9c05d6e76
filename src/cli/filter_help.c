/* Filters on the command line. The server reads them; here is only what --help says. */
#include "cli/filter_help.h"

#include <stdio.h>
#include <string.h>

#include "filter/filter.h"

#define HELP_MAX 3072
#define DEVICE_ID_SIZE 12

const char *filter_help(const char *sentence)
{
    static char text[HELP_MAX];
    size_t used = (size_t)snprintf(
        text, sizeof text,
        "%s\n\nFILTER: words that must all hold, such as 'state:failed chip:esp32c3'. `,` between "
        "values is or, `-` before\na word is not, `*` any text, < and > compare. A word without a "
        "field looks into name, id and version.",
        sentence);
    for (enum filter_field i = 0; i < FILTER_FIELDS_COUNT && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "\n  %-9s %s",
                                 filter_field_name(i), filter_field_sentence(i));
    return text;
}

bool is_device_id(const char *text)
{
    return strlen(text) == DEVICE_ID_SIZE &&
           strspn(text, "0123456789abcdefABCDEF") == DEVICE_ID_SIZE;
}

void query_add(char *path, size_t size_max, const char *name, const char *value)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t used = strlen(path);
    used += (size_t)snprintf(path + used, size_max - used, "%c%s=", strchr(path, '?') ? '&' : '?',
                             name);
    for (; *value && used + 4 < size_max; value++)
        used += (size_t)snprintf(path + used, size_max - used,
                                 strchr(PLAIN, *value) ? "%c" : "%%%02X", (unsigned char)*value);
}
