/* Prints who waits to be let in, and what to type next. */
#include "cli/pending.h"

#include <stdio.h>
#include <string.h>

#include "cli/remote.h"

bool pending_has(const json_t *pending, const char *device_id)
{
    size_t index;
    json_t *token;
    json_array_foreach(pending, index,
                       token) if (!strcmp(json_text(token, "device_id"), device_id)) return true;
    return false;
}

/* Who asked last comes first, and is the one that may be accepted. */
static void commands_print(const json_t *token, bool is_last)
{
    const char *device = json_text(token, "device_id"), *mark = json_text(token, "token");
    if (is_last)
        printf("         let it in: godwit accept %s %s\n", device, mark);
    else
        puts("         it can be let in when those that came later are rejected");
    printf("         send it away: godwit reject %s %s\n", device, mark);
}

static bool came_before(const json_t *pending, size_t index, const char *device_id)
{
    for (size_t i = 0; i < index; i++)
        if (!strcmp(json_text(json_array_get(pending, i), "device_id"), device_id)) return true;
    return false;
}

void pending_print(const json_t *pending)
{
    size_t index;
    json_t *token;
    char ago[32];
    json_array_foreach(pending, index, token)
    {
        const char *device = json_text(token, "device_id");
        bool is_last = !came_before(pending, index, device);
        ago_text(json_number(token, "requested"), ago, sizeof ago);
        printf("pending  %s asks to join as %s %s with another token, %s (first seen %s)\n", device,
               json_text(token, "product"), json_text(token, "version"), json_text(token, "token"),
               ago);
        if (is_last)
            puts("         its flash or journal was lost, or somebody else knows its id; "
                 "the device with the former token continues meanwhile");
        commands_print(token, is_last);
    }
}
