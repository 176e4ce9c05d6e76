/* JSON views of the fleet. What a rollout says of a device comes from its member, or where the
 * device was not offered it yet from decide itself: the page and the device hear the same reason.
 */
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

static json_t *view_release(const struct release *release, const char *product)
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
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "product", product, "version", release->version,
                     "counter", (json_int_t)release->counter, "state",
                     release->frozen ? "frozen" : "draft", "images", images);
}

/* ---- rollouts ---- */

/* How a device stands in one rollout: its member's word, else what decide says of it there. */
struct standing {
    const char *state, *reason, *sentence;
    char detail[GODWIT_DETAIL_MAX]; /* "text/html, 18 bytes"; "": nothing to add to the sentence */
};

static json_t *view_sentence(const char *detail, const char *sentence)
{
    return *detail ? json_sprintf("%s: %s", detail, sentence) : json_string(sentence);
}

/* In progress: what it saw where the last try ended for no fault of the release, else what it is
 * told. */
static void standing_in_progress(const struct device *device, const struct decision *decision,
                                 struct standing *standing)
{
    const struct godwit_outcome *last = device->last_outcome;
    bool is_retried = decide_is_retried(device, decision);
    standing->reason =
        is_retried ? godwit_reason_id(last->reason) : decision_reason_id(decision->reason);
    standing->sentence = is_retried ? godwit_reason_sentence(last->reason)
                                    : decision_reason_sentence(decision->reason);
    if (is_retried) memcpy(standing->detail, last->detail, sizeof standing->detail);
}

static struct standing standing_superseded(void)
{
    return (struct standing){"superseded", "superseded", "a newer rollout took it over", ""};
}

/* Of a device that was not offered it: only the rollout that speaks to it may still offer it. */
static struct standing standing_by_decision(const struct catalogue *catalogue,
                                            const struct device *device,
                                            const struct rollout *rollout)
{
    struct decision decision = decide(device, catalogue);
    if (decision.rollout != rollout) return standing_superseded();
    struct standing standing = {decision_reason_state(decision.reason),
                                decision_reason_id(decision.reason),
                                decision_reason_sentence(decision.reason), ""};
    if (counts_awaits(&decision))
        standing.state = "queued";
    else if (decision.reason == DECISION_UP_TO_DATE)
        standing.state = "up-to-date";
    return standing;
}

static struct standing standing_of(const struct catalogue *catalogue, const struct device *device,
                                   const struct rollout *rollout)
{
    const struct member *member = device_member(device, rollout);
    if (!member || member->state == MEMBER_SELECTED)
        return standing_by_decision(catalogue, device, rollout);
    const char *state = member_state_name(member->state);
    switch (member->state) {
    case MEMBER_FAILED:
        return (struct standing){state, godwit_reason_id(member->reason),
                                 godwit_reason_sentence(member->reason), ""};
    case MEMBER_SUCCEEDED:
        return (struct standing){state, decision_reason_id(DECISION_UP_TO_DATE),
                                 "it runs the release and has confirmed it", ""};
    case MEMBER_SUPERSEDED:
        return standing_superseded();
    default:
        break;
    }
    /* Told, and not there yet: on trial, offered, or what came between. */
    const struct decision decision = decide(device, catalogue);
    struct standing standing = {.state = state};
    standing_in_progress(device, &decision, &standing);
    return standing;
}

static bool is_selected(const struct rollout *rollout, const struct device *device)
{
    if (device->product != rollout->release->product) return false;
    return !rollout->is_targeted || device_member(device, rollout);
}

/* A rollout, copied: JSON is made without the lock, for the heap may tidy all of itself at any
 * time.
 */
struct rollout_row {
    struct rollout rollout;
    char product[33], version[33];
    uint64_t selected;
};

static bool take_rollout(struct app *app, uint32_t id, struct rollout_row *row)
{
    fleet_lock(&app->fleet);
    const struct rollout *rollout = rollout_find(&app->fleet.catalogue, id);
    if (rollout) {
        const struct product *product = rollout->release->product;
        row->rollout = *rollout;
        memcpy(row->product, product->name, sizeof row->product);
        memcpy(row->version, rollout->release->version, sizeof row->version);
        row->selected = rollout->is_targeted ? rollout->members_count : product->devices_count;
    }
    fleet_unlock(&app->fleet);
    return rollout != NULL;
}

/* counted: NULL for a rollout that is newer than the count. */
static json_t *view_counts(const struct rollout_row *row, const struct rollout_counts *counted)
{
    static const struct rollout_counts NEW = {.is_awaited = true, .expected_count = 1};
    const struct rollout_counts *counts = counted ? counted : &NEW;
    const struct rollout *rollout = &row->rollout;
    return json_pack(
        "{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "rollout_id",
        (json_int_t)rollout->id, "product", row->product, "version", row->version, "state",
        counts->is_awaited ? "running" : "done", "selected", (json_int_t)row->selected, "offered",
        (json_int_t)rollout->offered_count, "succeeded", (json_int_t)rollout->succeeded_count,
        "failed", (json_int_t)rollout->failed_count + counts->refused_count, "in_progress",
        (json_int_t)rollout->in_progress_count + rollout->away_count, "incompatible",
        (json_int_t)counts->incompatible_count, "not_seen", (json_int_t)counts->not_seen_count,
        "expected", (json_int_t)counts->expected_count, "created", (json_int_t)rollout->created_s,
        "allow_downgrade", rollout->allow_downgrade, "again", rollout->again);
}

json_t *view_rollouts(struct app *app, const struct counts *counts)
{
    json_t *list = json_array();
    struct rollout_row row;
    for (size_t i = 0; i < counts->rollouts_count; i++)
        if (take_rollout(app, counts->rollouts[i].id, &row))
            json_array_append_new(list, view_counts(&row, &counts->rollouts[i]));
    return list;
}

/* The newest of those with a lower id. */
static bool take_release(struct app *app, int64_t before, struct release *copy_out,
                         char product_out[static 33])
{
    fleet_lock(&app->fleet);
    const struct release *release = app->fleet.catalogue.releases;
    while (release && release->id >= before)
        release = release->next;
    if (release) {
        *copy_out = *release;
        memcpy(product_out, release->product->name, 33);
    }
    fleet_unlock(&app->fleet);
    return release != NULL;
}

json_t *view_releases(struct app *app)
{
    json_t *list = json_array();
    struct release *copy = malloc(sizeof *copy);
    char product[33];
    if (!copy) abort();
    for (int64_t before = INT64_MAX; take_release(app, before, copy, product); before = copy->id)
        json_array_append_new(list, view_release(copy, product));
    free(copy);
    return list;
}

/* Room for a row of each device, made without the lock: the heap may tidy all of itself before it
 * gives megabytes, for longer than devices should wait. */
static void *rows_alloc(struct app *app, size_t row_size, size_t *room_out)
{
    fleet_lock(&app->fleet);
    *room_out = app->fleet.devices_count + ROWS_SPARE;
    fleet_unlock(&app->fleet);
    void *rows = calloc(*room_out, row_size);
    if (!rows) abort();
    return rows;
}

/* One device of a rollout, copied: JSON for a large fleet takes longer than the lock may be held.
 */
struct row {
    uint8_t device_id[6];
    struct standing standing; /* what it points to is static */
};

struct rollout_walk {
    const struct catalogue *catalogue;
    uint32_t rollout_id;
    struct row *rows;
    size_t count, room;
};

/* The rollout is looked up for each: it may go between two holds of the lock. */
static void take_row(void *ctx, struct device *device)
{
    struct rollout_walk *walk = ctx;
    const struct rollout *rollout = rollout_find(walk->catalogue, walk->rollout_id);
    if (!rollout || walk->count == walk->room || !is_selected(rollout, device)) return;
    struct row *row = &walk->rows[walk->count++];
    memcpy(row->device_id, device->device_id, sizeof row->device_id);
    row->standing = standing_of(walk->catalogue, device, rollout);
}

static json_t *view_rows(const struct row *rows, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct standing *standing = &rows[i].standing;
        char id[13];
        device_id_text(rows[i].device_id, id);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:o}", "device_id", id, "state",
                                        standing->state, "reason", standing->reason, "sentence",
                                        view_sentence(standing->detail, standing->sentence)));
    }
    return list;
}

json_t *view_rollout_counts(struct app *app, uint32_t rollout_id)
{
    struct counts counts = counts_make(app);
    struct rollout_row row;
    bool is_there = take_rollout(app, rollout_id, &row);
    json_t *view = is_there ? view_counts(&row, counts_rollout(&counts, rollout_id)) : NULL;
    counts_free(&counts);
    return view;
}

json_t *view_rollout(struct app *app, uint32_t rollout_id)
{
    struct rollout_walk walk = {.catalogue = &app->fleet.catalogue, .rollout_id = rollout_id};
    json_t *view = view_rollout_counts(app, rollout_id);
    if (!view) return NULL;
    walk.rows = rows_alloc(app, sizeof *walk.rows, &walk.room);
    fleet_each_device(&app->fleet, take_row, &walk);
    json_object_set_new(view, "devices", view_rows(walk.rows, walk.count));
    free(walk.rows);
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
    const char *sentence;
    char detail[GODWIT_DETAIL_MAX]; /* before the sentence; "": none */
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

static void take_device(const struct catalogue *catalogue, const struct device *device,
                        struct device_row *row)
{
    const struct device_facts *facts = &device->facts;
    memcpy(row->device_id, device->device_id, sizeof row->device_id);
    memcpy(row->product, device->product->name, sizeof row->product);
    memcpy(row->version, device_version(catalogue, device), sizeof row->version);
    memcpy(row->slot, facts->running->slot, sizeof row->slot);
    row->chip_id = facts->chip_id;
    row->on_trial = facts->on_trial;
    row->last_seen_s = facts->last_seen_s;
    const struct decision decision = decide(device, catalogue);
    row->reason = decision.reason;
    row->cause = cause_of(device, &decision);
    row->sentence = decision_reason_sentence(decision.reason);
    row->detail[0] = '\0';
    if (!decide_is_retried(device, &decision)) return;
    row->cause = device->last_outcome->reason;
    row->sentence = godwit_reason_sentence(row->cause);
    memcpy(row->detail, device->last_outcome->detail, sizeof row->detail);
}

static json_t *view_device_row(const struct device_row *row)
{
    char id[13];
    device_id_text(row->device_id, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:s?, s:o}", "device_id", id,
                     "product", row->product, "chip", chip_name(row->chip_id), "version",
                     row->version, "slot", row->slot, "state", decision_reason_state(row->reason),
                     "on_trial", row->on_trial, "last_seen", (json_int_t)row->last_seen_s, "reason",
                     decision_reason_id(row->reason), "cause",
                     row->cause ? godwit_reason_id(row->cause) : NULL, "sentence",
                     view_sentence(row->detail, row->sentence));
}

json_t *view_device(const struct app *app, const struct device *device)
{
    struct device_row row;
    take_device(&app->fleet.catalogue, device, &row);
    return view_device_row(&row);
}

static void append_pending(json_t *list, const struct device *device)
{
    const struct pending_token *token = pending_newest(device);
    char id[13], mark[2 * PENDING_MARK_SIZE + 1];
    for (; token; token = pending_next(token)) {
        device_id_text(device->device_id, id);
        godwit_hex_encode(token->token_sha256, PENDING_MARK_SIZE, mark);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:I}", "device_id", id, "token", mark,
                                        "product", token->product->name, "version", token->version,
                                        "requested", (json_int_t)token->requested_s));
    }
}

json_t *view_pending(const struct device *device)
{
    json_t *list = json_array();
    append_pending(list, device);
    return list;
}

static void list_pending(void *ctx, struct device *device)
{
    append_pending(ctx, device);
}

json_t *view_pending_list(struct app *app)
{
    json_t *list = json_array();
    fleet_each_device(&app->fleet, list_pending, list);
    return list;
}

struct device_walk {
    const struct catalogue *catalogue;
    struct device_row *rows;
    size_t count, room;
};

static void list_device(void *ctx, struct device *device)
{
    struct device_walk *walk = ctx;
    if (walk->count < walk->room) take_device(walk->catalogue, device, &walk->rows[walk->count++]);
}

json_t *view_device_list(struct app *app)
{
    struct device_walk walk = {.catalogue = &app->fleet.catalogue};
    json_t *list = json_array();
    walk.rows = rows_alloc(app, sizeof *walk.rows, &walk.room);
    fleet_each_device(&app->fleet, list_device, &walk);
    for (size_t i = 0; i < walk.count; i++)
        json_array_append_new(list, view_device_row(&walk.rows[i]));
    free(walk.rows);
    return list;
}
