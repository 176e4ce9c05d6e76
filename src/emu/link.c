/* The lossy link. A broken connection stays broken until the next start, as in life; bytes that
 * came through before the break were handed on and count. */
#include "emu/emu.h"

static godwit_err link_start(void *ctx, const struct godwit_request *request)
{
    struct link *link = ctx;
    link->starts++;
    link->is_broken = false;
    link->is_get = !strcmp(request->method, "GET");
    if (link->is_down) return GODWIT_ERR_NET;
    return link->inner.start(link->inner.ctx, request);
}

static godwit_err link_break(struct link *link)
{
    link->is_broken = true;
    link->drops++;
    link->inner.close(link->inner.ctx);
    return link->ends_early ? GODWIT_ERR_END : GODWIT_ERR_NET;
}

static godwit_err link_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                            struct godwit_reply *reply)
{
    struct link *link = ctx;
    *size_out = 0;
    if (link->is_broken) return GODWIT_ERR_NET;
    if (link->is_down) return link_break(link);
    if (link->piece_max && size_max > link->piece_max) size_max = link->piece_max;
    bool cuts = link->is_get && link->is_cutting;
    if (cuts) {
        uint64_t left = link->drop_at > link->received ? link->drop_at - link->received : 0;
        if (!left) {
            link->is_cutting = false;
            return link_break(link);
        }
        if (size_max > left) size_max = (size_t)left;
    }
    godwit_err err = link->inner.read(link->inner.ctx, data, size_max, size_out, reply);
    if (link->is_get) link->received += *size_out;
    return err;
}

static void link_close(void *ctx)
{
    struct link *link = ctx;
    if (!link->is_broken) link->inner.close(link->inner.ctx);
    link->is_broken = false;
}

static void link_trust(void *ctx, const uint8_t ca_sha256[2][32])
{
    struct link *link = ctx;
    if (link->inner.trust) link->inner.trust(link->inner.ctx, ca_sha256);
}

void link_init(struct link *link, const struct godwit_net *inner)
{
    *link = (struct link){.inner = *inner};
}

struct godwit_net link_port(struct link *link)
{
    return (struct godwit_net){.ctx = link,
                               .start = link_start,
                               .read = link_read,
                               .close = link_close,
                               .trust = link_trust};
}
