/* Only what holds is said: a brake that so few devices as are left can not trip is not promised,
 * and nobody waits for a gate when all were offered the release. */
#include "cli/rollout_next.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/remote.h"

#define AWAY_AFTER_S 5

static bool is_running(const json_t *rollout)
{
    return !strcmp(json_text(rollout, "state"), "running");
}

/* Devices that can still fail: a failure long after the success is apart. */
static unsigned long long left_of(const json_t *rollout)
{
    return json_number(rollout, "queued") + json_number(rollout, "in_progress") +
           json_number(rollout, "soaking");
}

void rollout_brake_text(const json_t *rollout, char *out)
{
    const json_t *brake = json_object_get(rollout, "brake");
    unsigned long long failures = json_number(brake, "failures_left");
    *out = '\0';
    if (!brake || !is_running(rollout)) return;
    if (json_is_true(json_object_get(brake, "pauses_at_failure")))
        snprintf(out, ROLLOUT_NEXT_SIZE, "pauses for you to look when one %sfails",
                 json_number(rollout, "failed") ? "more " : "");
    else if (failures > left_of(rollout))
        snprintf(out, ROLLOUT_NEXT_SIZE, "too few devices are left to halt it");
    else if (failures == 1)
        snprintf(out, ROLLOUT_NEXT_SIZE, "halts if the next one fails");
    else
        snprintf(out, ROLLOUT_NEXT_SIZE, "halts if %llu %sfail in a row", failures,
                 json_number(rollout, "failed") ? "more " : "");
}

/* "hardware revision 2, esp32c3"; how many there are. */
static size_t list_strata(const json_t *rollout, const char *state, char *out, size_t size_max)
{
    size_t index, size = 0, count = 0;
    json_t *stratum;
    *out = '\0';
    json_array_foreach(json_object_get(rollout, "strata"), index, stratum)
    {
        if (strcmp(json_text(stratum, "state"), state)) continue;
        if (size < size_max)
            size += (size_t)snprintf(out + size, size_max - size, "%s%s", count ? ", " : "",
                                     json_text(stratum, "devices"));
        count++;
    }
    return count;
}

void rollout_strata_text(const json_t *rollout, char *out)
{
    char names[ROLLOUT_NEXT_SIZE / 2];
    *out = '\0';
    if (list_strata(rollout, "halted", names, sizeof names))
        snprintf(out, ROLLOUT_NEXT_SIZE, "halted for %s, on which it fails", names);
    else if (is_running(rollout) && list_strata(rollout, "overdue", names, sizeof names))
        snprintf(out, ROLLOUT_NEXT_SIZE,
                 "waits for %s: some may have switched and are silent since", names);
}

static void gate_text(const json_t *rollout, bool is_there, char *out)
{
    const json_t *gate = json_object_get(rollout, "next_gate");
    unsigned long long devices = json_number(gate, "devices");
    const char *soak = json_text(gate, "soak");
    if (!json_is_object(gate)) return;
    if (devices == 1)
        snprintf(out, ROLLOUT_NEXT_SIZE,
                 is_there ? "waits until the first device has proven it for %s"
                          : "stops after the first device, until it has proven it for %s",
                 soak);
    else
        snprintf(out, ROLLOUT_NEXT_SIZE,
                 is_there ? "waits until the first %llu devices have proven it, the last for %s"
                          : "stops after %llu devices, until the last has proven it for %s",
                 devices, soak);
}

void rollout_wait_text(const json_t *rollout, char *out)
{
    const char *reason = json_text(rollout, "waits_for");
    *out = '\0';
    if (!is_running(rollout) || !json_number(rollout, "queued")) return;
    if (!strcmp(reason, "overdue"))
        snprintf(out, ROLLOUT_NEXT_SIZE,
                 "waits for devices that are overdue, and halts if they stay silent");
    else
        gate_text(rollout, !strcmp(reason, "gate"), out);
}

void rollout_pace_text(const json_t *rollout, char *out)
{
    const json_t *pace = json_object_get(rollout, "pace"),
                 *places = json_object_get(pace, "places");
    unsigned long long count = json_number(pace, "places");
    bool is_full = !strcmp(json_text(rollout, "waits_for"), "queued");
    *out = '\0';
    if (!is_running(rollout) || !json_number(rollout, "queued") || !json_is_integer(places)) return;
    snprintf(out, ROLLOUT_NEXT_SIZE, "%llu of %llu place%s in use%s", json_number(pace, "in_use"),
             count, count == 1 ? "" : "s", is_full ? "; more are offered it as these succeed" : "");
}

void rollout_away_text(const json_t *rollout, char *out)
{
    unsigned long long away = json_number(rollout, "not_seen");
    bool is_new = (unsigned long long)time(NULL) < json_number(rollout, "created") + AWAY_AFTER_S;
    *out = '\0';
    if (is_running(rollout) && away && !is_new)
        snprintf(out, ROLLOUT_NEXT_SIZE, "%llu not seen since it began, or for long", away);
}
