/* What an operator changes about devices: `name`, `tag`, `retire`, `transfer`. One device is named
 * by its id; many by a filter, and the server then changes them batch by batch, so that no request
 * grows with the fleet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/filter_help.h"
#include "cli/remote.h"
#include "cli/table.h"

#define TAGS_MAX 16 /* in one command */

struct edit {
    struct remote_flags flags;
    bool yes;
    const char *done; /* "retired": behind "212 devices" */
};

#define YES_ROW(edit)                                            \
    {                                                            \
        "--yes", OPTION_FLAG, &(edit).yes, NULL,                 \
            "it is meant, however many devices the filter finds" \
    }

/* Prints and frees the reply. */
static int finish(const struct edit *edit, json_t *reply, const char *sentence)
{
    bool is_good = true;
    if (edit->flags.json)
        is_good = json_print(reply);
    else
        puts(sentence);
    json_decref(reply);
    return is_good ? 0 : 1;
}

static int edit_one(const struct edit *edit, const struct remote *remote, const char *device,
                    const char *method, const char *verb, const json_t *body)
{
    char path[64], sentence[96];
    json_t *reply;
    snprintf(path, sizeof path, "/api/v1/devices/%s%s", device, verb);
    if (!remote_call(remote, method, path, body, &reply)) return 1;
    snprintf(sentence, sizeof sentence, "%s is %s", device, edit->done);
    return finish(edit, reply, sentence);
}

/* ---- many ---- */

struct sums {
    unsigned long long changed, refused, total;
};

/* How many the filter finds; false after a printed line. */
static bool count_them(const struct remote *remote, json_t *body, unsigned long long *total_out)
{
    json_t *reply;
    json_object_set_new(body, "dry_run", json_true());
    if (!remote_call(remote, "POST", "/api/v1/devices/edit", body, &reply)) return false;
    *total_out = json_number(reply, "left");
    json_object_del(body, "dry_run");
    json_decref(reply);
    return true;
}

static bool edit_all(const struct remote *remote, json_t *body, struct sums *sums)
{
    bool in_place = isatty(2), more = true;
    while (more) {
        json_t *reply;
        if (!remote_call(remote, "POST", "/api/v1/devices/edit", body, &reply)) return false;
        sums->changed += json_number(reply, "changed");
        sums->refused += json_number(reply, "refused");
        more = json_is_string(json_object_get(reply, "next"));
        if (more) json_object_set(body, "after", json_object_get(reply, "next"));
        json_decref(reply);
        if (in_place && more)
            fprintf(stderr, "\r\033[K  %llu of %llu", sums->changed + sums->refused, sums->total);
    }
    if (in_place) fputs("\r\033[K", stderr);
    return true;
}

static int edit_many(const struct edit *edit, const struct remote *remote, json_t *body)
{
    struct sums sums = {0};
    char sentence[160];
    const char *filter = json_text(body, "filter");
    if (!count_them(remote, body, &sums.total)) return 1;
    if (sums.total == 0) {
        fprintf(stderr, "godwit: no device is found by '%s'; `godwit devices` lists them\n",
                filter);
        return 1;
    }
    if (sums.total > 1 && !edit->yes) {
        fprintf(stderr, "godwit: '%s' finds %llu devices; if all are meant, add --yes\n", filter,
                sums.total);
        return 1;
    }
    if (!edit_all(remote, body, &sums)) {
        fprintf(stderr, "godwit: %llu devices are %s already; the same command does the rest\n",
                sums.changed, edit->done);
        return 1;
    }
    int size = snprintf(sentence, sizeof sentence, "%llu device%s %s", sums.changed,
                        sums.changed == 1 ? " is" : "s are", edit->done);
    if (sums.refused)
        snprintf(sentence + size, sizeof sentence - (size_t)size,
                 "; %llu refused, which would have more than 16 tags", sums.refused);
    return finish(edit,
                  json_pack("{s:I, s:I}", "changed", (json_int_t)sums.changed, "refused",
                            (json_int_t)sums.refused),
                  sentence);
}

/* body: what is changed, freed here; verb: of an address of its own for one device, or NULL. */
static int edit_do(const struct edit *edit, const char *whom, const char *verb, json_t *body)
{
    struct remote remote;
    int status = 1;
    if (body && remote_open(&remote, &edit->flags)) {
        if (!is_device_id(whom)) {
            json_object_set_new(body, "filter", json_string(whom));
            status = edit_many(edit, &remote, body);
        } else if (verb) {
            status = edit_one(edit, &remote, whom, "POST", verb, NULL);
        } else {
            status = edit_one(edit, &remote, whom, "PATCH", "", body);
        }
        remote_close(&remote);
    }
    json_decref(body);
    return status;
}

/* ---- commands ---- */

int cmd_name(int argc, char **argv)
{
    struct edit edit = {.done = "named"};
    const char *arguments[2] = {NULL, NULL};
    size_t count;
    const struct option_row rows[] = {REMOTE_ROWS(edit.flags)};
    const struct options options = {"name",
                                    "DEVICE [NAME] [--json]",
                                    "Gives a device a name of 1 to 64 characters; without one it "
                                    "has none any more.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    2};
    int status = options_parse(&options, argc, argv, &count);
    if (status >= 0) return status;
    if (!is_device_id(arguments[0]))
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    if (count < 2) edit.done = "without a name now";
    return edit_do(&edit, arguments[0], NULL, json_pack("{s:s?}", "name", arguments[1]));
}

static json_t *list_of(const char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

int cmd_tag(int argc, char **argv)
{
    struct edit edit = {.done = "tagged"};
    const char *arguments[1 + TAGS_MAX] = {NULL};
    size_t count;
    static struct option_list removed;
    removed.count = 0;
    const struct option_row rows[] = {{"--remove", OPTION_LIST, &removed, "TAG",
                                       "takes a tag away, or any with this key; again for more"},
                                      YES_ROW(edit),
                                      REMOTE_ROWS(edit.flags)};
    const struct options options = {"tag",
                                    "DEVICE|FILTER [TAG ...] [--remove TAG] [--yes] [--json]",
                                    "Tags devices with words or key=value (beta, site=berlin), by "
                                    "which filters find them: `tag:site=berlin`.\nA device has one "
                                    "tag of each key, and 16 at most.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1 + TAGS_MAX};
    int status = options_parse(&options, argc, argv, &count);
    if (status >= 0) return status;
    if (count < 2 && !removed.count)
        return options_wrong(&options, "name a tag, or one to --remove");
    json_t *body = json_object();
    if (count > 1) json_object_set_new(body, "add_tags", list_of(arguments + 1, count - 1));
    if (removed.count)
        json_object_set_new(body, "remove_tags", list_of(removed.items, removed.count));
    return edit_do(&edit, arguments[0], NULL, body);
}

int cmd_retire(int argc, char **argv)
{
    struct edit edit = {.done = "retired"};
    bool undo = false;
    char filter[1200];
    const char *arguments[1] = {NULL};
    const struct option_row rows[] = {
        {"--undo", OPTION_FLAG, &undo, NULL, "takes it back: the device's token is good again"},
        YES_ROW(edit),
        REMOTE_ROWS(edit.flags)};
    const struct options options = {"retire",
                                    "DEVICE|FILTER [--undo] [--yes] [--json]",
                                    "Retires devices: each is told nothing more, counts nowhere, "
                                    "and its token is void at once.\nNo claim token brings it "
                                    "back; --undo does, or `godwit accept`. `godwit devices "
                                    "state:retired` lists them.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    const char *whom = arguments[0];
    if (undo) edit.done = "no longer retired";
    if (undo && !is_device_id(whom)) {
        snprintf(filter, sizeof filter, "state:retired %s", whom);
        whom = filter;
    }
    return edit_do(&edit, whom, undo ? "/reinstate" : "/retire",
                   json_pack("{s:b}", "retired", !undo));
}

int cmd_transfer(int argc, char **argv)
{
    struct edit edit;
    char done[64];
    memset(&edit, 0, sizeof edit);
    const char *arguments[2] = {NULL, NULL};
    const struct option_row rows[] = {YES_ROW(edit), REMOTE_ROWS(edit.flags)};
    const struct options options = {"transfer",
                                    "DEVICE|FILTER PRODUCT [--yes] [--json]",
                                    "Moves devices to another product: they leave all rollouts, "
                                    "and those of the new product speak to them.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    2,
                                    2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    char *shown = shown_text(arguments[1]);
    snprintf(done, sizeof done, "now of %.40s", shown);
    free(shown);
    edit.done = done;
    return edit_do(&edit, arguments[0], NULL, json_pack("{s:s}", "product", arguments[1]));
}
