/* A line is kept up to a bound, for a server may send anything; an id that is none of ours is not
 * kept, because it goes into the head of the next request. */
#include "cli/event_lines.h"

#include <stdio.h>
#include <string.h>

static const char *value_of(const char *line, const char *name)
{
    size_t size = strlen(name);
    if (strncmp(line, name, size) != 0) return NULL;
    return line + size + (line[size] == ' ');
}

static void take_line(struct event_lines *lines, event_take *take, void *ctx)
{
    const char *kind = value_of(lines->line, "event:"), *id = value_of(lines->line, "id:"),
               *data = value_of(lines->line, "data:");
    if (kind) snprintf(lines->kind, sizeof lines->kind, "%s", kind);
    if (id && strlen(id) < sizeof lines->id && strspn(id, "0123456789-") == strlen(id))
        snprintf(lines->id, sizeof lines->id, "%s", id);
    if (data && strlen(data) < sizeof lines->data)
        snprintf(lines->data, sizeof lines->data, "%s", data);
    if (lines->size) return;
    if (lines->kind[0]) take(ctx, lines);
    lines->kind[0] = lines->id[0] = lines->data[0] = '\0';
}

void event_lines_feed(struct event_lines *lines, const char *data, size_t size, event_take *take,
                      void *ctx)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\r') continue;
        if (data[i] != '\n') {
            if (lines->size < sizeof lines->line - 1) lines->line[lines->size++] = data[i];
            continue;
        }
        lines->line[lines->size] = '\0';
        take_line(lines, take, ctx);
        lines->size = 0;
    }
}
