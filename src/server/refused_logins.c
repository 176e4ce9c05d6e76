/* What a transaction wrote leaves the sums once it is committed; what came meanwhile stays. */
#include "server/refused_logins.h"

#include <stdlib.h>

#include "fleet/access.h"
#include "server/audit_log.h"

#define EVERY_S 60
#define NAMES_MAX 8

/* Names seen, each once, as many as there is room for. */
struct names {
    size_t count;
    char names[NAMES_MAX][64];
};

/* Of one organisation. */
struct sum {
    struct sum *next;
    char org[ACCESS_NAME_MAX];
    uint64_t count, written; /* written: of count, in the open transaction; the writer's */
    struct names users, addresses;
};

struct refused_logins {
    pthread_mutex_t lock; /* of the sums */
    struct sum *sums;
    int64_t written_s; /* the writer's */
};

struct refused_logins *refused_logins_open(void)
{
    struct refused_logins *refused = calloc(1, sizeof *refused);
    if (!refused) abort();
    pthread_mutex_init(&refused->lock, NULL);
    return refused;
}

void refused_logins_close(struct refused_logins *refused)
{
    for (struct sum *sum = refused->sums, *next; sum; sum = next) {
        next = sum->next;
        free(sum);
    }
    pthread_mutex_destroy(&refused->lock);
    free(refused);
}

static void note_name(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (!strcmp(names->names[i], name)) return;
    if (names->count == NAMES_MAX) return;
    audit_text_copy(names->names[names->count++], sizeof *names->names, name);
}

static struct sum *sum_of(struct refused_logins *refused, const char *org)
{
    struct sum *sum = refused->sums;
    while (sum && strcmp(sum->org, org) != 0)
        sum = sum->next;
    if (sum) return sum;
    sum = calloc(1, sizeof *sum);
    if (!sum) abort();
    audit_text_copy(sum->org, sizeof sum->org, org);
    sum->next = refused->sums;
    refused->sums = sum;
    return sum;
}

void refused_logins_note(struct refused_logins *refused, const char *org, const char *user,
                         const char *address)
{
    pthread_mutex_lock(&refused->lock);
    struct sum *sum = sum_of(refused, org);
    sum->count++;
    if (user) note_name(&sum->users, user);
    note_name(&sum->addresses, address);
    pthread_mutex_unlock(&refused->lock);
}

static json_t *view_names(const struct names *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < names->count; i++)
        json_array_append_new(list, json_string(names->names[i]));
    return list;
}

/* With the lock. */
static json_t *view_sum(struct sum *sum)
{
    sum->written = sum->count;
    return json_pack("{s:I, s:o, s:o}", "count", (json_int_t)sum->count, "users",
                     view_names(&sum->users), "addresses", view_names(&sum->addresses));
}

godwit_err refused_logins_write(struct refused_logins *refused, struct app *app, int64_t now_s)
{
    godwit_err err = GODWIT_OK;
    pthread_mutex_lock(&refused->lock);
    struct sum *sum = refused->sums; /* none goes but by the writer; new ones come before it */
    for (struct sum *each = sum; each; each = each->next)
        each->written = 0;
    pthread_mutex_unlock(&refused->lock);
    if (llabs(now_s - refused->written_s) < EVERY_S) return GODWIT_OK;
    for (; sum && !err; sum = sum->next) {
        pthread_mutex_lock(&refused->lock);
        json_t *view = view_sum(sum);
        pthread_mutex_unlock(&refused->lock);
        err = app_audit_of(app, sum->org, AUDIT_LOGIN_REFUSED, "", view);
    }
    return err;
}

void refused_logins_committed(struct refused_logins *refused, int64_t now_s)
{
    pthread_mutex_lock(&refused->lock);
    for (struct sum **at = &refused->sums, *sum; (sum = *at) != NULL;) {
        if (sum->written) refused->written_s = now_s;
        bool is_done = sum->written && sum->written == sum->count;
        sum->count -= sum->written;
        sum->written = 0;
        if (!is_done) {
            at = &sum->next;
            continue;
        }
        *at = sum->next;
        free(sum);
    }
    pthread_mutex_unlock(&refused->lock);
}
