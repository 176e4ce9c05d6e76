/* FETCH: the file by its digest, in ranges, into the idle slot. The first 4,096 bytes wait in the
 * sector buffer until they are judged, so a refused image costs no erase. A broken connection goes
 * on at the exact byte, since the unfinished sector stays in RAM; a reset goes on at the last
 * sector that was begun. Two files are never stitched: the digest is asked for by name and as
 * If-Range, and an answer that starts elsewhere than asked is not taken. */
#include "agent/internal.h"
#include "base/text.h"

#define POLL_MS 20u
#define SILENCE_MS 30000u
#define TRIES_MAX 10

enum fetch_phase { FETCH_ENTER, FETCH_REQUEST, FETCH_HEAD, FETCH_BODY, FETCH_TAIL };

static enum godwit_state leave(struct godwit_agent *agent, enum godwit_state next)
{
    godwit_net_close(agent);
    return next;
}

static enum godwit_state refuse(struct godwit_agent *agent, enum godwit_reason reason,
                                const char *word, uint32_t number)
{
    return leave(agent, godwit_fail(agent, GODWIT_STAGE_DOWNLOAD, reason, word, number));
}

/* This connection is worth nothing any more; another one goes on where it stood. */
static enum godwit_state try_again(struct godwit_agent *agent, uint32_t retry_after_s)
{
    if (++agent->tries >= TRIES_MAX)
        return refuse(agent, GODWIT_REASON_DOWNLOAD, "at", agent->offset);
    uint32_t wait_ms = godwit_agent_backoff(agent, (uint8_t)(agent->tries - 1));
    godwit_agent_wait(agent, wait_ms, retry_after_s);
    agent->phase = FETCH_REQUEST;
    return leave(agent, GODWIT_FETCH);
}

static enum godwit_state request_file(struct godwit_agent *agent)
{
    static const char prefix[] = "/v1/image/";
    struct godwit_agent_strings *strings = &agent->strings;
    memcpy(strings->path, prefix, sizeof prefix);
    godwit_hex_encode(agent->record.install.file_sha256, 32, strings->path + sizeof prefix - 1);
    struct godwit_request request = {
        .method = "GET",
        .path = strings->path,
        .bearer = strings->bearer,
        .range_from = agent->offset,
        .use_range = agent->offset > 0,
        .if_range = agent->offset > 0 ? strings->path + sizeof prefix - 1 : NULL,
    };
    agent->request_ms = agent->now_ms;
    agent->phase = FETCH_HEAD;
    if (agent->config.net->start(agent->config.net->ctx, &request)) return try_again(agent, 0);
    return GODWIT_FETCH;
}

/* A 206 that goes on exactly where we stand, in a file of the size we know. */
static bool is_the_rest(const struct godwit_agent *agent, const struct godwit_answer *answer)
{
    return answer->status == 206 && agent->offset > 0 && answer->range_from == agent->offset &&
           (answer->range_total == 0 || answer->range_total == agent->record.install.size);
}

/* The head of an answer, with the first `got` bytes behind it already in the sector buffer at
 * `fill`: go on reading (true), or not. */
static bool take_head(struct godwit_agent *agent, const struct godwit_answer *answer, uint32_t fill,
                      size_t got, enum godwit_state *next_out)
{
    uint32_t size = agent->record.install.size;
    int status = answer->status;
    if (status == 200 && agent->offset > 0) { /* the whole file again: nothing is joined to it */
        memmove(agent->sector, agent->sector + fill, got);
        agent->offset = 0;
        agent->record.install_blocks = 0;
    }
    if (status == 200 || is_the_rest(agent, answer)) {
        agent->phase = FETCH_BODY;
        if (answer->content_length == UINT32_MAX || answer->content_length == size - agent->offset)
            return true;
        *next_out = refuse(agent, GODWIT_REASON_BODY_DIFFERS, "length", answer->content_length);
    } else if (status == 401 || status == 409) {
        *next_out = leave(agent, GODWIT_ASK); /* progress stays in flash and record */
    } else if (status == 206 || status == 429 || status >= 500) {
        *next_out = try_again(agent, answer->retry_after_s);
    } else {
        *next_out = refuse(agent, GODWIT_REASON_DOWNLOAD_REFUSED, "status", (uint32_t)status);
    }
    return false;
}

/* The held first bytes, before anything is erased. */
static enum godwit_reason judge_first_bytes(struct godwit_agent *agent)
{
    struct godwit_image *image = &agent->work.image;
    godwit_image_begin(agent, &agent->slots.idle, false);
    if (godwit_sink_write(&image->sink, agent->sector, agent->offset))
        return image->reason ? image->reason : GODWIT_REASON_NOT_AN_IMAGE;
    if (!godwit_image_head_known(image)) return GODWIT_REASON_TRUNCATED;
    return godwit_judge_head(agent);
}

/* The sector buffer is full, or holds the file's end. */
static enum godwit_state flush(struct godwit_agent *agent)
{
    if (agent->offset <= GODWIT_SECTOR_SIZE) {
        enum godwit_reason reason = judge_first_bytes(agent);
        if (reason) {
            agent->record.install_step = GODWIT_STEP_NONE;
            return refuse(agent, reason, NULL, 0);
        }
    }
    bool is_last = agent->offset == agent->record.install.size;
    godwit_err err = godwit_slot_append(agent);
    if (!err && is_last) err = godwit_record_mark(agent, GODWIT_MARK_STEP, GODWIT_STEP_FETCHED);
    if (err) return refuse(agent, GODWIT_REASON_FLASH, "at", agent->offset);
    if (agent->offset > agent->best_offset) {
        agent->best_offset = agent->offset;
        agent->tries = 0;
    }
    if (is_last) agent->phase = FETCH_TAIL;
    return GODWIT_FETCH;
}

/* Everything announced is here; one more byte would be one too many. */
static enum godwit_state read_tail(struct godwit_agent *agent)
{
    uint8_t extra;
    size_t got = 0;
    struct godwit_answer answer = {0};
    godwit_err err = agent->config.net->read(agent->config.net->ctx, &extra, 1, &got, &answer);
    if (got) {
        agent->record.install_step = GODWIT_STEP_NONE;
        return refuse(agent, GODWIT_REASON_BODY_DIFFERS, "length", agent->offset + 1);
    }
    if (err || agent->now_ms - agent->request_ms > SILENCE_MS) return leave(agent, GODWIT_VERIFY);
    godwit_agent_wait(agent, POLL_MS, 0);
    return GODWIT_FETCH;
}

static enum godwit_state read_piece(struct godwit_agent *agent)
{
    struct godwit_answer answer = {.content_length = UINT32_MAX};
    uint32_t fill = agent->offset % GODWIT_SECTOR_SIZE, size = agent->record.install.size;
    size_t room = GODWIT_SECTOR_SIZE - fill, got = 0;
    if (room > size - agent->offset) room = size - agent->offset;
    godwit_err err =
        agent->config.net->read(agent->config.net->ctx, agent->sector + fill, room, &got, &answer);
    if (agent->phase == FETCH_HEAD && answer.status) {
        enum godwit_state next;
        if (!take_head(agent, &answer, fill, got, &next)) return next;
    }
    if (got && agent->phase == FETCH_BODY) {
        agent->offset += (uint32_t)got;
        agent->request_ms = agent->now_ms;
        if (agent->offset % GODWIT_SECTOR_SIZE == 0 || agent->offset == size) return flush(agent);
    }
    if (err || agent->now_ms - agent->request_ms > SILENCE_MS) return try_again(agent, 0);
    if (!got) godwit_agent_wait(agent, POLL_MS, 0);
    return GODWIT_FETCH;
}

enum godwit_state godwit_state_fetch(struct godwit_agent *agent)
{
    if (agent->phase == FETCH_ENTER) {
        agent->tries = 0;
        agent->phase = FETCH_REQUEST;
        if (godwit_slot_resume(agent)) return refuse(agent, GODWIT_REASON_FLASH, NULL, 0);
        agent->best_offset = agent->offset;
        return GODWIT_FETCH;
    }
    if (godwit_agent_is_past(agent, agent->valid_until_ms)) return leave(agent, GODWIT_ASK);
    if (agent->phase == FETCH_REQUEST) return request_file(agent);
    return agent->phase == FETCH_TAIL ? read_tail(agent) : read_piece(agent);
}
