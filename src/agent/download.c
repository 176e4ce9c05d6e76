/* FETCH: the file by its digest, in ranges, into the inactive slot. The first 4,096 bytes wait in
 * the sector buffer until they are judged, so a refused image costs no erase. A broken connection
 * goes on at the exact byte, since the unfinished sector stays in RAM; a reset goes on after the
 * last whole sector. Two files are never stitched: the digest is asked for by name and as If-Range,
 * and a reply that starts elsewhere than asked is not taken.
 *
 * What a fault costs: a connection that breaks without a new sector, a busy or slow source or a
 * wrong range is a penalty; a source that refuses, or whose file is another one, is dropped. */
#include "agent/internal.h"
#include "agent/sources.h"
#include "base/text.h"

#define POLL_MS 20u
#define SILENCE_MS 30000u
#define WINDOW_MS 60000u  /* in which a source must send at least one sector's worth */
#define MIRROR_BUSY_S 300 /* a mirror that wants a longer break is dropped */
#define TRIES_MAX 10

enum fetch_phase { FETCH_ENTER, FETCH_REQUEST, FETCH_HEAD, FETCH_BODY, FETCH_FLUSH, FETCH_TAIL };

static enum godwit_state leave(struct godwit_agent *agent, enum godwit_state next)
{
    godwit_net_close(agent);
    return next;
}

/* No download is the release's fault: nothing is proven but by what is read back from flash. What
 * was seen instead of the file is told, or without a reply how far we came. */
static enum godwit_state refuse(struct godwit_agent *agent, enum godwit_reason reason,
                                const struct godwit_reply *reply)
{
    (void)godwit_fail(agent, GODWIT_STAGE_DOWNLOAD, reason);
    if (!reply) {
        godwit_fail_detail(agent, "at", "=", agent->offset, "");
    } else {
        bool is_status = reason == GODWIT_REASON_DOWNLOAD_REFUSED;
        const char *coding = reply->content_coding;
        godwit_fail_detail(
            agent, coding[0] ? coding : reply->content_type, is_status ? ", status " : ", ",
            is_status ? (uint32_t)reply->status : reply->content_length, is_status ? "" : " bytes");
    }
    godwit_retry_later(agent, 1);
    return leave(agent, GODWIT_STATE_REPORT);
}

/* This connection is worth nothing any more; after a while another one, perhaps to another source,
 * goes on where it stood. */
static enum godwit_state try_again(struct godwit_agent *agent, enum godwit_reason reason)
{
    if (++agent->tries >= TRIES_MAX) return refuse(agent, reason, NULL);
    (void)!godwit_sources_choose(agent); /* this one at least is left */
    godwit_agent_wait(agent, godwit_agent_backoff(agent, (uint8_t)(agent->tries - 1)), 0);
    agent->phase = FETCH_REQUEST;
    return leave(agent, GODWIT_STATE_FETCH);
}

/* One break in a row is forgiven: links break. */
static enum godwit_state try_after_break(struct godwit_agent *agent)
{
    if (agent->tries > 0) godwit_sources_penalise(agent);
    return try_again(agent, GODWIT_REASON_DOWNLOAD);
}

/* The range began elsewhere or belongs to another file. Where the same source is the best there is,
 * it is asked for the whole file next time. */
static enum godwit_state try_after_wrong_range(struct godwit_agent *agent)
{
    uint8_t source = agent->source;
    godwit_sources_penalise(agent);
    enum godwit_state next = try_again(agent, GODWIT_REASON_DOWNLOAD);
    if (next == GODWIT_STATE_FETCH && agent->source == source) godwit_sources_start_over(agent);
    return next;
}

/* The present source will never hand out this file: on to the next one, with what there is. */
static enum godwit_state drop_source(struct godwit_agent *agent, enum godwit_reason reason,
                                     const struct godwit_reply *reply)
{
    GODWIT_LOG(WARN, "source_dropped", "source=%u reason=%u", agent->source, (unsigned)reason);
    if (!godwit_sources_drop(agent)) return refuse(agent, reason, reply);
    agent->phase = FETCH_REQUEST;
    return leave(agent, GODWIT_STATE_FETCH);
}

/* Its Retry-After is obeyed; but another source may be asked meanwhile. */
static enum godwit_state try_after_busy(struct godwit_agent *agent,
                                        const struct godwit_reply *reply)
{
    uint32_t wait_s = reply->retry_after_s;
    if (wait_s > GODWIT_INTERVAL_MAX_S) wait_s = GODWIT_INTERVAL_MAX_S;
    if (agent->source && wait_s > MIRROR_BUSY_S)
        return drop_source(agent, GODWIT_REASON_DOWNLOAD_REFUSED, reply);
    if (wait_s) agent->busy_until_s[agent->source] = agent->now_s + wait_s + 1; /* not too early */
    godwit_sources_penalise(agent);
    return try_again(agent, GODWIT_REASON_DOWNLOAD);
}

/* What came is not what was announced. */
static enum godwit_state blame(struct godwit_agent *agent, enum godwit_reason reason,
                               const struct godwit_reply *reply)
{
    GODWIT_LOG(WARN, "source_blamed", "used=%u reason=%u", agent->sources_used, (unsigned)reason);
    if (godwit_sources_blame(agent)) {
        agent->phase = FETCH_REQUEST;
        return leave(agent, GODWIT_STATE_FETCH);
    }
    agent->journal.install_step = GODWIT_STEP_NONE;
    return refuse(agent, reason, reply);
}

/* The server does not know us, or no longer wants this: asks it. Progress stays in flash and
 * record. */
static enum godwit_state check_in_again(struct godwit_agent *agent,
                                        const struct godwit_reply *reply)
{
    if (agent->penalties[0] >= TRIES_MAX)
        return refuse(agent, GODWIT_REASON_DOWNLOAD_REFUSED, reply);
    if (agent->penalties[0] > 0)
        godwit_agent_wait(agent, godwit_agent_backoff(agent, agent->penalties[0]), 0);
    godwit_sources_penalise(agent);
    return leave(agent, GODWIT_STATE_CHECKIN);
}

/* Sleeps while the source has said that it is busy, but not longer than the offer holds. */
static bool is_busy(struct godwit_agent *agent)
{
    uint32_t until_s = agent->busy_until_s[agent->source];
    if (until_s <= agent->now_s) return false;
    godwit_agent_wait(agent, 0, until_s - agent->now_s);
    if ((int32_t)(agent->valid_until_ms - agent->wake_ms) < 0)
        agent->wake_ms = agent->valid_until_ms;
    return true;
}

static enum godwit_state request_file(struct godwit_agent *agent)
{
    static const char prefix[] = "/v1/image/";
    struct godwit_agent_strings *strings = &agent->strings;
    if (is_busy(agent)) return GODWIT_STATE_FETCH;
    if (!godwit_sources_may_go_on(agent)) godwit_sources_start_over(agent);
    memcpy(strings->path, prefix, sizeof prefix);
    char *digest = strings->path + sizeof prefix - 1;
    godwit_hex_encode(agent->journal.install.file_sha256, 32, digest);
    struct godwit_request request = {
        .method = "GET",
        .path = strings->path,
        .bearer = strings->bearer,
        .range_from = agent->offset,
        .use_range = agent->offset > 0,
        .if_range = agent->offset > 0 ? digest : NULL,
    };
    if (agent->source) { /* its entity tags are its own: the name alone says which file it is */
        request.base = agent->sources[agent->source - 1];
        request.path = digest - 1;
        request.bearer = request.if_range = NULL;
    }
    agent->request_ms = agent->window_ms = agent->now_ms;
    agent->window_offset = agent->offset;
    agent->phase = FETCH_HEAD;
    if (agent->config.net->start(agent->config.net->ctx, &request)) return try_after_break(agent);
    return GODWIT_STATE_FETCH;
}

/* A 206 that goes on exactly where we stand, in a file of the size we know. */
static bool is_the_rest(const struct godwit_agent *agent, const struct godwit_reply *reply)
{
    return agent->offset > 0 && reply->range_from == agent->offset && !reply->is_other &&
           (reply->range_total == 0 || reply->range_total == agent->journal.install.size);
}

/* Whether a body of this length can be what is missing; a range may be shorter than asked. */
static bool is_length(const struct godwit_agent *agent, const struct godwit_reply *reply)
{
    uint32_t left = agent->journal.install.size - agent->offset;
    return reply->content_length == UINT32_MAX || reply->content_length == left ||
           (reply->status == 206 && reply->content_length < left);
}

static enum godwit_state take_status(struct godwit_agent *agent, const struct godwit_reply *reply)
{
    int status = reply->status;
    if (status == 206) return try_after_wrong_range(agent);
    if (status == 408 || status == 429 || status >= 500) return try_after_busy(agent, reply);
    if (agent->source == 0 && (status == 401 || status == 409)) return check_in_again(agent, reply);
    return drop_source(agent, GODWIT_REASON_DOWNLOAD_REFUSED, reply);
}

/* The head of a reply, with the first `got` bytes of the body already in the sector buffer at
 * `fill`: go on reading (true), or not. */
static bool take_head(struct godwit_agent *agent, const struct godwit_reply *reply, uint32_t fill,
                      size_t got, enum godwit_state *next_out)
{
    int status = reply->status;
    if (status != 200 && !(status == 206 && is_the_rest(agent, reply))) {
        *next_out = take_status(agent, reply);
        return false;
    }
    if (status == 200 && agent->offset > 0) { /* the whole file again: nothing is joined to it */
        memmove(agent->sector, agent->sector + fill, got);
        godwit_sources_start_over(agent);
        agent->window_offset = 0;
    }
    if (reply->content_coding[0] || !is_length(agent, reply)) {
        *next_out = drop_source(agent, GODWIT_REASON_BODY_DIFFERS, reply);
        return false;
    }
    godwit_sources_use(agent);
    agent->phase = FETCH_BODY;
    return true;
}

/* The held first bytes, before anything is erased. Where they are no image at all, something else
 * has answered. */
static enum godwit_reason check_first_bytes(struct godwit_agent *agent)
{
    struct godwit_image *image = &agent->work.image;
    godwit_image_begin(agent, &agent->slots.inactive, false);
    bool is_image = !godwit_sink_write(&image->sink, agent->sector, agent->offset);
    if (is_image && godwit_image_head_known(image)) return godwit_check_image(agent, false);
    return image->reason > GODWIT_REASON_NOT_AN_IMAGE ? image->reason : GODWIT_REASON_BODY_DIFFERS;
}

/* The sector buffer is full, or holds the file's end: into the slot, a step at a time. */
static enum godwit_state flush(struct godwit_agent *agent, const struct godwit_reply *reply)
{
    if (agent->phase != FETCH_FLUSH && agent->offset <= GODWIT_SECTOR_SIZE) {
        enum godwit_reason reason = check_first_bytes(agent);
        if (reason) return blame(agent, reason, reply);
    }
    agent->phase = FETCH_FLUSH;
    agent->request_ms = agent->now_ms;
    godwit_err err = godwit_slot_append(agent);
    if (err == GODWIT_ERR_BUSY) return GODWIT_STATE_FETCH;
    if (err) return refuse(agent, GODWIT_REASON_FLASH, NULL);
    if (agent->offset > agent->best_offset) {
        agent->best_offset = agent->offset;
        agent->tries = 0;
    }
    agent->phase = agent->offset == agent->journal.install.size ? FETCH_TAIL : FETCH_BODY;
    return GODWIT_STATE_FETCH;
}

/* Everything announced is here; one more byte would be one too many. */
static enum godwit_state read_tail(struct godwit_agent *agent)
{
    uint8_t extra;
    size_t got = 0;
    struct godwit_reply reply = {0};
    godwit_err err = agent->config.net->read(agent->config.net->ctx, &extra, 1, &got, &reply);
    if (got) {
        reply.content_length = agent->offset + 1;
        (void)!godwit_sources_drop(agent); /* it is to blame, whoever else had part */
        return blame(agent, GODWIT_REASON_BODY_DIFFERS, &reply);
    }
    if (err || agent->now_ms - agent->request_ms > SILENCE_MS)
        return leave(agent, GODWIT_STATE_VERIFY);
    godwit_agent_wait(agent, POLL_MS, 0);
    return GODWIT_STATE_FETCH;
}

/* Less than a sector in a minute: the source is alive, and yet of no use. */
static bool is_slow(struct godwit_agent *agent)
{
    if (agent->offset - agent->window_offset >= GODWIT_SECTOR_SIZE) {
        agent->window_offset = agent->offset;
        agent->window_ms = agent->now_ms;
    }
    return agent->now_ms - agent->window_ms > WINDOW_MS;
}

static enum godwit_state read_piece(struct godwit_agent *agent)
{
    struct godwit_reply reply = {.content_length = UINT32_MAX};
    uint32_t fill = agent->offset % GODWIT_SECTOR_SIZE, size = agent->journal.install.size;
    size_t room = GODWIT_SECTOR_SIZE - fill, got = 0;
    if (room > size - agent->offset) room = size - agent->offset;
    godwit_err err =
        agent->config.net->read(agent->config.net->ctx, agent->sector + fill, room, &got, &reply);
    if (agent->phase == FETCH_HEAD && reply.status) {
        enum godwit_state next;
        if (!take_head(agent, &reply, fill, got, &next)) return next;
    }
    if (got && agent->phase == FETCH_BODY) {
        agent->offset += (uint32_t)got;
        agent->request_ms = agent->now_ms;
        if (agent->offset % GODWIT_SECTOR_SIZE == 0 || agent->offset == size)
            return flush(agent, &reply);
    }
    if (err || agent->now_ms - agent->request_ms > SILENCE_MS) return try_after_break(agent);
    if (is_slow(agent)) {
        godwit_sources_penalise(agent);
        return try_again(agent, GODWIT_REASON_SLOW_SOURCE);
    }
    if (!got) godwit_agent_wait(agent, POLL_MS, 0);
    return GODWIT_STATE_FETCH;
}

enum godwit_state godwit_state_fetch(struct godwit_agent *agent)
{
    if (agent->phase == FETCH_ENTER) {
        agent->phase = FETCH_REQUEST;
        godwit_slot_resume(agent);
        if (agent->offset == 0) agent->sources_used &= GODWIT_SOURCES_UNSHARED;
        if (agent->best_offset < agent->offset) agent->best_offset = agent->offset;
        (void)!godwit_sources_choose(agent);
        return GODWIT_STATE_FETCH;
    }
    if (godwit_agent_is_past(agent, agent->valid_until_ms))
        return leave(agent, GODWIT_STATE_CHECKIN);
    if (agent->phase == FETCH_REQUEST) return request_file(agent);
    if (agent->phase == FETCH_FLUSH) return flush(agent, NULL);
    return agent->phase == FETCH_TAIL ? read_tail(agent) : read_piece(agent);
}
