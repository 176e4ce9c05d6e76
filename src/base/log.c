/* Hands events to the back end that the program has set. The pointer pair is the one global of the
 * device half: a log call must work from any depth without a handle being passed down to it.
 * Set it before other threads start; it is not locked. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>

static struct {
    godwit_log_fn *fn;
    void *ctx;
} backend;

void godwit_log_set(godwit_log_fn *fn, void *ctx)
{
    backend.ctx = ctx;
    backend.fn = fn;
}

void godwit_log(enum godwit_log_level level, const char *event, const char *format, ...)
{
    if (!backend.fn) return;
    va_list args;
    va_start(args, format);
    backend.fn(backend.ctx, level, event, format, args);
    va_end(args);
}
