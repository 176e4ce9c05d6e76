/* The verdict, by what the server saw alone: so it is the same for every board. */
#include <stdarg.h>
#include <stdio.h>

#include "sim/attack.h"

static void blame(struct attack_result *result, enum attack_verdict verdict, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));

/* The first complaint stays, but none is worse than "accepted". */
static void blame(struct attack_result *result, enum attack_verdict verdict, const char *format,
                  ...)
{
    if (result->verdict == ATTACK_ACCEPTED) return;
    if (result->verdict == ATTACK_FAILED && verdict == ATTACK_FAILED) return;
    va_list args;
    va_start(args, format);
    vsnprintf(result->why, sizeof result->why, format, args);
    va_end(args);
    result->verdict = verdict;
}

static bool has_wanted_reason(const struct attack *attack)
{
    for (size_t i = 0; i < 4 && attack->row->reasons[i]; i++)
        if (attack_has_reason(attack, attack->row->reasons[i])) return true;
    return false;
}

bool attack_is_decided(const struct attack *attack)
{
    switch (attack->row->end) {
    case ATTACK_REFUSED:
        return has_wanted_reason(attack) || attack->seen.has_installed;
    case ATTACK_INSTALLED:
        return attack->seen.has_installed;
    case ATTACK_WHOLE:
        return attack->seen.has_installed || attack->seen.first_reason;
    case ATTACK_KEPT:
        break;
    }
    return attack->seen.has_strange;
}

static void check_end(const struct attack *attack, struct attack_result *result)
{
    const struct attack_case *row = attack->row;
    uint32_t reason = attack->seen.first_reason;
    if (row->end == ATTACK_REFUSED && !has_wanted_reason(attack))
        blame(result, ATTACK_FAILED, "refused for another reason than %s: %s",
              godwit_reason_id(row->reasons[0]), reason ? godwit_reason_id(reason) : "none said");
    if (row->end == ATTACK_INSTALLED && !attack->seen.has_installed)
        blame(result, ATTACK_FAILED, "the offered release was not installed: %s",
              reason ? godwit_reason_id(reason) : "no reason said");
}

void attack_check(const struct attack *attack, struct attack_result *result)
{
    const struct attack_seen *seen = &attack->seen;
    *result = (struct attack_result){.requests = seen->requests,
                                     .images = seen->image_requests,
                                     .reason = attack->seen.first_reason};
    if (seen->has_strange) blame(result, ATTACK_ACCEPTED, "%s", seen->strange);
    if (attack->row->end < ATTACK_WHOLE && seen->has_installed)
        blame(result, ATTACK_ACCEPTED, "the thief's file was installed");
    if (seen->has_leaked)
        blame(result, ATTACK_ACCEPTED, "the device's token went where it must not");
    check_end(attack, result);
    const char *more = attack->row->check ? attack->row->check(attack) : NULL;
    if (more)
        blame(result, attack->row->checks_belief ? ATTACK_ACCEPTED : ATTACK_FAILED, "%s", more);
    if (seen->strays)
        blame(result, ATTACK_FAILED, "%u requests for what no device asks", seen->strays);
    if (attack->is_live && !seen->after_request_ms)
        blame(result, ATTACK_FAILED, "the board did not come back to the honest server");
    if (!attack->is_live && !seen->has_recovered)
        blame(result, ATTACK_FAILED, "the honest server's next release was not installed: %s",
              seen->last.outcome.id ? godwit_reason_id(seen->last.outcome.reason) : "no word");
}

const char *attack_verdict_name(enum attack_verdict verdict)
{
    static const char *const names[] = {"held", "ACCEPTED", "FAILED"};
    return names[verdict];
}
