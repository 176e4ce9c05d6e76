/* Notes on their way from the writer to the listeners; a part of events.c, without threads. */
#pragma once

#include "fleet/access.h"
#include "server/events.h"

struct event_note {
    uint64_t number; /* 0: none yet */
    char org[33], product[33], kind[24], object[80];
    char text[EVENT_TEXT_MAX]; /* JSON */
};

struct event_notes {
    size_t count;
    bool is_over; /* more than there is room for */
    struct event_note notes[EVENTS_QUEUE_MAX];
};

/* False: it is not told (a text that is too long). */
bool event_note_make(struct event_note *out, const char *org, const char *kind, const char *object,
                     json_t *facts);
/* In the place of an older note of the same object, else behind all others. */
void event_notes_add(struct event_notes *notes, const struct event_note *note);

/* The newest EVENTS_RING notes, by number. */
struct event_ring {
    uint64_t last; /* number of the newest; 0: none yet */
    struct event_note notes[EVENTS_RING];
};

void event_ring_add(struct event_ring *ring, const struct event_note *note);
/* Whether all that came after this number is still there. */
bool event_ring_reaches(const struct event_ring *ring, uint64_t number);
const struct event_note *event_ring_at(const struct event_ring *ring, uint64_t number);

/* Whether the actor may hear of it: his organisation, his product, and people and tokens for admins
 * alone. A note without an organisation (reset) is for all. */
bool event_is_for(const struct event_note *note, const struct actor *actor);
