/* JSON views of the fleet. What a rollout says of a device comes from its member, or where the
 * device was not told yet from decide itself: the page and the device hear the same reason. */
#include "server/views.h"

#include "base/text.h"
#include "formats/chip.h"

void device_id_text(const uint8_t device_id[static 16], char out[static 13])
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
    bool open; /* the rollout still waits for it */
};

static struct standing standing_by_decision(const struct device *device,
                                            const struct rollout *rollout)
{
    /* decide looks at a list; this rollout alone is a list of one. */
    struct rollout alone = *rollout;
    struct device seen = *device;
    struct member member = {.rollout = &alone};
    const struct member *real = device_member(device, rollout);
    if (real) member.state = real->state;
    seen.members = real ? &member : NULL;
    alone.next = NULL;
    struct decision decision = decide(&seen, &alone);
    const char *state = decision_reason_state(decision.reason);
    struct standing standing = {state, decision_reason_id(decision.reason),
                                decision_reason_sentence(decision.reason), false};
    if (decision.kind == DECIDE_INSTALL || decision.reason == DECISION_TURN ||
        decision.reason == DECISION_ON_TRIAL) {
        standing.state = "waiting";
        standing.open = true;
    } else if (decision.reason == DECISION_CURRENT) {
        standing.state = "already";
    }
    return standing;
}

static struct standing standing_of(const struct device *device, const struct rollout *rollout)
{
    const struct member *member = device_member(device, rollout);
    if (!member || member->state == MEMBER_SELECTED) return standing_by_decision(device, rollout);
    const char *state = member_state_name(member->state);
    switch (member->state) {
    case MEMBER_FAILED:
        return (struct standing){state, godwit_reason_id(member->reason),
                                 godwit_reason_sentence(member->reason), false};
    case MEMBER_GOOD:
        return (struct standing){state, decision_reason_id(DECISION_CURRENT),
                                 "it runs the release and has confirmed it", false};
    case MEMBER_SUPERSEDED:
        return (struct standing){state, "superseded", "a newer rollout took it over", false};
    default:
        break;
    }
    enum decision_reason reason = device->facts.on_trial ? DECISION_ON_TRIAL : DECISION_OFFERED;
    return (struct standing){state, decision_reason_id(reason), decision_reason_sentence(reason),
                             true};
}

static bool is_selected(const struct rollout *rollout, const struct device *device)
{
    if (device->product != rollout->release->product) return false;
    return !rollout->picks || device_member(device, rollout);
}

json_t *view_rollout(const struct app *app, const struct rollout *rollout, bool with_devices)
{
    json_t *devices = json_array();
    json_int_t selected = 0;
    bool open = false;
    for (struct device *device = app->fleet.devices; device; device = device->next) {
        if (!is_selected(rollout, device)) continue;
        struct standing standing = standing_of(device, rollout);
        char id[13];
        selected++;
        open = open || standing.open;
        if (!with_devices) continue;
        device_id_text(device->device_id, id);
        json_array_append_new(devices, json_pack("{s:s, s:s, s:s, s:s}", "device_id", id, "state",
                                                 standing.state, "reason", standing.reason,
                                                 "sentence", standing.sentence));
    }
    json_t *view = json_pack(
        "{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "rollout_id", (json_int_t)rollout->id,
        "product", rollout->release->product->name, "version", rollout->release->version, "state",
        open ? "running" : "done", "selected", selected, "told", (json_int_t)rollout->told_count,
        "good", (json_int_t)rollout->good_count, "failed", (json_int_t)rollout->failed_count,
        "undecided", (json_int_t)rollout->undecided_count, "created",
        (json_int_t)rollout->created_s);
    if (with_devices)
        json_object_set_new(view, "devices", devices);
    else
        json_decref(devices);
    return view;
}

/* ---- devices ---- */

json_t *view_device(const struct app *app, const struct device *device)
{
    const struct device_facts *facts = &device->facts;
    struct decision decision = decide(device, app->fleet.rollouts);
    const char *state = decision_reason_state(decision.reason);
    char id[13];
    device_id_text(device->device_id, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:s}", "device_id", id,
                     "product", device->product->name, "chip", chip_name(facts->chip_id), "version",
                     facts->version, "slot", facts->slot, "state", state, "on_trial",
                     facts->on_trial, "last_seen", (json_int_t)facts->last_seen_s, "reason",
                     decision_reason_id(decision.reason), "sentence",
                     decision_reason_sentence(decision.reason));
}
