/* Only the numbers of those that failed are kept: the heaviest run begins and ends with one, and
 * its weight follows from their number and the gaps between them, so one walk over them finds it.
 * Offering the release to a device costs nothing; a failure costs a walk of all failures, which
 * are few for as long as the brake holds: it ends a rollout in which they are many.
 *
 * Rejected: counting failures as they are reported (they are reported sooner than successes are
 * proven, so most good releases would halt); a balanced tree over failures (it would pay from some
 * ten thousand failures on, which one rollout does not see). */
#include "fleet/brake.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_OFFERED_MIN 10000.0 /* fewer devices halt no sooner than so many would */
#define BOUND_SHARE 10.0

/* Where the number is, or would be. */
static size_t place_of(const struct brake *brake, uint32_t offer_number)
{
    size_t low = 0, high = brake->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (brake->failed[middle] < offer_number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct brake *brake, size_t at, uint32_t offer_number)
{
    return at < brake->count && brake->failed[at] == offer_number;
}

void brake_add(struct brake *brake, uint32_t offer_number)
{
    size_t at = place_of(brake, offer_number);
    if (!offer_number || is_at(brake, at, offer_number)) return;
    if (brake->count == brake->room) {
        brake->room = brake->room ? 2 * brake->room : 8;
        brake->failed = realloc(brake->failed, brake->room * sizeof *brake->failed);
        if (!brake->failed) abort();
    }
    memmove(brake->failed + at + 1, brake->failed + at,
            (brake->count - at) * sizeof *brake->failed);
    brake->failed[at] = offer_number;
    brake->count++;
}

void brake_take_back(struct brake *brake, uint32_t offer_number)
{
    size_t at = place_of(brake, offer_number);
    if (!is_at(brake, at, offer_number)) return;
    brake->count--;
    memmove(brake->failed + at, brake->failed + at + 1,
            (brake->count - at) * sizeof *brake->failed);
}

/* How many more failures in a row, right behind what was offered, would weigh as much as the
 * bound. */
static uint32_t failures_left(const struct brake_view *view, double weight_now, double of_failure)
{
    if (view->weight >= view->bound) return 0;
    return (uint32_t)ceil((view->bound - weight_now) / of_failure);
}

double brake_p0(double control_rate)
{
    return fmin(fmax(2 * control_rate, BRAKE_P0_MIN), BRAKE_P0_MAX);
}

/* ln(p1 / p0) */
static double weight_of_failure(void)
{
    return log(BRAKE_P1_PER_P0);
}

static double weight_of_other(double p0)
{
    return log((1 - BRAKE_P1_PER_P0 * p0) / (1 - p0));
}

double brake_weight(double failed, double others, double p0)
{
    return failed * weight_of_failure() + others * weight_of_other(p0);
}

double brake_bound(uint32_t offered)
{
    return log(fmax(offered, BOUND_OFFERED_MIN) / BOUND_SHARE);
}

struct brake_view brake_look(const struct brake *brake, uint32_t offered, double p0)
{
    const double of_failure = weight_of_failure(), of_other = weight_of_other(p0);
    struct brake_view view = {.bound = brake_bound(offered)};
    double run = 0; /* the heaviest that ends here; never lighter than none */
    uint32_t first = 0, before = 0;
    for (size_t i = 0; i < brake->count; i++) {
        uint32_t number = brake->failed[i];
        run += (number - before - 1) * of_other;
        if (run <= 0) {
            run = 0;
            first = number;
        }
        run += of_failure;
        before = number;
        if (run <= view.weight) continue;
        view.weight = run;
        view.first = first;
        view.last = number;
    }
    if (offered > before) run += (offered - before) * of_other;
    view.failures_left = failures_left(&view, fmax(run, 0), of_failure);
    return view;
}

struct brake brake_copy(const struct brake *brake)
{
    struct brake copy = {.count = brake->count, .room = brake->count};
    if (!copy.count) return copy;
    copy.failed = malloc(copy.count * sizeof *copy.failed);
    if (!copy.failed) abort();
    memcpy(copy.failed, brake->failed, copy.count * sizeof *copy.failed);
    return copy;
}

void brake_free(struct brake *brake)
{
    free(brake->failed);
    *brake = (struct brake){0};
}
