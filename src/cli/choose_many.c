/* The tokens are named one by one as they were listed, so that nothing is let in unseen. */
#include "cli/choose_many.h"

#include <stdio.h>
#include <string.h>

#include "cli/filter_help.h"
#include "cli/pages.h"

#define BATCH 500 /* as many as the server takes at once */
#define PATH_SIZE 4096

/* The ids that the filter finds, as keys; NULL after a printed line. */
static json_t *ids_found(const struct remote *remote, const char *filter)
{
    char path[PATH_SIZE] = "/api/v1/devices?fields=device_id";
    json_t *reply, *ids, *row;
    size_t i;
    query_add(path, sizeof path, "filter", filter);
    if (!pages_get(remote, path, "items", &reply)) return NULL;
    ids = json_object();
    json_array_foreach(json_object_get(reply, "items"), i, row)
        json_object_set_new(ids, json_text(row, "device_id"), json_true());
    json_decref(reply);
    return ids;
}

/* Which of the waiting ones are meant, each {"device_id", "token"}; NULL after a printed line. The
 * list has who asked last first. */
static json_t *tokens_meant(const struct remote *remote, const struct choice *choice)
{
    json_t *reply, *row, *tokens = NULL, *seen = json_object(), *ids = NULL;
    bool is_accept = !strcmp(choice->verb, "accept");
    size_t i;
    if (choice->filter) ids = ids_found(remote, choice->filter);
    if ((!choice->filter || ids) && pages_get(remote, "/api/v1/pending", "items", &reply)) {
        tokens = json_array();
        json_array_foreach(json_object_get(reply, "items"), i, row)
        {
            const char *id = json_text(row, "device_id");
            if (ids && !json_object_get(ids, id)) continue;
            if (is_accept && json_object_get(seen, id)) continue;
            json_object_set_new(seen, id, json_true());
            json_array_append_new(
                tokens, json_pack("{s:s, s:s}", "device_id", id, "token", json_text(row, "token")));
        }
        json_decref(reply);
    }
    json_decref(seen);
    json_decref(ids);
    return tokens;
}

struct sums {
    unsigned long long done, others;
};

static void count_results(const json_t *results, const char *wanted, bool is_json,
                          struct sums *sums)
{
    const json_t *row;
    size_t i;
    json_array_foreach(results, i, row)
    {
        bool is_done = !strcmp(json_text(row, "result"), wanted);
        *(is_done ? &sums->done : &sums->others) += 1;
        if (!is_done && !is_json)
            printf("%s  token %s: %s\n", json_text(row, "device_id"), json_text(row, "token"),
                   json_text(row, "result"));
    }
}

/* False after a printed line. */
static bool send_all(const struct remote *remote, const struct choice *choice, const json_t *tokens,
                     json_t *results)
{
    size_t count = json_array_size(tokens);
    for (size_t from = 0; from < count; from += BATCH) {
        json_t *reply, *batch = json_array();
        for (size_t i = from; i < count && i < from + BATCH; i++)
            json_array_append(batch, json_array_get(tokens, i));
        json_t *body = json_pack("{s:o}", choice->verb, batch);
        bool is_good = body && remote_call(remote, "POST", "/api/v1/pending-tokens", body, &reply);
        json_decref(body);
        if (!is_good) return false;
        json_array_extend(results, json_object_get(reply, "tokens"));
        json_decref(reply);
    }
    return true;
}

static int choose(const struct remote *remote, const struct remote_flags *flags,
                  const struct choice *choice, const json_t *tokens)
{
    struct sums sums = {0};
    size_t count = json_array_size(tokens);
    const char *wanted = !strcmp(choice->verb, "accept") ? "accepted" : "rejected";
    if (count == 0) {
        fprintf(stderr, "godwit: no token waits%s; `godwit devices` shows which do\n",
                choice->filter ? " for a device that the filter finds" : "");
        return 1;
    }
    if (count > 1 && !choice->is_meant) {
        fprintf(stderr, "godwit: %zu tokens wait; if all are meant, add --yes\n", count);
        return 1;
    }
    json_t *results = json_array();
    bool is_good = send_all(remote, choice, tokens, results);
    count_results(results, wanted, flags->json, &sums);
    if (flags->json) {
        json_t *whole = json_pack("{s:O}", "tokens", results);
        is_good = json_print(whole) && is_good;
        json_decref(whole);
    } else {
        printf("%llu token%s %s\n", sums.done, sums.done == 1 ? " is" : "s are", wanted);
    }
    json_decref(results);
    return is_good && !sums.others ? 0 : 1;
}

int choose_many(const struct remote_flags *flags, const struct choice *choice)
{
    struct remote remote;
    if (!remote_open(&remote, flags)) return 1;
    json_t *tokens = tokens_meant(&remote, choice);
    int status = tokens ? choose(&remote, flags, choice, tokens) : 1;
    json_decref(tokens);
    remote_close(&remote);
    return status;
}
