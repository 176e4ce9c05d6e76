/* The text of gates is their one form: in SQL, JSON and on the command line. A gate that stops no
 * later than the one before it is refused where the order of both is plain from the text, and else
 * when it is known how many are selected. */
#include "fleet/gates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    char letter;
    uint32_t seconds;
} UNITS[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

/* The number at *text, which moves behind it. False: there is none, or it is too large. */
static bool take_number(const char **text, uint32_t max, uint32_t *out)
{
    char *end;
    if (**text < '0' || **text > '9') return false;
    unsigned long value = strtoul(*text, &end, 10);
    *text = end;
    *out = (uint32_t)value;
    return value <= max;
}

bool duration_parse(const char *text, uint32_t *seconds_out)
{
    uint32_t number, unit = 0;
    if (!take_number(&text, SOAK_MAX_S, &number)) return false;
    if (!*text) unit = 1; /* seconds need not be said */
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (*text == UNITS[i].letter && !text[1]) unit = UNITS[i].seconds;
    if (!unit || number > SOAK_MAX_S / unit) return false;
    *seconds_out = number * unit;
    return true;
}

/* "10:30m", "1%:2h" or "0.5%:2h". */
static bool take_gate(char *text, struct rollout_gate *gate)
{
    const char *at = text;
    uint32_t whole, tenth = 0;
    char *colon = strchr(text, ':');
    if (!colon || !duration_parse(colon + 1, &gate->soak_s)) return false;
    *colon = '\0';
    if (!take_number(&at, UINT32_MAX, &whole)) return false;
    if (*at == '.') {
        at++;
        if (!take_number(&at, 9, &tenth) || *at != '%') return false;
    }
    if (!*at) {
        gate->devices = whole;
        return whole > 0;
    }
    gate->per_mille = whole <= 100 ? 10 * whole + tenth : 0;
    return !strcmp(at, "%") && gate->per_mille > 0 && gate->per_mille < 1000;
}

/* Of two that count alike, the later stops later. */
static bool is_behind(const struct rollout_gate *gate, const struct rollout_gate *before)
{
    if (!gate->devices != !before->devices) return true;
    return gate->devices > before->devices || gate->per_mille > before->per_mille;
}

godwit_err gates_parse(const char *text, struct proof_plan *out, char *note, size_t note_size)
{
    char copy[GATES_TEXT_MAX], *rest = copy;
    out->gates_count = 0;
    if (!*text || !strcmp(text, "none")) return GODWIT_OK;
    snprintf(note, note_size, "the gates are too long: at most %d of them", GATES_MAX);
    if (strlen(text) >= sizeof copy) return GODWIT_ERR_FORMAT;
    memcpy(copy, text, strlen(text) + 1);
    for (char *one; (one = strsep(&rest, ","));) {
        char shown[GATES_TEXT_MAX];
        if (out->gates_count == GATES_MAX) return GODWIT_ERR_FORMAT;
        struct rollout_gate *gate = &out->gates[out->gates_count];
        *gate = (struct rollout_gate){0};
        memcpy(shown, one, strlen(one) + 1);
        if (!take_gate(one, gate)) {
            snprintf(note, note_size,
                     "'%s' is no gate; write DEVICES:SOAK or SHARE%%:SOAK, as in 10:30m,1%%:2h",
                     shown);
            return GODWIT_ERR_FORMAT;
        }
        if (out->gates_count && !is_behind(gate, gate - 1)) {
            snprintf(note, note_size, "the gate '%s' stops no later than the one before it", shown);
            return GODWIT_ERR_FORMAT;
        }
        out->gates_count++;
    }
    return GODWIT_OK;
}

void duration_format(uint32_t seconds, char out[static DURATION_TEXT_MAX])
{
    size_t unit = 0;
    while (seconds % UNITS[unit].seconds || (!seconds && UNITS[unit].seconds > 1))
        unit++;
    snprintf(out, DURATION_TEXT_MAX, "%u%c", seconds / UNITS[unit].seconds, UNITS[unit].letter);
}

void gates_format(const struct proof_plan *plan, char out[static GATES_TEXT_MAX])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < plan->gates_count; i++) {
        const struct rollout_gate *gate = &plan->gates[i];
        char many[16], soak[DURATION_TEXT_MAX];
        if (gate->devices)
            snprintf(many, sizeof many, "%u", gate->devices);
        else if (gate->per_mille % 10)
            snprintf(many, sizeof many, "%u.%u%%", gate->per_mille / 10, gate->per_mille % 10);
        else
            snprintf(many, sizeof many, "%u%%", gate->per_mille / 10);
        duration_format(gate->soak_s, soak);
        used += (size_t)snprintf(out + used, GATES_TEXT_MAX - used, "%s%s:%s", i ? "," : "", many,
                                 soak);
    }
}

uint32_t gate_devices(const struct rollout_gate *gate, uint32_t selected)
{
    if (gate->devices) return gate->devices;
    return (uint32_t)(((uint64_t)selected * gate->per_mille + 999) / 1000);
}

bool gates_rise(const struct proof_plan *plan, uint32_t selected)
{
    for (size_t i = 1; i < plan->gates_count; i++)
        if (gate_devices(&plan->gates[i], selected) <= gate_devices(&plan->gates[i - 1], selected))
            return false;
    return true;
}
