/* JSON views of the fleet. What is said of a device comes from one home, standing.h, whether it is
 * read from its row or made of the device itself. */
#include "server/views.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/pending.h"
#include "fleet/standing.h"
#include "fleet/strata_of.h"
#include "fleet/strata_rows.h"
#include "formats/chip.h"
#include "server/deploy_guards.h"

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

/* Nothing is offered by one that is paused or halted, whoever is left. */
static const char *rollout_state_shown(const struct rollout_counts *counts)
{
    if (counts->state != ROLLOUT_RUNNING) return rollout_state_name(counts->state);
    return rollout_is_running(counts) ? "running" : "done";
}

static const char *state_by(const struct rollout_counts *counts)
{
    return *counts->state_by ? counts->state_by : "its failures";
}

json_t *view_rollout(const struct rollout_counts *counts)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"rollout_id", counts->id},           {"selected", counts->selected},
                   {"offered", counts->offered},         {"queued", counts->queued},
                   {"in_progress", counts->in_progress}, {"succeeded", counts->succeeded},
                   {"failed", counts->failed},           {"incompatible", counts->incompatible},
                   {"up_to_date", counts->up_to_date},   {"superseded", counts->superseded},
                   {"not_seen", counts->not_seen},       {"expected", counts->expected},
                   {"halted", counts->halted},           {"created", counts->created_s},
                   {"soaking", counts->soaking},         {"undoing", counts->undoing},
                   {"undone", counts->undone},           {"gates_open", counts->gates_open}};
    char soak[DURATION_TEXT_MAX];
    duration_format((uint32_t)counts->soak_s, soak);
    json_t *view = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b}", "product", counts->product, "version",
        counts->version, "state", rollout_state_shown(counts), "soak", soak, "gates", counts->gates,
        "is_targeted", counts->is_targeted, "allow_downgrade", counts->allow_downgrade, "again",
        counts->again, "is_skipped", counts->is_skipped);
    if (counts->state_s) {
        json_object_set_new(view, "state_by", json_string(state_by(counts)));
        json_object_set_new(view, "state_since", json_integer(counts->state_s));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(view, numbers[i].name, json_integer(numbers[i].value));
    json_object_set_new(view, "priority", json_string(rollout_priority_name(counts->priority)));
    json_object_set_new(view, "selection", json_string(counts->selection));
    guards_add(view, &counts->guards);
    return view;
}

static json_t *view_gate(const struct outlook *outlook)
{
    char soak[DURATION_TEXT_MAX];
    if (!outlook->gate_devices) return json_null();
    duration_format(outlook->gate_soak_s, soak);
    return json_pack("{s:I, s:s}", "devices", (json_int_t)outlook->gate_devices, "soak", soak);
}

void view_outlook(json_t *view, const struct outlook *outlook)
{
    const struct brake_view *brake = &outlook->brake;
    bool is_bound = outlook->places != UINT32_MAX, waits = outlook->waits_for != DECISION_OFFERED;
    json_object_set_new(view, "brake",
                        json_pack("{s:f, s:f, s:I, s:b}", "weight", brake->weight, "bound",
                                  brake->bound, "failures_left", (json_int_t)brake->failures_left,
                                  "pauses_at_failure", outlook->pauses_at_failure));
    json_object_set_new(
        view, "pace",
        json_pack("{s:o, s:I}", "places",
                  is_bound ? json_integer((json_int_t)outlook->places) : json_null(), "in_use",
                  (json_int_t)outlook->places_in_use));
    json_object_set_new(view, "waits_for",
                        waits ? json_string(decision_reason_id(outlook->waits_for)) : json_null());
    json_object_set_new(view, "next_gate", view_gate(outlook));
}

static const char *stratum_state(const struct stratum *stratum)
{
    if (stratum->halted_s) return "halted";
    return stratum->is_doubtful ? "overdue" : "running";
}

static json_t *view_stratum(const struct catalogue *catalogue, const struct rollout *rollout,
                            const struct stratum *stratum)
{
    char value[STRATUM_TEXT_MAX], words[STRATUM_TEXT_MAX];
    const struct strata_whole whole = rollout_whole(rollout);
    const struct stratum_view view = stratum_look(stratum, &whole);
    stratum_value_text(catalogue, stratum, value);
    stratum_text(catalogue, stratum, words);
    json_t *shown = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "kind",
        stratum_kind_id(stratum->kind), "value", value, "devices", words, "state",
        stratum_state(stratum), "offered", (json_int_t)stratum->offered, "confirmed",
        (json_int_t)stratum->confirmed, "failed", (json_int_t)stratum->failed.count, "weight",
        view.weight, "bound", view.bound, "apart", view.apart, "apart_bound", view.apart_bound);
    if (stratum->halted_s)
        json_object_set_new(shown, "halted_since", json_integer(stratum->halted_s));
    return shown;
}

json_t *view_strata(const struct catalogue *catalogue, const struct rollout *rollout)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rollout->strata.count; i++) {
        const struct stratum *stratum = &rollout->strata.rows[i];
        if (stratum->doubt.count || stratum->halted_s)
            json_array_append_new(list, view_stratum(catalogue, rollout, stratum));
    }
    return list;
}

json_t *view_member(const struct list_member *member)
{
    char id[13];
    device_id_text(member->device_id, id);
    return json_pack("{s:s, s:s, s:s, s:s}", "device_id", id, "state", member->state, "reason",
                     member->reason, "sentence", member->sentence);
}

/* ---- releases ---- */

static bool is_asked(const struct product *product, const struct releases_query *query)
{
    return !strcmp(product->org->name, query->org) &&
           (!*query->product || !strcmp(product->name, query->product));
}

/* The newest of those with a lower id. */
static bool take_release(struct app *app, const struct releases_query *query, int64_t before,
                         struct release *copy_out, char product_out[static 33])
{
    fleet_lock(&app->fleet);
    const struct release *release = app->fleet.catalogue.releases;
    while (release && (release->id >= before || !is_asked(release->product, query)))
        release = release->next;
    if (release) {
        *copy_out = *release;
        memcpy(product_out, release->product->name, 33);
    }
    fleet_unlock(&app->fleet);
    return release != NULL;
}

json_t *view_releases(struct app *app, const struct releases_query *query, int64_t *last_out,
                      bool *more_out)
{
    json_t *list = json_array();
    struct release *copy = malloc(sizeof *copy);
    char product[33];
    if (!copy) abort();
    *more_out = false;
    int64_t before = query->before;
    while (!*more_out && take_release(app, query, before, copy, product)) {
        before = copy->id;
        *more_out = json_array_size(list) == query->limit;
        if (*more_out) break;
        *last_out = copy->id;
        json_array_append_new(list, view_release(copy, product));
    }
    free(copy);
    return list;
}

/* ---- devices ---- */

json_t *view_listed_device(const struct list_device *row)
{
    char id[13], sentence[400];
    device_id_text(row->device_id, id);
    standing_sentence(row->reason, row->is_retried ? row->cause : "", row->detail, sentence,
                      sizeof sentence);
    const char *state = *row->state ? row->state : NULL;
    if (!state) snprintf(sentence, sizeof sentence, "the server has started and comes to it soon");
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:b, s:I, s:s, s:s?, s:s, s:I}", "device_id",
                     id, "product", row->product, "chip", row->chip, "version", row->version,
                     "slot", row->slot, "state", state, "on_trial", row->on_trial, "last_seen",
                     (json_int_t)row->last_seen_s, "reason", row->reason, "cause",
                     *row->cause ? row->cause : NULL, "sentence", sentence, "rollout_id",
                     (json_int_t)row->rollout);
}

json_t *view_device(const struct app *app, const struct device *device)
{
    const struct catalogue *catalogue = &app->fleet.catalogue;
    const struct device_facts *facts = &device->facts;
    const struct standing standing = standing_of(device, catalogue);
    const struct godwit_chip *chip = godwit_chip_by_id(facts->chip_id);
    struct list_device row = {.last_seen_s = facts->last_seen_s,
                              .rollout = standing.rollout,
                              .on_trial = facts->on_trial,
                              .is_retried = standing.is_retried};
    memcpy(row.device_id, device->device_id, sizeof row.device_id);
    snprintf(row.product, sizeof row.product, "%s", device->product->name);
    snprintf(row.chip, sizeof row.chip, "%s", chip ? chip->name : "unknown");
    snprintf(row.version, sizeof row.version, "%s", device_version(catalogue, device));
    snprintf(row.slot, sizeof row.slot, "%s", facts->running->slot);
    snprintf(row.state, sizeof row.state, "%s", standing.state);
    snprintf(row.reason, sizeof row.reason, "%s", decision_reason_id(standing.reason));
    if (standing.cause)
        snprintf(row.cause, sizeof row.cause, "%s", godwit_reason_id(standing.cause));
    snprintf(row.detail, sizeof row.detail, "%s", device->last_outcome->detail);
    return view_listed_device(&row);
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
