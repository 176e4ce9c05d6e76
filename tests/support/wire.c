/* The peer that plays turns; see wire.h. */
#include "wire.h"

#include <stdio.h>

void wire_mirrors(char sources[GODWIT_SOURCES_MAX][GODWIT_SOURCE_SIZE], uint32_t count)
{
    memset(sources, 0, (size_t)GODWIT_SOURCES_MAX * GODWIT_SOURCE_SIZE);
    for (uint32_t i = 0; i < count; i++)
        snprintf(sources[i], GODWIT_SOURCE_SIZE, "http://m%u.example/f", (unsigned)i + 1);
}

static enum wire_place place_of(const struct godwit_request *request)
{
    if (request->base) return request->base[8] == '1' ? WIRE_MIRROR_1 : WIRE_MIRROR_2;
    return strcmp(request->method, "GET") ? WIRE_CHECKIN : WIRE_IMAGE;
}

static void tell(const struct wire *wire, const struct godwit_request *request)
{
    static const char *const names[WIRE_PLACES] = {"image", "mirror 1", "mirror 2", "check-in"};
    if (!wire->is_telling) return;
    printf("%10.3f s  %s", (double)*wire->now_ms / 1000, names[wire->place]);
    if (request->use_range) printf(" from byte %u", (unsigned)request->range_from);
    printf("\n");
}

static void flip_request(struct wire *wire, struct godwit_request *request)
{
    const struct wire_turn *turn = &wire->turns[wire->place];
    if (!turn->flips_request || turn->request_at >= request->body_size) return;
    memcpy(wire->ask, request->body, request->body_size);
    wire->ask[turn->request_at] ^= (char)turn->request_mask;
    request->body = wire->ask;
    wire->played++;
}

static godwit_err wire_start(void *ctx, const struct godwit_request *request)
{
    struct wire *wire = ctx;
    struct godwit_request copy = *request;
    wire->place = place_of(request);
    const struct wire_turn *turn = &wire->turns[wire->place];
    uint32_t index = wire->requests[wire->place]++;
    wire->is_playing =
        index >= turn->skips && (turn->times == 0 || index - turn->skips < turn->times);
    wire->is_ended = wire->is_quiet = false;
    wire->was_range = request->use_range;
    wire->start_ms[wire->place] = wire->last_ms = *wire->now_ms;
    wire->at = wire->from = request->use_range ? request->range_from : 0;
    wire->extra = turn->extra;
    tell(wire, request);
    if (wire->place == WIRE_CHECKIN && wire->is_playing)
        wire->request_size = (uint32_t)request->body_size;
    if (!wire->is_playing) return wire->inner.start(wire->inner.ctx, &copy);
    if (turn->fails_start) return GODWIT_ERR_NET;
    if (turn->is_lost) {
        wire->is_quiet = turn->is_mute;
        wire->is_ended = !turn->is_mute;
        return GODWIT_OK;
    }
    if (turn->ignores_ranges || turn->lies_about_ranges) {
        copy.use_range = false;
        wire->at = wire->from = 0;
    }
    flip_request(wire, &copy);
    return wire->inner.start(wire->inner.ctx, &copy);
}

static void change_head(const struct wire *wire, struct godwit_reply *reply)
{
    const struct wire_turn *turn = &wire->turns[wire->place];
    bool is_lie = turn->lies_about_ranges && wire->was_range;
    if (reply->status == 206 || is_lie) {
        if (is_lie) reply->status = 206;
        reply->range_from += turn->shift;
        reply->range_total += turn->total;
        reply->is_other = turn->is_other;
    }
    reply->content_length += turn->length;
    if (turn->range_max && reply->status == 206 && reply->content_length > turn->range_max)
        reply->content_length = turn->range_max;
    if (turn->hides_length) reply->content_length = UINT32_MAX;
    reply->status ^= turn->changes.status;
    reply->retry_after_s ^= turn->changes.retry_after_s;
    reply->content_length ^= turn->changes.content_length;
    reply->range_from ^= turn->changes.range_from;
    reply->range_total ^= turn->changes.range_total;
    reply->is_other ^= turn->changes.is_other;
    for (size_t i = 0; i < GODWIT_REPLY_WORD_SIZE; i++) {
        reply->content_type[i] ^= turn->changes.content_type[i];
        reply->content_coding[i] ^= turn->changes.content_coding[i];
    }
}

/* How many bytes may come now: up to a cut, to the end of a short range, one at a time. */
static size_t limit(struct wire *wire, size_t size_max)
{
    struct wire_turn *turn = &wire->turns[wire->place];
    if (turn->cuts && wire->at <= turn->cut_at && size_max > turn->cut_at - wire->at)
        size_max = turn->cut_at - wire->at;
    if (turn->range_max && wire->was_range && size_max > wire->from + turn->range_max - wire->at)
        size_max = wire->from + turn->range_max - wire->at;
    return size_max;
}

static void flip(struct wire *wire, uint8_t *data, size_t size)
{
    struct wire_turn *turn = &wire->turns[wire->place];
    for (size_t i = 0; i < size; i++) {
        uint32_t at = wire->at + (uint32_t)i;
        bool is_hit = turn->flips && at == turn->flip_at;
        bool is_row = turn->flip_every && at >= turn->flip_at && !(at % turn->flip_every);
        if (is_hit) turn->flips--;
        if (is_hit || is_row) data[i] ^= turn->flip_mask;
        wire->played += is_hit || is_row;
    }
}

/* Whether the connection is cut here; *err_out then says how that looks. */
static bool cut(struct wire *wire, godwit_err *err_out)
{
    struct wire_turn *turn = &wire->turns[wire->place];
    if (!turn->cuts || wire->at != turn->cut_at) return false;
    turn->cuts--;
    wire->played++;
    wire->is_quiet = turn->is_mute;
    wire->is_ended = !turn->is_mute;
    *err_out = turn->is_mute ? GODWIT_OK : turn->is_false ? GODWIT_ERR_END : GODWIT_ERR_NET;
    return true;
}

/* Bytes behind the end, where there should be none. */
static godwit_err add_extra(struct wire *wire, godwit_err err, uint8_t *data, size_t *size_out)
{
    if (err != GODWIT_ERR_END || !wire->extra) return err;
    if (wire->extra != UINT32_MAX) wire->extra--;
    *data = ' ';
    *size_out = 1;
    return GODWIT_OK;
}

static godwit_err play(struct wire *wire, uint8_t *data, size_t size_max, size_t *size_out,
                       struct godwit_reply *reply)
{
    const struct wire_turn *turn = &wire->turns[wire->place];
    int status = turn->status;
    godwit_err err = GODWIT_OK;
    if (turn->delay_ms && *wire->now_ms - wire->start_ms[wire->place] < turn->delay_ms)
        return GODWIT_OK;
    if (wire->was_range && turn->status_of_ranges) status = turn->status_of_ranges;
    if (status) {
        *reply = (struct godwit_reply){.status = status, .retry_after_s = turn->retry_after_s};
        return GODWIT_ERR_END;
    }
    size_t due = turn->byte_ms ? (size_t)(*wire->now_ms - wire->last_ms) / turn->byte_ms : SIZE_MAX;
    if (size_max > due) size_max = due;
    if (cut(wire, &err)) return err;
    if (turn->range_max && wire->was_range && wire->at == wire->from + turn->range_max)
        return GODWIT_ERR_END;
    size_max = limit(wire, size_max);
    if (size_max == 0) return GODWIT_OK;
    err = wire->inner.read(wire->inner.ctx, data, size_max, size_out, reply);
    if (reply->status) change_head(wire, reply);
    err = add_extra(wire, err, data, size_out);
    wire->last_ms += (uint64_t)*size_out * turn->byte_ms;
    flip(wire, data, *size_out);
    return err;
}

static godwit_err wire_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                            struct godwit_reply *reply)
{
    struct wire *wire = ctx;
    *size_out = 0;
    if (wire->is_ended) return GODWIT_ERR_NET;
    if (wire->is_quiet) return GODWIT_OK;
    godwit_err err = wire->is_playing
                         ? play(wire, data, size_max, size_out, reply)
                         : wire->inner.read(wire->inner.ctx, data, size_max, size_out, reply);
    wire->at += (uint32_t)*size_out;
    if (wire->place != WIRE_CHECKIN) wire->received += *size_out;
    if (wire->place == WIRE_CHECKIN && wire->is_playing) wire->reply_size = wire->at;
    return err;
}

static void wire_close(void *ctx)
{
    struct wire *wire = ctx;
    wire->inner.close(wire->inner.ctx);
}

void wire_init(struct wire *wire, const struct godwit_net *inner, const uint64_t *now_ms)
{
    *wire = (struct wire){.inner = *inner, .now_ms = now_ms};
}

struct godwit_net wire_port(struct wire *wire)
{
    return (struct godwit_net){wire, wire_start, wire_read, wire_close, NULL};
}
