/* Events as one line each: a constant name, then logfmt pairs; no prose, no secrets.
 *     GODWIT_LOG(INFO, "install_begin", "release=%s slot=%u", …)
 * The back end is the one global of the device half; without one, events vanish. */
#pragma once

enum godwit_log_level { GODWIT_LOG_ERROR, GODWIT_LOG_WARN, GODWIT_LOG_INFO, GODWIT_LOG_DEBUG };

/* format and the arguments behind it are printf's. Called from any thread. */
typedef void godwit_log_fn(void *ctx, enum godwit_log_level level, const char *event,
                           const char *format, __builtin_va_list args);

/* fn NULL: silence. ctx must outlive its use. */
void godwit_log_set(godwit_log_fn *fn, void *ctx);
void godwit_log(enum godwit_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifndef GODWIT_LOG_LEVEL /* what is compiled in; a device build sets GODWIT_LOG_INFO or less */
#define GODWIT_LOG_LEVEL GODWIT_LOG_DEBUG
#endif
#define GODWIT_LOG(level, event, ...)                           \
    do {                                                        \
        if (GODWIT_LOG_##level <= GODWIT_LOG_LEVEL)             \
            godwit_log(GODWIT_LOG_##level, event, __VA_ARGS__); \
    } while (0)
