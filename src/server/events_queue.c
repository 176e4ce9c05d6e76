/* Linear search finds the older note of an object: there are at most EVENTS_QUEUE_MAX, and the
 * writer has just waited for the disk. */
#include "server/events_queue.h"

#include "server/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What everybody hears of who may read; all other kinds are for admins. */
static const char *const READ_BY_ALL[] = {"device", "rollout", "release", "image", "reset"};

bool event_note_make(struct event_note *out, const char *org, const char *kind, const char *object,
                     json_t *facts)
{
    memset(out, 0, sizeof *out);
    snprintf(out->org, sizeof out->org, "%s", org);
    snprintf(out->kind, sizeof out->kind, "%s", kind);
    snprintf(out->object, sizeof out->object, "%s", object);
    const char *product = json_string_value(json_object_get(facts, "product"));
    snprintf(out->product, sizeof out->product, "%s", product ? product : "");
    char *text = json_text_make(facts, JSON_COMPACT);
    json_decref(facts);
    bool fits = text && strlen(text) < sizeof out->text;
    if (fits) memcpy(out->text, text, strlen(text) + 1);
    free(text);
    return fits;
}

static bool is_same(const struct event_note *a, const struct event_note *b)
{
    return !strcmp(a->object, b->object) && !strcmp(a->kind, b->kind) && !strcmp(a->org, b->org);
}

void event_notes_add(struct event_notes *notes, const struct event_note *note)
{
    size_t place = 0;
    while (place < notes->count && !is_same(&notes->notes[place], note))
        place++;
    if (place == EVENTS_QUEUE_MAX) {
        notes->is_over = true;
        return;
    }
    notes->notes[place] = *note;
    if (place == notes->count) notes->count++;
}

void event_ring_add(struct event_ring *ring, const struct event_note *note)
{
    ring->last++;
    struct event_note *place = &ring->notes[ring->last % EVENTS_RING];
    *place = *note;
    place->number = ring->last;
}

bool event_ring_reaches(const struct event_ring *ring, uint64_t number)
{
    return number <= ring->last && ring->last - number <= EVENTS_RING;
}

const struct event_note *event_ring_at(const struct event_ring *ring, uint64_t number)
{
    const struct event_note *note = &ring->notes[number % EVENTS_RING];
    return note->number == number ? note : NULL;
}

bool event_is_for(const struct event_note *note, const struct actor *actor)
{
    bool is_read_by_all = false;
    for (size_t i = 0; i < sizeof READ_BY_ALL / sizeof *READ_BY_ALL; i++)
        is_read_by_all |= !strcmp(note->kind, READ_BY_ALL[i]);
    if (!is_read_by_all && (actor->role < ROLE_ADMIN || !(actor->scopes & SCOPE_ADMIN)))
        return false;
    if (!*note->org) return true;
    if (strcmp(note->org, actor->org) != 0) return false;
    return !*actor->product || !strcmp(actor->product, note->product);
}
