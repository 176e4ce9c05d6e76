/* How much one server holds at once: its limits, fitted to what the machine allows, and the budget
 * of input bytes that all connections share. docs/decisions/0016-who-may-hold-what.md says why
 * these numbers. */
#include <sys/resource.h>

#include "http/internal.h"

#define CONNECTIONS_MAX 20000U
#define FILES_RESERVED 64U /* database, log, listeners, loops and what libraries open */

#define DEFAULT(field, value) limits->field = limits->field ? limits->field : (value)

static void limits_default(struct http_limits *limits)
{
    DEFAULT(address_max, limits->connections_max / 2);
    DEFAULT(unauthenticated_max, 4096);
    DEFAULT(address_unauthenticated_max, 1024);
    DEFAULT(young_ms, 2000);
    DEFAULT(unauthenticated_body_max, 64U << 10);
    DEFAULT(input_max, 64U << 20);
    DEFAULT(line_max, 4096);
    DEFAULT(head_max, 16384);
    DEFAULT(headers_max, 64);
    DEFAULT(handshake_ms, 10000);
    DEFAULT(head_ms, 10000);
    DEFAULT(body_ms, 20000);
    DEFAULT(write_ms, 30000);
    DEFAULT(idle_ms, 120000);
    DEFAULT(streams_max, 10000);
    DEFAULT(arena_max, 4U << 20);
}

/* What this process may open, after its own soft limit was raised as far as it goes. */
static uint64_t files_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files)) return 1024;
    if (files.rlim_cur < files.rlim_max) {
        struct rlimit raised = {files.rlim_max, files.rlim_max};
        if (!setrlimit(RLIMIT_NOFILE, &raised)) files = raised;
    }
    return files.rlim_cur;
}

/* Connections that the file table has room for: an eighth of it is left for files being sent. */
static unsigned connections_fit(uint64_t files)
{
    uint64_t room = files > 2U * FILES_RESERVED ? files - FILES_RESERVED : FILES_RESERVED;
    room -= room / 8;
    return room < UINT32_MAX ? (unsigned)room : UINT32_MAX;
}

static void at_most(unsigned *value, unsigned max)
{
    if (*value > max) *value = max ? max : 1;
}

void limits_fit(struct http_limits *limits, uint64_t files)
{
    if (!limits->connections_max) limits->connections_max = CONNECTIONS_MAX;
    at_most(&limits->connections_max, connections_fit(files));
    limits_default(limits);
    /* Who authenticates always finds room, and no address takes all the room of the
     * unauthenticated. */
    at_most(&limits->address_max, limits->connections_max);
    at_most(&limits->streams_max, limits->connections_max / 5 * 3);
    at_most(&limits->unauthenticated_max, limits->connections_max / 2);
    at_most(&limits->address_unauthenticated_max, limits->unauthenticated_max / 2);
}

void limits_open(struct http_limits *limits)
{
    limits_fit(limits, files_max());
}

/* --- budget ------------------------------------------------------------------------------- */

static bool grow(_Atomic size_t *used, size_t more, size_t max)
{
    if (atomic_fetch_add(used, more) + more <= max) return true;
    atomic_fetch_sub(used, more);
    return false;
}

bool budget_hold(struct budget *budget, struct holding *holding, size_t size, bool authenticated)
{
    if (size <= holding->size) {
        size_t less = holding->size - size;
        atomic_fetch_sub(&budget->used, less);
        if (holding->unauthenticated) atomic_fetch_sub(&budget->unauthenticated, less);
        holding->size = size;
        return true;
    }
    size_t more = size - holding->size;
    if (!holding->size) holding->unauthenticated = !authenticated;
    if (!grow(&budget->used, more, budget->max)) return false;
    if (holding->unauthenticated && !grow(&budget->unauthenticated, more, budget->max / 4)) {
        atomic_fetch_sub(&budget->used, more);
        return false;
    }
    holding->size = size;
    return true;
}
