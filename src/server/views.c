/* JSON views of the fleet. What a rollout says of a device comes from its member, or where the
 * device was not told yet from decide itself: the page and the device hear the same reason. */
#include "server/views.h"

#include <stdlib.h>

#include "base/text.h"
#include "fleet/decide.h"
#include "fleet/pending.h"
#include "formats/chip.h"

#define ROWS_SPARE 64 /* for devices that join while room is made */

void device_id_text(const uint8_t device_id[static 6], char out[static 13])
{
    godwit_hex_encode(device_id, 6, out);
}

godwit_err device_id_parse(const char *text, uint8_t out[static 16])
{
    memset(out, 0, 16);
    return godwit_hex_decode(text, strlen(text), out, 6);
}

json_t *view_digest(const uint8_t digest[static 32])
{
    char hex[65];
    if (godwit_all(digest, 32, 0)) return json_null();
    godwit_hex_encode(digest, 32, hex);
    return json_string(hex);
}

static const char *chip_name(uint16_t id)
{
    const struct godwit_chip *chip = godwit_chip_by_id(id);
    return chip ? chip->name : "unknown";
}

json_t *view_release(const struct release *release)
{
    json_t *images = json_array();
    for (size_t i = 0; i < release->images_count; i++) {
        const struct image *image = &release->images[i];
        json_array_append_new(images,
                              json_pack("{s:s, s:o, s:o, s:I}", "chip", chip_name(image->chip_id),
                                        "file_sha256", view_digest(image->file_sha256),
                                        "image_sha256", view_digest(image->image_sha256), "size",
                                        (json_int_t)image->file_size));
    }
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "product", release->product->name, "version",
                     release->version, "counter", (json_int_t)release->counter, "state",
                     release->frozen ? "frozen" : "draft", "images", images);
}

/* ---- rollouts ---- */

/* How a device stands in one rollout: its member's word, else what decide says of it there. */
struct standing {
    const char *state, *reason, *sentence;
};

/* Still to be told; `decision` is the device's present one. */
static bool awaits(const struct decision *decision)
{
    return decision->kind == DECIDE_INSTALL || decision->reason == DECISION_TURN ||
           decision->reason == DECISION_ON_TRIAL;
}

static struct standing standing_superseded(void)
{
    return (struct standing){"superseded", "superseded", "a newer rollout took it over"};
}

/* Of a device that was not told: only the rollout that speaks to it may still tell it. */
static struct standing standing_by_decision(const struct app *app, const struct device *device,
                                            const struct rollout *rollout)
{
    struct decision decision = decide(device, &app->fleet.catalogue);
    if (decision.rollout != rollout) return standing_superseded();
    struct standing standing = {decision_reason_state(decision.reason),
                                decision_reason_id(decision.reason),
                                decision_reason_sentence(decision.reason)};
    if (awaits(&decision))
        standing.state = "waiting";
    else if (decision.reason == DECISION_CURRENT)
        standing.state = "already";
    return standing;
}

static struct standing standing_of(const struct app *app, const struct device *device,
                                   const struct rollout *rollout)
{
    const struct member *member = device_member(device, rollout);
    if (!member || member->state == MEMBER_SELECTED)
        return standing_by_decision(app, device, rollout);
    const char *state = member_state_name(member->state);
    switch (member->state) {
    case MEMBER_FAILED:
        return (struct standing){state, godwit_reason_id(member->reason),
                                 godwit_reason_sentence(member->reason)};
    case MEMBER_GOOD:
        return (struct standing){state, decision_reason_id(DECISION_CURRENT),
                                 "it runs the release and has confirmed it"};
    case MEMBER_SUPERSEDED:
        return standing_superseded();
    default:
        break;
    }
    /* Told, and not there yet: on trial, offered, or what came between. */
    enum decision_reason reason = decide(device, &app->fleet.catalogue).reason;
    return (struct standing){state, decision_reason_id(reason), decision_reason_sentence(reason)};
}

static bool is_selected(const struct rollout *rollout, const struct device *device)
{
    if (device->product != rollout->release->product) return false;
    return !rollout->picks || device_member(device, rollout);
}

/* What a rollout says besides its own counts, found by one walk over the devices. */
struct tally {
    const struct rollout *rollout;
    bool is_awaited;        /* by some device */
    uint32_t unfit_count;   /* a gate is closed */
    uint32_t silent_count;  /* queued, and not seen since it began */
    uint32_t refused_count; /* failed on it before, so not offered */
};

struct tallies {
    struct tally *tallies; /* newest rollout first, so by falling id */
    size_t count;
};

static struct tally *tally_of(const struct tallies *tallies, const struct rollout *rollout)
{
    size_t low = 0, high = tallies->count;
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        if (tallies->tallies[middle].rollout->id >= rollout->id)
            low = middle;
        else
            high = middle;
    }
    return &tallies->tallies[low];
}

/* Of one device, for the rollout that speaks to it. A device that was seen in the second in which
 * the rollout began may have checked in before: only its next check-in tells. */
static void count_standing(struct tally *tally, const struct device *device,
                           const struct decision *decision)
{
    const struct member *member = device_member(device, tally->rollout);
    bool is_told = member && member->state != MEMBER_SELECTED;
    tally->unfit_count += !strcmp(decision_reason_state(decision->reason), "unfit");
    tally->refused_count +=
        decision->reason == DECISION_FAILED_BEFORE && (!member || member->state != MEMBER_FAILED);
    if (is_told || !awaits(decision)) return;
    tally->is_awaited = true;
    tally->silent_count += device->facts.last_seen_s <= tally->rollout->created_s;
}

/* What rollouts stand at that no member says: which still run, those with a device in progress and
 * those that a device awaits, and whom they do not reach. */
static struct tallies tally_all(const struct app *app)
{
    struct tallies tallies = {0};
    const struct rollout *rollout = app->fleet.catalogue.rollouts;
    for (; rollout; rollout = rollout->next)
        tallies.count++;
    tallies.tallies = calloc(tallies.count + 1, sizeof *tallies.tallies);
    if (!tallies.tallies) abort();
    rollout = app->fleet.catalogue.rollouts;
    for (size_t i = 0; rollout; rollout = rollout->next, i++)
        tallies.tallies[i] =
            (struct tally){.rollout = rollout, .is_awaited = rollout->undecided_count > 0};
    for (struct device *device = app->fleet.devices; device; device = device->next) {
        struct decision decision = decide(device, &app->fleet.catalogue);
        if (decision.rollout)
            count_standing(tally_of(&tallies, decision.rollout), device, &decision);
    }
    return tallies;
}

static json_t *view_counts(const struct tally *tally)
{
    const struct rollout *rollout = tally->rollout;
    uint64_t selected =
        rollout->picks ? rollout->members_count : rollout->release->product->devices_count;
    return json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
                     "rollout_id", (json_int_t)rollout->id, "product",
                     rollout->release->product->name, "version", rollout->release->version, "state",
                     tally->is_awaited ? "running" : "done", "selected", (json_int_t)selected,
                     "told", (json_int_t)rollout->told_count, "good",
                     (json_int_t)rollout->good_count, "failed",
                     (json_int_t)rollout->failed_count + tally->refused_count, "undecided",
                     (json_int_t)rollout->undecided_count, "unfit", (json_int_t)tally->unfit_count,
                     "silent", (json_int_t)tally->silent_count, "created",
                     (json_int_t)rollout->created_s, "allow_downgrade", rollout->allow_downgrade);
}

json_t *view_rollouts(const struct app *app)
{
    json_t *list = json_array();
    const struct tallies tallies = tally_all(app);
    for (size_t i = 0; i < tallies.count; i++)
        json_array_append_new(list, view_counts(&tallies.tallies[i]));
    free(tallies.tallies);
    return list;
}

/* Takes the lock, with room for a row of each device. Not allocated under it: the heap may tidy all
 * of itself before it gives megabytes, for longer than devices should wait. */
static void *lock_with_rows(struct app *app, size_t row_size)
{
    void *rows = NULL;
    size_t room = 0;
    fleet_lock(&app->fleet);
    while (app->fleet.devices_count > room) {
        room = app->fleet.devices_count + ROWS_SPARE;
        fleet_unlock(&app->fleet);
        free(rows);
        rows = calloc(room, row_size);
        if (!rows) abort();
        fleet_lock(&app->fleet);
    }
    return rows;
}

/* One device of a rollout, copied: JSON for a large fleet takes longer than the lock may be held.
 */
struct row {
    uint8_t device_id[6];
    struct standing standing; /* its texts are static */
};

static size_t take_rows(const struct app *app, const struct rollout *rollout, struct row *rows)
{
    size_t count = 0;
    for (struct device *device = app->fleet.devices; device; device = device->next) {
        if (!is_selected(rollout, device)) continue;
        memcpy(rows[count].device_id, device->device_id, sizeof rows->device_id);
        rows[count++].standing = standing_of(app, device, rollout);
    }
    return count;
}

static json_t *view_rows(const struct row *rows, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct standing *standing = &rows[i].standing;
        char id[13];
        device_id_text(rows[i].device_id, id);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "device_id", id, "state",
                                              standing->state, "reason", standing->reason,
                                              "sentence", standing->sentence));
    }
    return list;
}

json_t *view_rollout(struct app *app, uint32_t rollout_id)
{
    json_t *view = NULL;
    size_t count = 0;
    struct row *rows = lock_with_rows(app, sizeof *rows);
    const struct rollout *rollout = rollout_find(&app->fleet.catalogue, rollout_id);
    if (rollout) {
        const struct tallies tallies = tally_all(app);
        count = take_rows(app, rollout, rows);
        view = view_counts(tally_of(&tallies, rollout));
        free(tallies.tallies);
    }
    fleet_unlock(&app->fleet);
    if (view) json_object_set_new(view, "devices", view_rows(rows, count));
    free(rows);
    return view;
}

/* ---- devices ---- */

/* What a list says of one device, copied for the same reason as `struct row`. */
struct device_row {
    uint8_t device_id[6];
    char product[33], version[33], slot[17];
    uint16_t chip_id;
    bool on_trial;
    int64_t last_seen_s;
    enum decision_reason reason;
    uint32_t cause; /* godwit_reason of the failure that `reason` stands on; 0: none */
};

/* Of the newest rollout in which the release failed on the device. */
static uint32_t cause_of(const struct device *device, const struct decision *decision)
{
    const struct member *member = device->members;
    if (decision->reason != DECISION_FAILED_BEFORE) return 0;
    while (member && (member->state != MEMBER_FAILED ||
                      member->rollout->release != decision->rollout->release))
        member = member->next;
    return member ? member->reason : 0;
}

static void take_device(const struct app *app, const struct device *device, struct device_row *row)
{
    const struct device_facts *facts = &device->facts;
    memcpy(row->device_id, device->device_id, sizeof row->device_id);
    memcpy(row->product, device->product->name, sizeof row->product);
    memcpy(row->version, facts->version, sizeof row->version);
    memcpy(row->slot, facts->slot, sizeof row->slot);
    row->chip_id = facts->chip_id;
    row->on_trial = facts->on_trial;
    row->last_seen_s = facts->last_seen_s;
    const struct decision decision = decide(device, &app->fleet.catalogue);
    row->reason = decision.reason;
    row->cause = cause_of(device, &decision);
}

static json_t *view_device_row(const struct device_row *row)
{
    char id[13];
    device_id_text(row->device_id, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:s?, s:s}", "device_id", id,
                     "product", row->product, "chip", chip_name(row->chip_id), "version",
                     row->version, "slot", row->slot, "state", decision_reason_state(row->reason),
                     "on_trial", row->on_trial, "last_seen", (json_int_t)row->last_seen_s, "reason",
                     decision_reason_id(row->reason), "cause",
                     row->cause ? godwit_reason_id(row->cause) : NULL, "sentence",
                     decision_reason_sentence(row->reason));
}

json_t *view_device(const struct app *app, const struct device *device)
{
    struct device_row row;
    take_device(app, device, &row);
    return view_device_row(&row);
}

static void append_pending(json_t *list, const struct device *device)
{
    const struct pending_token *token = pending_newest(device);
    char id[13], mark[2 * PENDING_MARK_SIZE + 1];
    for (; token; token = pending_next(token)) {
        device_id_text(device->device_id, id);
        godwit_hex_encode(token->token_sha256, PENDING_MARK_SIZE, mark);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I}", "device_id", id, "token",
                                              mark, "product", token->product->name, "version",
                                              token->version, "asked", (json_int_t)token->asked_s));
    }
}

json_t *view_pending(const struct device *device)
{
    json_t *list = json_array();
    append_pending(list, device);
    return list;
}

json_t *view_pending_list(const struct fleet *fleet)
{
    json_t *list = json_array();
    for (const struct device *device = fleet->devices; device; device = device->next)
        append_pending(list, device);
    return list;
}

json_t *view_device_list(struct app *app)
{
    size_t count = 0;
    struct device_row *rows = lock_with_rows(app, sizeof *rows);
    for (struct device *device = app->fleet.devices; device; device = device->next)
        take_device(app, device, &rows[count++]);
    fleet_unlock(&app->fleet);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, view_device_row(&rows[i]));
    free(rows);
    return list;
}
