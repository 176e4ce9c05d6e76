/* The words of the reasons: text id, the state that it makes of the device, a sentence. */
#include "fleet/decision_reason.h"

#include <string.h>

static const struct {
    const char *id, *state, *sentence;
} REASONS[] = {
#define DECISION_REASON_ROW(name, id, state, sentence) {id, state, sentence},
    DECISION_REASONS(DECISION_REASON_ROW)
#undef DECISION_REASON_ROW
};

const char *decision_reason_id(enum decision_reason reason)
{
    return REASONS[reason].id;
}

const char *decision_reason_state(enum decision_reason reason)
{
    return REASONS[reason].state;
}

const char *decision_reason_sentence(enum decision_reason reason)
{
    return REASONS[reason].sentence;
}

const char *decision_sentence_by_id(const char *id)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        if (!strcmp(REASONS[i].id, id)) return REASONS[i].sentence;
    return "";
}
