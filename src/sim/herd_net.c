/* The line between a device and the server, as the board's net port: a request is answered when it
 * begins, and the reply's bytes come as the line lets them. */
#include "sim/herd_fault.h"

#define IMAGE_PATH "/v1/image/"

static const char PAGE[] = "<html><body>Please log in to this network</body></html>";

static bool is_down(const struct unit *unit)
{
    return unit->line.down_until_ms > unit->herd->server->now_ms;
}

/* ---- the server's side ---- */

static void reply_image(struct unit *unit, const struct godwit_request *request)
{
    const struct herd *herd = unit->herd;
    struct herd_line *line = &unit->line;
    const struct herd_file *file;
    line->response.status =
        herd_server_image(herd->server, request->bearer, request->path + strlen(IMAGE_PATH), &file);
    bool is_refused = line->response.status != 200;
    uint32_t from = request->use_range ? request->range_from : 0;
    const struct herd_watch *watch = &herd->options.watch;
    if (watch->fetched) watch->fetched(watch->ctx, unit, is_refused ? NULL : file, from);
    if (is_refused) return;
    if (from >= file->size) {
        line->response.status = 416;
        return;
    }
    line->body = file->data + from;
    line->body_size = file->size - from;
    if (!request->use_range) return;
    line->response.status = 206;
    line->response.range_from = from;
    line->response.range_total = (uint32_t)file->size;
}

static void reply_checkin(struct unit *unit, const struct godwit_request *request)
{
    static struct godwit_checkin checkin;
    const struct herd_watch *watch = &unit->herd->options.watch;
    struct herd_line *line = &unit->line;
    line->response.status = 400;
    if (godwit_checkin_decode(request->body, request->body_size, &checkin)) return;
    if (watch->asked) watch->asked(watch->ctx, unit, &checkin);
    const struct herd_answer answer =
        herd_server_checkin(unit->herd->server, request->bearer, &checkin, line->reply);
    line->response.status = answer.status;
    line->body_size = answer.size;
    if (answer.status != 200) return;
    if (watch->answered) watch->answered(watch->ctx, unit, &answer);
    herd_fault_answered(unit, &answer);
}

/* ---- the line ---- */

static void spoil_head(struct herd_line *line)
{
    if (line->trouble == TROUBLE_PAGE) {
        line->response = (struct godwit_reply){.status = 200, .content_type = "text/html"};
        line->body = (const uint8_t *)PAGE;
        line->body_size = sizeof PAGE - 1;
    }
    if (line->trouble == TROUBLE_GZIP) memcpy(line->response.content_coding, "gzip", 5);
}

static godwit_err net_start(void *ctx, const struct godwit_request *request)
{
    struct unit *unit = ctx;
    struct herd_line *line = &unit->line;
    if (is_down(unit) && !line->has_link) return GODWIT_ERR_NET;
    line->is_open = line->is_fresh = true;
    line->response = (struct godwit_reply){0};
    line->body = (const uint8_t *)line->reply;
    line->body_size = line->body_at = 0;
    line->begun_ms = unit->herd->server->now_ms;
    herd_fault_request(unit, !request->body);
    if (is_down(unit) || line->trouble == TROUBLE_REQUEST) {
        line->is_open = false; /* read says that it broke */
        return GODWIT_OK;
    }
    if (request->body)
        reply_checkin(unit, request);
    else
        reply_image(unit, request);
    spoil_head(line);
    line->response.content_length = (uint32_t)line->body_size;
    return GODWIT_OK;
}

/* So many bytes more have come by now. */
static size_t arrived(const struct unit *unit)
{
    const struct herd_line *line = &unit->line;
    uint64_t ms = unit->herd->server->now_ms - line->begun_ms, bytes = line->body_size;
    if (line->bytes_per_s) bytes = ms * line->bytes_per_s / 1000;
    if (bytes > line->body_size) bytes = line->body_size;
    return bytes > line->body_at ? (size_t)bytes - line->body_at : 0;
}

static bool is_at_trouble(const struct herd_line *line)
{
    bool ends = line->trouble == TROUBLE_BREAK || line->trouble == TROUBLE_END;
    return ends && line->body_at >= line->trouble_at;
}

static void take(struct herd_line *line, uint8_t *data, size_t size)
{
    size_t flip = line->trouble_at - line->body_at; /* wraps round where it is behind us */
    memcpy(data, line->body + line->body_at, size);
    if (line->trouble == TROUBLE_FLIP && flip < size) data[flip] ^= 0x10;
    line->body_at += size;
}

static godwit_err net_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                           struct godwit_reply *reply_out)
{
    struct unit *unit = ctx;
    struct herd_line *line = &unit->line;
    *size_out = 0;
    if (!line->is_open || is_down(unit)) return GODWIT_ERR_NET;
    if (line->is_fresh) {
        line->is_fresh = false;
        return GODWIT_OK;
    }
    *reply_out = line->response;
    if (is_at_trouble(line)) return line->trouble == TROUBLE_END ? GODWIT_ERR_END : GODWIT_ERR_NET;
    if (line->body_at == line->body_size) return GODWIT_ERR_END;
    size_t size = arrived(unit);
    if (size > size_max) size = size_max;
    bool ends = line->trouble == TROUBLE_BREAK || line->trouble == TROUBLE_END;
    if (ends && size > line->trouble_at - line->body_at) size = line->trouble_at - line->body_at;
    take(line, data, size);
    *size_out = size;
    return GODWIT_OK;
}

static void net_close(void *ctx)
{
    struct unit *unit = ctx;
    unit->line.is_open = false;
}

struct godwit_net herd_net(struct unit *unit)
{
    return (struct godwit_net){
        .ctx = unit, .start = net_start, .read = net_read, .close = net_close};
}
