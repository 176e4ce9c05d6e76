/* How a rollout goes, as lines on a terminal. */
#include "cli/rollout_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/pages.h"
#include "cli/rollout_next.h"

#define POLL_MS 250
#define NOT_SEEN_AFTER_S 5 /* a device that has not asked by then is worth a word */

bool rollout_is_stopped(const json_t *rollout)
{
    const char *state = json_text(rollout, "state");
    return !strcmp(state, "paused") || !strcmp(state, "halted") || !strcmp(state, "undone");
}

void rollout_line(const json_t *rollout, bool names_not_seen, char *line, size_t size_max)
{
    unsigned long long selected = json_number(rollout, "selected"),
                       incompatible = json_number(rollout, "incompatible"),
                       not_seen = json_number(rollout, "not_seen");
    unsigned long long succeeded = json_number(rollout, "succeeded"),
                       failed = json_number(rollout, "failed");
    bool is_done = !strcmp(json_text(rollout, "state"), "done");
    unsigned long long finished =
        is_done ? selected - incompatible : succeeded + failed + json_number(rollout, "up_to_date");
    size_t filled = selected ? (size_t)(finished * 20 / selected) : 20;
    snprintf(line, size_max, "  [%.*s%.*s] %llu of %llu confirmed, %llu in progress, %llu failed",
             (int)filled, "####################", (int)(20 - filled), "....................",
             succeeded, selected, json_number(rollout, "in_progress"), failed);
    size_t size = strlen(line);
    const char *const others[] = {"soaking", "undoing", "undone"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (json_number(rollout, others[i]))
            size += (size_t)snprintf(line + size, size_max - size, ", %llu %s",
                                     json_number(rollout, others[i]), others[i]);
    if (incompatible)
        size += (size_t)snprintf(line + size, size_max - size, ", %llu incompatible", incompatible);
    if (not_seen && names_not_seen)
        size += (size_t)snprintf(line + size, size_max - size, ", %llu not seen since it began",
                                 not_seen);
    char strata[ROLLOUT_NEXT_SIZE];
    rollout_strata_text(rollout, strata);
    if (*strata) size += (size_t)snprintf(line + size, size_max - size, "; %s", strata);
    if (size < size_max && rollout_is_stopped(rollout))
        snprintf(line + size, size_max - size, "; %s by %s", json_text(rollout, "state"),
                 json_text(rollout, "state_by"));
}

void rollout_guards_print(const json_t *rollout)
{
    const char *window = json_text(rollout, "window"), *zone = json_text(rollout, "tz");
    unsigned long long per_site = json_number(rollout, "per_site"),
                       battery = json_number(rollout, "battery_min");
    if (*window)
        printf("  window: %s in each device's local time, which is %s where it does not say its "
               "own\n",
               window, *zone ? zone : "UTC");
    if (per_site)
        printf("  site rule: at most %llu device%s of one site in progress at once\n", per_site,
               per_site == 1 ? "" : "s");
    if (json_is_true(json_object_get(rollout, "consent")))
        puts("  consent: asked for; `godwit consent DEVICE` gives it, or its application");
    if (battery && battery != 20)
        printf("  battery: at least %llu %% where a device says what it has\n", battery);
}

bool rollout_is_all_confirmed(const json_t *rollout)
{
    return json_number(rollout, "succeeded") + json_number(rollout, "up_to_date") ==
           json_number(rollout, "selected");
}

/* Devices in that state, with the reason: the first page of them. */
static void state_print(const struct remote *remote, const json_t *rollout, const char *state)
{
    char path[96];
    size_t index;
    json_t *reply, *device;
    snprintf(path, sizeof path, "/api/v1/rollouts/%llu/devices?state=%s",
             json_number(rollout, "rollout_id"), state);
    if (!json_number(rollout, state) || !page_get(remote, path, PAGE_ROWS, "", &reply)) return;
    json_array_foreach(json_object_get(reply, "items"), index, device)
        printf("  %s %s: %s (%s)\n", json_text(device, "device_id"), state,
               json_text(device, "sentence"), json_text(device, "reason"));
    if (page_next(reply)[0])
        printf("  … and more that are %s: %llu in all\n", state, json_number(rollout, state));
    json_decref(reply);
}

void rollout_others_print(const struct remote *remote, const json_t *rollout)
{
    unsigned long long superseded = json_number(rollout, "superseded"),
                       up_to_date = json_number(rollout, "up_to_date");
    state_print(remote, rollout, "failed");
    state_print(remote, rollout, "incompatible");
    if (json_number(rollout, "halted"))
        printf("  %llu are not offered it any more\n", json_number(rollout, "halted"));
    if (superseded)
        printf("  %llu superseded: a newer rollout took %s over\n", superseded,
               superseded == 1 ? "it" : "them");
    if (up_to_date) printf("  %llu ran it already\n", up_to_date);
}

bool rollout_is_expecting(const json_t *rollout)
{
    const json_t *expected = json_object_get(rollout, "expected");
    if (strcmp(json_text(rollout, "state"), "running")) return false;
    return !expected || json_integer_value(expected) > 0;
}

json_t *rollout_follow(const struct remote *remote, unsigned long long rollout_id,
                       uint32_t timeout_s, bool is_quiet)
{
    char path[64], line[ROLLOUT_LINE_SIZE], shown[ROLLOUT_LINE_SIZE] = "";
    bool in_place = isatty(1);
    snprintf(path, sizeof path, "/api/v1/rollouts/%llu", rollout_id);
    time_t begun = time(NULL), until = begun + (time_t)timeout_s;
    for (;;) {
        json_t *rollout;
        if (!remote_call(remote, "GET", path, NULL, &rollout)) return NULL;
        bool is_over = !rollout_is_expecting(rollout) || (timeout_s && time(NULL) >= until);
        rollout_line(rollout, is_over || time(NULL) - begun >= NOT_SEEN_AFTER_S, line, sizeof line);
        if (!is_quiet && strcmp(line, shown)) {
            printf(in_place ? "\r\033[K%s" : "%s\n", line);
            fflush(stdout);
            memcpy(shown, line, sizeof shown);
        }
        if (is_over) {
            if (!is_quiet && in_place) putchar('\n');
            return rollout;
        }
        json_decref(rollout);
        nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
    }
}

/* What a person can do about a rollout that offers nothing any more. */
static void stopped_print(const json_t *rollout)
{
    bool is_paused = !strcmp(json_text(rollout, "state"), "paused");
    if (is_paused)
        fprintf(stderr,
                "godwit: the rollout is paused; `godwit rollout resume %llu` lets it go on\n",
                json_number(rollout, "rollout_id"));
    else
        fputs("godwit: the rollout was halted, which is its end; devices keep what they run; "
              "deploy a better release\n",
              stderr);
}

void rollout_missing_print(const json_t *rollout)
{
    if (rollout_is_stopped(rollout)) {
        stopped_print(rollout);
        return;
    }
    unsigned long long not_seen = json_number(rollout, "not_seen");
    const char *has = not_seen == 1 ? "has" : "have", *it = not_seen == 1 ? "it does" : "they do";
    if (not_seen && !rollout_is_expecting(rollout))
        fprintf(stderr,
                "godwit: not waiting for %llu device%s that %s not checked in for long; the "
                "release is offered when %s (`godwit devices` shows when each was seen)\n",
                not_seen, not_seen == 1 ? "" : "s", has, it);
    else if (not_seen)
        fprintf(stderr,
                "godwit: not all devices have finished yet; %llu %s not checked in since the "
                "rollout began (`godwit devices` shows when each was seen); `godwit status` shows "
                "how it goes on\n",
                not_seen, has);
    else
        fputs("godwit: not all devices have finished yet; `godwit status` shows how it continues\n",
              stderr);
}
