/* What a check-in changes, by the writer, in a fixed order: the outcome it carries → the proof it
 * gives → the offer it is due → its facts. Each step writes its rows and then moves the memory, so
 * the step after it decides on what the step before it made true. */
#include <stdio.h>

#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/guard_tags.h"
#include "fleet/identity.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/proof.h"
#include "fleet/rollout.h"
#include "fleet/site.h"
#include "fleet/strata_of.h"
#include "fleet/tags.h"
#include "fleet/upgrade_path.h"

#define LATE_COPY_S 3600 /* so long a copy of a report may be on its way */

/* Where one check-in is being recorded. */
struct record {
    struct fleet *fleet;
    struct db *db;
    struct device *device;
    const struct godwit_checkin *checkin;
    int64_t now_s;
    bool reported;                     /* an event of this check-in stands already */
    uint8_t report[EVENT_REPORT_SIZE]; /* zeros: it brings no new one */
};

/* Facts of a device may be taken by an event loop at any time, so even the writer reads them only
 * under the lock. */
static struct proof proof_now(const struct record *record)
{
    fleet_lock(record->fleet);
    const struct proof proof = proof_find(record->device, &record->fleet->catalogue, record->now_s);
    fleet_unlock(record->fleet);
    return proof;
}

static struct decision decide_now(const struct record *record)
{
    fleet_lock(record->fleet);
    struct decision decision = decide(record->device, &record->fleet->catalogue);
    fleet_unlock(record->fleet);
    return decision;
}

static godwit_err add_event(struct record *record, enum event_kind kind, const char *version,
                            const struct godwit_outcome *outcome)
{
    struct event event = {.time_s = record->now_s, .kind = kind};
    memcpy(event.version, version, strnlen(version, sizeof event.version - 1));
    memcpy(event.report, record->report, sizeof event.report);
    if (outcome) {
        event.stage = outcome->stage;
        event.reason = outcome->reason;
        device_plain_text(event.detail, outcome->detail, sizeof event.detail);
    }
    record->reported = true;
    return event_add(record->db, record->device->id, record->device->device_id, &event);
}

static godwit_err move_member(struct record *record, struct member *member, enum member_state state,
                              uint32_t reason)
{
    const struct member_move move = {.state = state, .reason = reason};
    return member_move(record->fleet, record->db, record->device, member, &move);
}

static godwit_err guard_image(struct record *record, const struct image *image)
{
    godwit_err err = db_run(record->db,
                            "insert into failed_images (org, device, image_sha256)"
                            " values ($1, $2, $3) on conflict (device, image_sha256) do nothing",
                            DB_ARGS(db_text(record->device->product->org->name),
                                    db_int(record->device->id), db_blob(image->image_sha256, 32)));
    if (err) return err;
    fleet_lock(record->fleet);
    device_guard(record->fleet, record->device, image->image_sha256);
    fleet_unlock(record->fleet);
    return GODWIT_OK;
}

/* The file is the rollout's own, or a stop on the way to it. */
static struct member *member_of_outcome(const struct record *record, const struct file *file)
{
    const struct rollout *rollout =
        rollout_find(&record->fleet->catalogue, record->checkin->outcome.rollout_id);
    if (!rollout || !file || rollout->release->product != file->release->product) return NULL;
    struct member *member = device_member(record->device, rollout);
    return member && member->state != MEMBER_SELECTED ? member : NULL;
}

static godwit_err keep_outcome_id(struct record *record)
{
    struct godwit_outcome outcome = record->checkin->outcome;
    device_plain_text(outcome.detail, record->checkin->outcome.detail, sizeof outcome.detail);
    godwit_err err =
        db_run(record->db,
               "update devices set outcome_id = $1, outcome_stage = $2, outcome_reason = $3,"
               " outcome_file = $4, outcome_detail = $5 where id = $6",
               DB_ARGS(db_int(outcome.id), db_int(outcome.stage), db_int(outcome.reason),
                       db_blob(outcome.file_sha256, 32), db_text(outcome.detail),
                       db_int(record->device->id)));
    if (err) return err;
    fleet_lock(record->fleet);
    device_set_outcome(record->fleet, record->device, &outcome);
    fleet_unlock(record->fleet);
    return GODWIT_OK;
}

/* The loop guard for the image where it is to blame, and the member's place in its rollout; either
 * may be unknown. A stop that failed is gone round where there is another way. */
static godwit_err record_failure(struct record *record, const struct file *file,
                                 struct member *member)
{
    const struct image *image = file ? release_image(file->release, file->image_id) : NULL;
    bool guards = image && decide_outcome(&record->checkin->outcome) == VERDICT_FAILED;
    godwit_err err = guards ? guard_image(record, image) : GODWIT_OK;
    if (err || !member) return err;
    bool was_hop = guards && file->release != member->rollout->release;
    if (was_hop && decide_now(record).kind == DECIDE_INSTALL) return GODWIT_OK;
    return member_fail(record->fleet, record->db, record->device, member,
                       record->checkin->outcome.reason, record->now_s);
}

static enum event_kind kind_of(const struct godwit_outcome *outcome, enum verdict verdict,
                               const struct member *member)
{
    if (decide_is_notice(outcome)) return EVENT_NOTICE;
    if (!member || verdict == VERDICT_NOTHING) return EVENT_REPORTED;
    return verdict == VERDICT_AGAIN ? EVENT_AGAIN : EVENT_FAILED;
}

/* Whether what runs is a bridge release on the way to the member's own. */
static bool is_hop(const struct record *record, const struct file *file,
                   const struct member *member)
{
    if (!member || member->state != MEMBER_IN_PROGRESS || file->release == member->rollout->release)
        return false;
    const struct image *image = release_image(file->release, file->image_id);
    fleet_lock(record->fleet);
    bool runs =
        image && !memcmp(record->device->facts.running->image_sha256, image->image_sha256, 32);
    fleet_unlock(record->fleet);
    return runs;
}

static godwit_err name_report(struct record *record)
{
    const struct godwit_outcome *outcome = &record->checkin->outcome;
    struct godwit_hash hash;
    uint8_t digest[32], numbers[16];
    godwit_store32(numbers, outcome->id);
    godwit_store32(numbers + 4, outcome->rollout_id);
    godwit_store32(numbers + 8, (uint32_t)outcome->stage);
    godwit_store32(numbers + 12, outcome->reason);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, numbers, sizeof numbers);
    godwit_hash_update(&hash, outcome->file_sha256, sizeof outcome->file_sha256);
    godwit_hash_update(&hash, (const uint8_t *)outcome->detail, strlen(outcome->detail));
    godwit_err err = godwit_hash_peek(&hash, digest);
    memcpy(record->report, digest, sizeof record->report);
    return err;
}

/* A device reports again until it is answered. A copy whose line was given up may arrive after the
 * report that followed, and is no second one. */
static godwit_err find_late_copy(struct record *record, bool *is_late_out)
{
    *is_late_out = false;
    godwit_err err = name_report(record);
    if (err || record->checkin->outcome.id == record->device->last_outcome->id + 1) return err;
    return event_has_report(record->db, record->device->id, record->report,
                            record->now_s - LATE_COPY_S, is_late_out);
}

/* Whether the release lost the contact, or had no line to begin with (device.c). */
static enum verdict verdict_here(const struct record *record)
{
    const struct godwit_outcome *outcome = &record->checkin->outcome;
    bool lost = outcome->reason == GODWIT_REASON_TRIAL_NO_CONTACT && !record->device->came_late;
    return lost ? VERDICT_REFUSED : decide_outcome(outcome);
}

static godwit_err record_outcome(struct record *record)
{
    const struct godwit_outcome *outcome = &record->checkin->outcome;
    bool is_late;
    if (!device_is_new_outcome(record->device, outcome)) return GODWIT_OK;
    godwit_err err = find_late_copy(record, &is_late);
    if (err || is_late) return err;
    const struct file *file = file_find(&record->fleet->catalogue,
                                        record->device->product->org->name, outcome->file_sha256);
    struct member *member = member_of_outcome(record, file);
    enum verdict verdict = verdict_here(record);

    err = keep_outcome_id(record);
    bool is_bad = verdict == VERDICT_REFUSED || verdict == VERDICT_FAILED;
    if (!err && is_bad) err = record_failure(record, file, member);
    if (err) return err;
    /* The proof below reports a confirmed install; the device's mere statement is no event. */
    bool good = outcome->stage == GODWIT_STAGE_CONFIRMED && verdict == VERDICT_NOTHING;
    if (good && proof_now(record).member) return GODWIT_OK;
    enum event_kind kind = kind_of(outcome, verdict, member);
    if (good && is_hop(record, file, member)) kind = EVENT_BRIDGED;
    return add_event(record, kind, file ? file->release->version : "", outcome);
}

/* A crash that no outcome has told, or what the device has survived since it said something. */
static godwit_err record_proof(struct record *record)
{
    const struct proof proof = proof_now(record);
    if (!proof.member || record->reported) return GODWIT_OK;
    const char *version = proof.member->rollout->release->version;
    struct godwit_outcome outcome = {.stage = GODWIT_STAGE_CONFIRMED, .reason = proof.move.reason};
    godwit_err err;
    if (proof.move.state == MEMBER_FAILED)
        err = member_fail(record->fleet, record->db, record->device, proof.member,
                          proof.move.reason, record->now_s);
    else
        err = member_move(record->fleet, record->db, record->device, proof.member, &proof.move);
    if (!err && proof.is_confirmation) proof.member->rollout->confirmed_s = record->now_s;
    return err ? err : add_event(record, proof.event, version, &outcome);
}

static godwit_err record_image(struct record *record)
{
    struct device *device = record->device;
    uint8_t image[32];
    char version[33];
    fleet_lock(record->fleet);
    bool is_new = device_is_new_image(device);
    memcpy(image, device->facts.running->image_sha256, sizeof image);
    memcpy(version, device_version(&record->fleet->catalogue, device), sizeof version);
    fleet_unlock(record->fleet);
    if (!is_new) return GODWIT_OK;
    bool first = godwit_all(device->known_image, 32, 0);
    godwit_err err = db_run(record->db, "update devices set known_image = $1 where id = $2",
                            DB_ARGS(db_blob(image, sizeof image), db_int(device->id)));
    if (!err && !first && !record->reported) err = add_event(record, EVENT_CHANGED, version, NULL);
    if (err) return err;
    fleet_lock(record->fleet);
    device_set_digest(record->fleet, &device->known_image, image);
    fleet_unlock(record->fleet);
    return GODWIT_OK;
}

/* A device has one offer: a newer one ends what older ones still waited for. */
static godwit_err supersede(struct record *record)
{
    godwit_err err = GODWIT_OK;
    for (struct member *member = record->device->members; member && !err; member = member->next)
        if (member_is_watched(member)) err = move_member(record, member, MEMBER_SUPERSEDED, 0);
    return err;
}

/* The detail names the release on the way, where there is one. */
static godwit_err report_event(struct record *record, const struct decision *decision)
{
    struct godwit_outcome offer = {0};
    const struct release *first = decision->image->release;
    if (first != decision->rollout->release)
        snprintf(offer.detail, sizeof offer.detail, "over %s", first->version);
    return add_event(record, EVENT_OFFERED, decision->rollout->release->version, &offer);
}

/* It has its place in the rollout no more; what is downloaded of the release stays with it. */
static godwit_err withdraw(struct record *record, const struct decision *decision)
{
    struct rollout *rollout = rollout_find(&record->fleet->catalogue, decision->rollout->id);
    godwit_err err =
        move_member(record, device_member(record->device, rollout), MEMBER_SELECTED, 0);
    return err ? err : add_event(record, EVENT_WITHDRAWN, rollout->release->version, NULL);
}

static godwit_err send_back(struct record *record, const struct decision *decision)
{
    struct rollout *rollout = rollout_find(&record->fleet->catalogue, decision->rollout->id);
    struct member *member = device_member(record->device, rollout);
    godwit_err err = move_member(record, member, MEMBER_UNDOING, 0);
    return err ? err : add_event(record, EVENT_UNDO, decision->image->release->version, NULL);
}

/* The release that the device runs, by its id; 0: none of its product that is known. */
static uint32_t came_from(const struct record *record)
{
    fleet_lock(record->fleet);
    uint32_t release = upgrade_running_release(record->device, &record->fleet->catalogue);
    fleet_unlock(record->fleet);
    return release;
}

static godwit_err record_offer(struct record *record)
{
    struct decision decision = decide_now(record);
    if (decision.must_undo) return send_back(record, &decision);
    if (decision.must_withdraw) return withdraw(record, &decision);
    if (decision.must_note)
        return device_note_not_offered(record->fleet, record->db, record->device, &decision,
                                       record->now_s);
    if (!decision.must_offer) return GODWIT_OK;
    struct rollout *rollout = rollout_find(&record->fleet->catalogue, decision.rollout->id);
    struct member *member = device_member(record->device, rollout);
    uint32_t number =
        member && member->offer_number ? member->offer_number : rollout->offered_count + 1;
    const uint32_t from = came_from(record);
    godwit_err err = supersede(record);
    if (!err)
        err = db_run(record->db,
                     "insert into members (org, rollout, device, offer_number, state, came_from)"
                     " values ($1, $2, $3, $4, $5, $6) on conflict (rollout, device) do update set"
                     " offer_number = excluded.offer_number, state = excluded.state, reason = 0,"
                     " came_from = excluded.came_from, due = 0",
                     DB_ARGS(db_text(record->device->product->org->name), db_int(rollout->id),
                             db_int(record->device->id), db_int(number), db_int(MEMBER_IN_PROGRESS),
                             db_int(from)));
    if (!err) err = report_event(record, &decision);
    if (err) return err;
    fleet_lock(record->fleet);
    const struct strata_key key = device_strata(record->device, from);
    if (number > rollout->offered_count) strata_offer(&rollout->strata, &key);
    if (member) {
        member->offer_number = number;
        member->came_from = from;
        member->due_s = 0;
        member_set(record->device, member, MEMBER_IN_PROGRESS, 0);
        if (number > rollout->offered_count) rollout->offered_count = number;
        site_count(&record->fleet->catalogue, record->device);
    } else {
        member_add(record->fleet, record->device,
                   &(struct member){.rollout = rollout,
                                    .offer_number = number,
                                    .came_from = from,
                                    .state = MEMBER_IN_PROGRESS});
    }
    fleet_unlock(record->fleet);
    return GODWIT_OK;
}

static godwit_err record_attributes(struct record *record)
{
    struct device *device = record->device;
    uint32_t crc = device_attributes_crc(record->checkin);
    if (crc == device->attributes_crc) return GODWIT_OK;
    godwit_err err = device_set_attributes(record->db, device->id, record->checkin->attributes);
    if (!err)
        err = db_run(record->db, "update devices set attributes_crc = $1 where id = $2",
                     DB_ARGS(db_int(crc), db_int(device->id)));
    if (err) return err;
    fleet_lock(record->fleet);
    device->attributes_crc = crc;
    fleet_unlock(record->fleet);
    return guard_tags_read(record->fleet, record->db, device);
}

/* The facts go with what was recorded on them: a server that is killed before the next flush then
 * starts with devices it can judge, a new one above all. */
static godwit_err record_facts(struct record *record)
{
    struct facts_copy copy;
    fleet_lock(record->fleet);
    facts_copy(&copy, &record->device->facts);
    fleet_unlock(record->fleet);
    return device_write_facts(record->db, record->device->id, &copy.facts);
}

godwit_err device_record(struct fleet *fleet, struct db *db, struct device *device,
                         const struct godwit_checkin *checkin, int64_t now_s)
{
    struct record record = {fleet, db, device, checkin, now_s, false, {0}};
    fleet_lock(fleet);
    device->changed_in = fleet->transaction;
    device_take_facts(fleet, device, checkin, now_s);
    fleet_mark_dirty(fleet, device);
    fleet_unlock(fleet);
    godwit_err err = identity_record_fork(fleet, db, device, now_s);
    if (!err) err = record_outcome(&record);
    if (!err) err = record_proof(&record);
    if (!err) err = record_image(&record);
    if (!err) err = record_attributes(&record);
    if (!err) err = record_offer(&record);
    if (!err) err = record_facts(&record);
    if (err) return err;
    fleet_lock(fleet);
    device->has_crashed = false;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}
