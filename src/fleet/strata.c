/* Kept of a stratum: how many of its devices were offered the release and have confirmed it, and
 * the numbers of those that failed. Its weight is that of all its devices from the first on, as a
 * sequential probability ratio test has it (Wald, 1945), where the whole looks for the heaviest
 * run.
 *
 * Rejected: the CUSUM of the whole for each stratum too. It needs the place of each device in each
 * of its strata, 16 bytes a device; and what makes a stratum fail, its hardware or what it ran
 * before, is there from its first device on. Also rejected: to stop a stratum by its weight alone.
 * Where all devices fail alike each stratum reaches its bound, and the rollout would end piece by
 * piece. */
#include "fleet/strata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define APART_TIMES 1000.0 /* as likely that the stratum differs as that it does not */

static const struct {
    const char *id, *title;
} KINDS[] = {
#define KIND_TEXTS(name, id, title) {id, title},
    STRATUM_KINDS(KIND_TEXTS)
#undef KIND_TEXTS
};

const char *stratum_kind_id(enum stratum_kind kind)
{
    return KINDS[kind].id;
}

const char *stratum_kind_title(enum stratum_kind kind)
{
    return KINDS[kind].title;
}

/* ---- the table ---- */

static bool is_in(const struct stratum *stratum, const struct strata_key *key)
{
    return stratum->value == key->value[stratum->kind];
}

/* NULL: there is no room. */
static struct stratum *add(struct strata *strata, enum stratum_kind kind, uint32_t value)
{
    if (strata->count == STRATA_MAX) return NULL;
    strata->rows = realloc(strata->rows, (strata->count + 1) * sizeof *strata->rows);
    if (!strata->rows) abort();
    struct stratum *stratum = &strata->rows[strata->count++];
    *stratum = (struct stratum){.kind = kind, .value = value};
    return stratum;
}

struct stratum *strata_find(const struct strata *strata, enum stratum_kind kind, uint32_t value)
{
    for (size_t i = 0; i < strata->count; i++)
        if (strata->rows[i].kind == kind && strata->rows[i].value == value) return &strata->rows[i];
    return NULL;
}

static struct stratum *take(struct strata *strata, enum stratum_kind kind, uint32_t value)
{
    struct stratum *stratum = strata_find(strata, kind, value);
    return stratum ? stratum : add(strata, kind, value);
}

/* A device that came from nothing that is known is in no stratum by that. */
static bool is_known(const struct strata_key *key, enum stratum_kind kind)
{
    return kind != STRATUM_FROM || key->value[kind];
}

void strata_offer(struct strata *strata, const struct strata_key *key)
{
    for (enum stratum_kind kind = 0; kind < STRATUM_KINDS_COUNT; kind++) {
        struct stratum *stratum = is_known(key, kind) ? take(strata, kind, key->value[kind]) : NULL;
        if (!stratum) continue;
        stratum->offered++;
        stratum->is_moved = true;
    }
}

/* Never below none: what a device says of itself may change between the two. */
void strata_confirm(struct strata *strata, const struct strata_key *key, int by)
{
    for (size_t i = 0; i < strata->count; i++) {
        struct stratum *stratum = &strata->rows[i];
        if (!is_in(stratum, key) || (by < 0 && !stratum->confirmed)) continue;
        stratum->confirmed += (uint32_t)by;
        stratum->is_moved = true;
    }
}

void strata_load(struct strata *strata, const struct stratum *row)
{
    struct stratum *stratum = take(strata, row->kind, row->value);
    if (!stratum) return;
    stratum->offered = row->offered;
    stratum->confirmed = row->confirmed;
    stratum->halted_s = row->halted_s;
    strata->closed_count += row->halted_s != 0;
}

void strata_free(struct strata *strata)
{
    for (size_t i = 0; i < strata->count; i++) {
        brake_free(&strata->rows[i].failed);
        brake_free(&strata->rows[i].doubt);
    }
    free(strata->rows);
    *strata = (struct strata){0};
}

/* ---- failures ---- */

const struct stratum *strata_closed(const struct strata *strata, const struct strata_key *key)
{
    const struct stratum *closed = NULL;
    if (!strata->closed_count) return NULL;
    for (size_t i = 0; i < strata->count; i++) {
        const struct stratum *stratum = &strata->rows[i];
        if (!is_in(stratum, key)) continue;
        if (stratum->halted_s) return stratum;
        if (stratum->is_doubtful) closed = stratum;
    }
    return closed;
}

/* Of one in a halted stratum the others hear nothing. */
static bool add_to(struct strata *strata, const struct strata_key *key, uint32_t offer_number,
                   bool has_failed)
{
    const struct stratum *closed = strata_closed(strata, key);
    bool is_halted = closed && closed->halted_s;
    for (size_t i = 0; i < strata->count; i++) {
        struct stratum *stratum = &strata->rows[i];
        if (!is_in(stratum, key) || (is_halted && stratum != closed)) continue;
        if (has_failed) brake_add(&stratum->failed, offer_number);
        brake_add(&stratum->doubt, offer_number);
    }
    return !is_halted;
}

bool strata_fail(struct strata *strata, const struct strata_key *key, uint32_t offer_number)
{
    return add_to(strata, key, offer_number, true);
}

bool strata_doubt(struct strata *strata, const struct strata_key *key, uint32_t offer_number)
{
    return add_to(strata, key, offer_number, false);
}

/* From all: what a device says of itself may have changed since. */
void strata_undoubt(struct strata *strata, uint32_t offer_number)
{
    for (size_t i = 0; i < strata->count; i++)
        brake_take_back(&strata->rows[i].doubt, offer_number);
}

void strata_take_back(struct strata *strata, uint32_t offer_number)
{
    strata_undoubt(strata, offer_number);
    for (size_t i = 0; i < strata->count; i++)
        brake_take_back(&strata->rows[i].failed, offer_number);
}

/* ---- judgement ---- */

/* The logarithm of how likely it is that just these fail, where each fails with their share. */
static double likelihood(double failed, double count)
{
    double likely = 0;
    if (failed > 0) likely += failed * log(failed / count);
    if (failed < count) likely += (count - failed) * log((count - failed) / count);
    return likely;
}

/* Of a stratum against the rest; 0: it fails no more often. Who is in progress says nothing yet: as
 * good ones, those of a bad board would hide it until the whole halts. */
static double contrast(double failed, double count, double rest_failed, double rest_count)
{
    bool is_worse = count > 0 && rest_count > 0 && failed * rest_count > rest_failed * count;
    if (!is_worse) return 0;
    return likelihood(failed, count) + likelihood(rest_failed, rest_count) -
           likelihood(failed + rest_failed, count + rest_count);
}

static struct stratum_view look(const struct stratum *stratum, size_t failed_count,
                                const struct strata_whole *whole)
{
    double offered = fmax(stratum->offered, (double)failed_count), failed = (double)failed_count;
    double rest_failed = fmax((double)whole->failed - failed, 0),
           rest_confirmed = fmax((double)whole->confirmed - stratum->confirmed, 0);
    return (struct stratum_view){.weight =
                                     fmax(0, brake_weight(failed, offered - failed, whole->p0)),
                                 .bound = brake_bound(whole->offered),
                                 .apart = contrast(failed, failed + stratum->confirmed, rest_failed,
                                                   rest_failed + rest_confirmed),
                                 .apart_bound = log(APART_TIMES)};
}

struct stratum_view stratum_look(const struct stratum *stratum, const struct strata_whole *whole)
{
    return look(stratum, stratum->failed.count, whole);
}

bool stratum_is_apart(const struct stratum_view *view)
{
    return view->weight >= view->bound && view->apart >= view->apart_bound;
}

struct stratum *strata_find_halting(const struct strata *strata, const struct strata_whole *whole)
{
    struct stratum *found = NULL;
    double apart = 0;
    for (size_t i = 0; i < strata->count; i++) {
        struct stratum *stratum = &strata->rows[i];
        const struct stratum_view view = stratum_look(stratum, whole);
        if (stratum->halted_s || !stratum_is_apart(&view) || view.apart <= apart) continue;
        found = stratum;
        apart = view.apart;
    }
    return found;
}

static void take_all_back(struct brake *from, const struct brake *numbers)
{
    for (size_t i = 0; i < numbers->count; i++)
        brake_take_back(from, numbers->failed[i]);
}

void strata_halt(struct strata *strata, struct stratum *stratum, int64_t now_s, struct brake *brake,
                 struct brake *doubt)
{
    strata->closed_count += !stratum->halted_s && !stratum->is_doubtful;
    stratum->halted_s = now_s;
    stratum->is_doubtful = false;
    stratum->is_moved = true;
    for (size_t i = 0; i < strata->count; i++) {
        struct stratum *other = &strata->rows[i];
        if (other == stratum) continue;
        take_all_back(&other->failed, &stratum->failed);
        take_all_back(&other->doubt, &stratum->doubt);
    }
    take_all_back(brake, &stratum->failed);
    take_all_back(doubt, &stratum->doubt);
}

bool strata_weigh_doubts(struct strata *strata, const struct strata_whole *whole,
                         const struct brake *doubt, struct brake *rest_out)
{
    bool continues = false;
    const struct strata_whole with_doubt = {whole->offered, whole->confirmed,
                                            (uint32_t)doubt->count, whole->p0};
    *rest_out = brake_copy(doubt);
    strata->closed_count = 0;
    for (size_t i = 0; i < strata->count; i++) {
        struct stratum *stratum = &strata->rows[i];
        const struct stratum_view view = look(stratum, stratum->doubt.count, &with_doubt);
        bool was_doubtful = stratum->is_doubtful;
        stratum->is_doubtful = !stratum->halted_s && stratum_is_apart(&view);
        if (stratum->is_doubtful) take_all_back(rest_out, &stratum->doubt);
        continues |= was_doubtful && !stratum->is_doubtful;
        strata->closed_count += stratum->halted_s || stratum->is_doubtful;
    }
    return continues;
}
