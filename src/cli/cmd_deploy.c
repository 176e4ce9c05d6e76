/* Rolls a release out, and with --wait stays until every selected device has decided. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/pages.h"
#include "cli/remote.h"

#define POLL_MS 250
#define NOT_SEEN_AFTER_S 5 /* a device that has not asked by then is worth a word */
#define LINE_SIZE 160

/* What a rollout looks like in one line. Who has not asked yet is named once that is no longer a
 * matter of the moment. */
static void line_make(const json_t *rollout, bool names_not_seen, char *line, size_t size_max)
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
    if (incompatible)
        size += (size_t)snprintf(line + size, size_max - size, ", %llu incompatible", incompatible);
    if (not_seen && names_not_seen)
        snprintf(line + size, size_max - size, ", %llu not seen since it began", not_seen);
}

/* Whether every selected device runs the release for good. */
static bool all_confirmed(const json_t *rollout)
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

/* Devices that will not get there, with the reason; and how many had nothing to do. */
static void others_print(const struct remote *remote, const json_t *rollout)
{
    unsigned long long superseded = json_number(rollout, "superseded"),
                       up_to_date = json_number(rollout, "up_to_date");
    state_print(remote, rollout, "failed");
    state_print(remote, rollout, "incompatible");
    if (superseded)
        printf("  %llu superseded: a newer rollout took %s over\n", superseded,
               superseded == 1 ? "it" : "them");
    if (up_to_date) printf("  %llu ran it already\n", up_to_date);
}

/* Whether a device may still be heard of soon that has not decided; an older server does not say.
 */
static bool is_expecting(const json_t *rollout)
{
    const json_t *expected = json_object_get(rollout, "expected");
    if (strcmp(json_text(rollout, "state"), "running")) return false;
    return !expected || json_integer_value(expected) > 0;
}

/* Polls until all that can happen soon has happened or timeout_s is over; the last reply, or NULL.
 */
static json_t *rollout_follow(const struct remote *remote, unsigned long long rollout_id,
                              uint32_t timeout_s, bool is_quiet)
{
    char path[64], line[LINE_SIZE], shown[LINE_SIZE] = "";
    bool in_place = isatty(1);
    snprintf(path, sizeof path, "/api/v1/rollouts/%llu", rollout_id);
    time_t begun = time(NULL), until = begun + (time_t)timeout_s;
    for (;;) {
        json_t *rollout;
        if (!remote_call(remote, "GET", path, NULL, &rollout)) return NULL;
        bool is_over = !is_expecting(rollout) || (timeout_s && time(NULL) >= until);
        line_make(rollout, is_over || time(NULL) - begun >= NOT_SEEN_AFTER_S, line, sizeof line);
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

/* For whom it did not wait, and why; they are told when they check in. */
static void missing_print(const json_t *rollout)
{
    unsigned long long not_seen = json_number(rollout, "not_seen");
    const char *has = not_seen == 1 ? "has" : "have", *it = not_seen == 1 ? "it does" : "they do";
    if (not_seen && !is_expecting(rollout))
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

/* The first page of its devices, as a member of the rollout. */
static void devices_add(const struct remote *remote, json_t *rollout)
{
    char path[96];
    json_t *reply;
    snprintf(path, sizeof path, "/api/v1/rollouts/%llu/devices",
             json_number(rollout, "rollout_id"));
    if (!page_get(remote, path, PAGE_ROWS, "", &reply)) return;
    json_object_set(rollout, "devices", json_object_get(reply, "items"));
    json_decref(reply);
}

static int result_print(const struct remote *remote, json_t *rollout, bool as_json)
{
    if (as_json) devices_add(remote, rollout);
    if (as_json && !json_print(rollout)) return 1;
    if (!as_json) others_print(remote, rollout);
    if (!strcmp(json_text(rollout, "state"), "done")) return all_confirmed(rollout) ? 0 : 1;
    missing_print(rollout);
    return 1;
}

/* "--to a --to b,c": each device id, commas split. */
static json_t *devices_make(const struct option_list *to)
{
    json_t *devices = json_array();
    for (size_t i = 0; i < to->count; i++)
        for (const char *at = to->items[i]; *at;) {
            size_t size = strcspn(at, ",");
            if (size) json_array_append_new(devices, json_stringn(at, size));
            at += size + (at[size] == ',');
        }
    return devices;
}

static int deploy(const struct remote *remote, json_t *body, bool wait, uint32_t timeout_s,
                  bool as_json)
{
    json_t *rollout;
    bool is_good = remote_call(remote, "POST", "/api/v1/rollouts", body, &rollout);
    json_decref(body);
    if (!is_good) return 1;
    unsigned long long rollout_id = json_number(rollout, "rollout_id"),
                       selected = json_number(rollout, "selected");
    if (!as_json)
        printf("rollout %llu: %s %s to %llu device%s\n", rollout_id, json_text(rollout, "product"),
               json_text(rollout, "version"), selected, selected == 1 ? "" : "s");
    if (!wait) {
        if (as_json) devices_add(remote, rollout);
        is_good = !as_json || json_print(rollout);
        if (!as_json) puts("follow it with: godwit status");
        json_decref(rollout);
        return is_good ? 0 : 1;
    }
    fflush(stdout);
    json_decref(rollout);
    rollout = rollout_follow(remote, rollout_id, timeout_s, as_json);
    if (!rollout) return 1;
    int status = result_print(remote, rollout, as_json);
    json_decref(rollout);
    return status;
}

/* What deploy and undo share. */
struct deploy_flags {
    struct remote_flags remote;
    struct option_list to;
    bool wait;
    uint32_t timeout_s;
};
#define DEPLOY_ROWS(flags)                                                                 \
    {"--to", OPTION_LIST, &(flags).to, "DEVICE|FILTER",                                    \
     "only this device (again for more, or A,B,C), or those a filter finds now"},          \
        {"--wait", OPTION_FLAG, &(flags).wait, NULL,                                       \
         "stay until all have decided that still check in; exit 1 unless all confirm it"}, \
        {"--timeout", OPTION_NUMBER, &(flags).timeout_s, "S",                              \
         "with --wait: give up after S seconds"},                                          \
        REMOTE_ROWS((flags).remote)

/* Ids are hex digits and commas; whatever else is there makes it a filter, and never half an id. */
static bool is_filter(const char *text)
{
    return text[strspn(text, "0123456789abcdefABCDEF,")] != '\0';
}

static int deploy_to(const struct remote *remote, json_t *body, const struct deploy_flags *flags)
{
    const struct option_list *to = &flags->to;
    for (size_t i = 0; i < to->count && to->count > 1; i++)
        if (is_filter(to->items[i])) {
            fputs("godwit: --to takes one filter, or devices; not both\n", stderr);
            json_decref(body);
            return 2;
        }
    if (to->count && is_filter(to->items[0]))
        json_object_set_new(body, "filter", json_string(to->items[0]));
    else if (to->count)
        json_object_set_new(body, "devices", devices_make(to));
    return deploy(remote, body, flags->wait, flags->timeout_s, flags->remote.json);
}

int cmd_deploy(int argc, char **argv)
{
    struct deploy_flags flags = {0};
    const char *arguments[2] = {NULL, NULL};
    bool allow_downgrade = false, again = false, trust_reset = false, no_deploy_key = false,
         retrusted_key = false;
    const struct option_row rows[] = {
        {"--again", OPTION_FLAG, &again, NULL, "also to devices on which this image failed before"},
        {"--allow-downgrade", OPTION_FLAG, &allow_downgrade, NULL,
         "also to devices that run a higher release counter, down to their rollback floor"},
        {"--trust-reset", OPTION_FLAG, &trust_reset, NULL,
         "its policy may drop every key that devices know, and it is meant"},
        {"--no-deploy-key", OPTION_FLAG, &no_deploy_key, NULL,
         "devices that run it take unsigned instructions, and it is meant"},
        {"--retrusted-key", OPTION_FLAG, &retrusted_key, NULL,
         "its policy lists a key again that was dropped, and it is meant"},
        DEPLOY_ROWS(flags),
    };
    const struct options options = {"deploy",
                                    "PRODUCT VERSION [--to DEVICE|FILTER] [--wait] [--json]",
                                    "Rolls a release out to all devices of its product, or to "
                                    "those named. The release can not be changed afterwards.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    2,
                                    2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags.remote)) return 1;
    json_t *body =
        json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "product", arguments[0], "version",
                  arguments[1], "again", again, "allow_downgrade", allow_downgrade, "trust_reset",
                  trust_reset, "no_deploy_key", no_deploy_key, "retrusted_key", retrusted_key);
    status = deploy_to(&remote, body, &flags);
    remote_close(&remote);
    return status;
}

/* The version rolled out before the newest one of the product; NULL: none. rollouts: newest first.
 */
static const char *version_before(const json_t *rollouts, const char *product)
{
    size_t index;
    json_t *rollout;
    const char *newest = NULL;
    json_array_foreach(rollouts, index, rollout)
    {
        const char *version = json_text(rollout, "version");
        if (strcmp(json_text(rollout, "product"), product)) continue;
        if (newest && strcmp(newest, version)) return version;
        newest = newest ? newest : version;
    }
    return NULL;
}

static bool has_product(const json_t *products, const char *name)
{
    size_t index;
    json_t *product;
    json_array_foreach(products, index,
                       product) if (!strcmp(json_text(product, "name"), name)) return true;
    return false;
}

static int undo(const struct remote *remote, const char *product, const struct deploy_flags *flags)
{
    json_t *reply;
    if (!remote_call(remote, "GET", "/api/v1/status", NULL, &reply)) return 1;
    const char *version = version_before(json_object_get(reply, "rollouts"), product);
    int status = 1;
    if (version)
        /* The downgrade is what undo means; whatever weakens trust is for a person to say. */
        status = deploy_to(remote,
                           json_pack("{s:s, s:s, s:b}", "product", product, "version", version,
                                     "allow_downgrade", 1),
                           flags);
    else if (!has_product(json_object_get(reply, "products"), product))
        fprintf(stderr, "godwit: there is no product %s; `godwit status` lists them\n", product);
    else
        fprintf(stderr,
                "godwit: no release of %s was rolled out before the present one; deploy one by "
                "its version\n",
                product);
    json_decref(reply);
    return status;
}

int cmd_undo(int argc, char **argv)
{
    struct deploy_flags flags = {0};
    const char *arguments[1] = {NULL};
    const struct option_row rows[] = {DEPLOY_ROWS(flags)};
    const struct options options = {"undo",
                                    "PRODUCT [--to DEVICE|FILTER] [--wait] [--json]",
                                    "Rolls out again what was rolled out before the newest "
                                    "release, also to devices whose release counter is higher; "
                                    "never below a device's rollback floor. A release that needs "
                                    "an override flag is refused: `godwit deploy` takes those.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags.remote)) return 1;
    status = undo(&remote, arguments[0], &flags);
    remote_close(&remote);
    return status;
}
