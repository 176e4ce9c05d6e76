/* A place bytes go. They come in order, in pieces of any size (0 included).
 *   write   take a piece, perhaps hand it on; an error is final
 *   finish  no more bytes: now judge the whole; once, then the sink is spent
 *   abort   give up, leave no trace; safe at any time, also on a zeroed sink
 * finish is apart from write because truncated is not complete: only finish may bless.
 * The struct is embedded first in its owner; the owner's memory is the caller's. */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct godwit_sink;

struct godwit_sink_ops {
    godwit_err (*write)(struct godwit_sink *sink, const uint8_t *data, size_t size);
    godwit_err (*finish)(struct godwit_sink *sink);
    void (*abort)(struct godwit_sink *sink);
};

struct godwit_sink {
    const struct godwit_sink_ops *ops;
    struct godwit_sink *next; /* not owned; NULL at the end of a chain */
};

static inline GODWIT_MUST_USE godwit_err godwit_sink_write(struct godwit_sink *sink,
                                                           const uint8_t *data, size_t size)
{
    return sink ? sink->ops->write(sink, data, size) : GODWIT_OK;
}

static inline GODWIT_MUST_USE godwit_err godwit_sink_finish(struct godwit_sink *sink)
{
    return sink ? sink->ops->finish(sink) : GODWIT_OK;
}

static inline void godwit_sink_abort(struct godwit_sink *sink)
{
    if (sink && sink->ops) sink->ops->abort(sink);
}
