/* Rolls a release out, and with --wait stays until every selected device has decided. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/deploy_file.h"
#include "cli/filter_help.h"
#include "cli/pages.h"
#include "cli/remote.h"
#include "cli/rollout_text.h"

#define PER_SITE_UNSET UINT32_MAX /* so that 0 is refused, and not taken for none */

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
    if (!as_json) rollout_others_print(remote, rollout);
    if (!strcmp(json_text(rollout, "state"), "done"))
        return rollout_is_all_confirmed(rollout) ? 0 : 1;
    rollout_missing_print(rollout);
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
        if (!as_json)
            printf("follow it with: godwit rollout watch %llu; stop it with: godwit rollout halt "
                   "%llu\n",
                   rollout_id, rollout_id);
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

/* What a rollout asks of each device besides its turn. */
struct guard_flags {
    const char *window, *tz, *battery;
    uint32_t per_site;
    bool consent;
};
#define GUARD_ROWS(guards)                                                                      \
    {"--window", OPTION_TEXT, &(guards).window, "WINDOW",                                       \
     "when devices may install it, in their local time: 'mon-fri 02:00-05:00', '22:00-04:00'"}, \
        {"--tz", OPTION_TEXT, &(guards).tz, "OFFSET",                                           \
         "with --window: local time of devices without a tag or attribute tz, as +02:00 "       \
         "(default UTC)"},                                                                      \
        {"--per-site", OPTION_NUMBER, &(guards).per_site, "N",                                  \
         "no more than N devices of one site (tag site=…) in progress at once"},                \
        {"--consent", OPTION_FLAG, &(guards).consent, NULL,                                     \
         "only to devices whose application says consent=yes, or for which `godwit consent` "   \
         "says it"},                                                                            \
    {                                                                                           \
        "--battery", OPTION_TEXT, &(guards).battery, "PERCENT",                                 \
            "not to devices that say a lower battery (default 20)"                              \
    }

/* The server refuses what makes no sense, with the reason. */
static void guards_add(json_t *body, const struct guard_flags *guards)
{
    char *end;
    if (guards->window) json_object_set_new(body, "window", json_string(guards->window));
    if (guards->tz) json_object_set_new(body, "tz", json_string(guards->tz));
    if (guards->per_site != PER_SITE_UNSET)
        json_object_set_new(body, "per_site", json_integer(guards->per_site));
    if (guards->consent) json_object_set_new(body, "consent", json_true());
    if (!guards->battery) return;
    long percent = strtol(guards->battery, &end, 10);
    bool is_number = *guards->battery && !*end;
    json_object_set_new(body, "battery_min",
                        is_number ? json_integer(percent) : json_string(guards->battery));
}

/* What deploy and undo share. */
struct deploy_flags {
    struct remote_flags remote;
    struct option_list to;
    const char *soak, *gates;
    const char *first, *priority;
    bool wait, continuous;
    uint32_t timeout_s;
};
#define DEPLOY_ROWS(flags)                                                                         \
    {"--to", OPTION_LIST, &(flags).to, "DEVICE|FILTER",                                            \
     "only this device (again for more, or A,B,C), or those a filter finds now"},                  \
        {"--first", OPTION_TEXT, &(flags).first, "DEVICE|FILTER", "these come before the others"}, \
        {"--priority", OPTION_TEXT, &(flags).priority, "PRIORITY",                                 \
         "low, normal or high: of several rollouts the highest speaks to a device"},               \
        {"--continuous", OPTION_FLAG, &(flags).continuous, NULL,                                   \
         "with --to FILTER: also devices that fit it later"},                                      \
        {"--soak", OPTION_TEXT, &(flags).soak, "TIME",                                             \
         "how long a device must run it to have succeeded, as in 90s, 30m or 2h"},                 \
        {"--gates", OPTION_TEXT, &(flags).gates, "GATES",                                          \
         "where it waits for proof, as in 10:30m,1%:2h (after ten devices for 30 "                 \
         "minutes, after 1 % for two hours), or none"},                                            \
        {"--wait", OPTION_FLAG, &(flags).wait, NULL,                                               \
         "stay until all have decided that still check in; exit 1 unless all confirm it"},         \
        {"--timeout", OPTION_NUMBER, &(flags).timeout_s, "S",                                      \
         "with --wait: give up after S seconds"},                                                  \
        REMOTE_ROWS((flags).remote)

/* Ids are hex digits and commas; whatever else is there makes it a filter, and never half an id. */
static bool is_filter(const char *text)
{
    return text[strspn(text, "0123456789abcdefABCDEF,")] != '\0';
}

/* Ids are a filter too. */
static void first_add(json_t *body, const char *first)
{
    if (first && is_filter(first))
        json_object_set_new(body, "first", json_string(first));
    else if (first)
        json_object_set_new(body, "first", json_sprintf("id:%s", first));
}

static int deploy_to(const struct remote *remote, json_t *body, const struct deploy_flags *flags)
{
    const struct option_list *to = &flags->to;
    if (flags->soak) json_object_set_new(body, "soak", json_string(flags->soak));
    first_add(body, flags->first);
    if (flags->priority) json_object_set_new(body, "priority", json_string(flags->priority));
    if (flags->continuous) json_object_set_new(body, "continuous", json_true());
    if (flags->gates) json_object_set_new(body, "gates", json_string(flags->gates));
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
    struct guard_flags guards = {.per_site = PER_SITE_UNSET};
    const char *arguments[2] = {NULL, NULL};
    bool allow_downgrade = false, again = false, trust_reset = false, no_deploy_key = false,
         retrusted_key = false, no_return = false, some_chips = false;
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
        {"--no-return", OPTION_FLAG, &no_return, NULL,
         "devices that confirm it can not be sent back, and it is meant"},
        {"--some-chips", OPTION_FLAG, &some_chips, NULL,
         "also where it has no image for the chip of some: these stay as they are"},
        GUARD_ROWS(guards),
        DEPLOY_ROWS(flags),
    };
    const struct options options = {"deploy",
                                    "FILE | PRODUCT VERSION [--to DEVICE|FILTER] [--wait] [--json]",
                                    "Rolls a release out to all devices of its product, or to "
                                    "those named. The release can not be changed afterwards. A "
                                    "FILE (.bin) is uploaded if the server does not have it; "
                                    "product and version are those inside.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    bool is_file = !arguments[1];
    if (is_file && !is_deploy_file(arguments[0])) return deploy_file_complain(arguments[0]);
    struct remote remote;
    if (!remote_open(&remote, &flags.remote)) return 1;
    json_t *body =
        json_pack("{s:s, s:s*, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "product", arguments[0],
                  "version", arguments[1], "again", again, "allow_downgrade", allow_downgrade,
                  "trust_reset", trust_reset, "no_deploy_key", no_deploy_key, "retrusted_key",
                  retrusted_key, "no_return", no_return, "some_chips", some_chips);
    guards_add(body, &guards);
    if (!is_file || deploy_file(&remote, arguments[0], flags.remote.json, body)) {
        status = deploy_to(&remote, body, &flags);
    } else {
        json_decref(body);
        status = 1;
    }
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

static void print_sent_back(const json_t *reply)
{
    (void)reply;
    puts("the device is sent back to what it came from with its next check-in");
}

int cmd_undo(int argc, char **argv)
{
    struct deploy_flags flags = {0};
    const char *arguments[1] = {NULL};
    const struct option_row rows[] = {DEPLOY_ROWS(flags)};
    const struct options options = {"undo",
                                    "PRODUCT [--to DEVICE|FILTER] [--wait] [--json] | DEVICE",
                                    "Sends one device back to the release that it came from; or "
                                    "rolls out again what was rolled out before the newest "
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
    if (is_device_id(arguments[0]))
        return device_do(&flags.remote, "POST", arguments[0], "undo", print_sent_back);
    struct remote remote;
    if (!remote_open(&remote, &flags.remote)) return 1;
    status = undo(&remote, arguments[0], &flags);
    remote_close(&remote);
    return status;
}
