/* http/proto: any bytes as a row of requests on one connection, read once whole and once in pieces;
 * both readings must tell the same scenario: the same requests, headers and body bytes, then a
 * refusal by both or by none. Where they differ, two machines in a row could be made to see
 * different requests. The last two bytes of the input choose the limits and the sizes of the
 * pieces. */
#include "fuzz.h"
#include "http/proto.h"
#include "rt/arena.h"

#include <strings.h>

#define CONTROL_SIZE 2
#define ARENA_MAX 65536

/* What was told so far, as one number; and whether a head was told for the bytes that come. */
struct scenario {
    uint64_t hash;
    uint32_t requests, body_bytes;
    bool has_head;
};

static void note(struct scenario *scenario, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        scenario->hash = (scenario->hash ^ bytes[i]) * 0x100000001B3;
}

static int on_head(void *ctx, const struct proto_head *head)
{
    struct scenario *scenario = ctx;
    FUZZ_CHECK(!scenario->has_head);
    FUZZ_CHECK(head->target[0] == '/' || head->target[0] == '?');
    scenario->has_head = true;
    note(scenario, &head->method, sizeof head->method);
    note(scenario, head->target, strlen(head->target) + 1);
    note(scenario, &head->body_size, sizeof head->body_size);
    note(scenario, &head->keep_alive, sizeof head->keep_alive);
    note(scenario, &head->expect_continue, sizeof head->expect_continue);
    unsigned hosts = 0;
    for (size_t i = 0; i < head->headers_count; i++) {
        FUZZ_CHECK(!strpbrk(head->headers[i].name, "\r\n :"));
        FUZZ_CHECK(!strpbrk(head->headers[i].value, "\r\n"));
        hosts += strcasecmp(head->headers[i].name, "host") == 0;
        note(scenario, head->headers[i].name, strlen(head->headers[i].name) + 1);
        note(scenario, head->headers[i].value, strlen(head->headers[i].value) + 1);
    }
    FUZZ_CHECK(hosts == 1 || (head->http_1_0 && hosts == 0));
    return 0;
}

static int on_body(void *ctx, const uint8_t *data, size_t size)
{
    struct scenario *scenario = ctx;
    FUZZ_CHECK(scenario->has_head);
    note(scenario, data, size);
    scenario->body_bytes += (uint32_t)size;
    return 0;
}

static void end_request(struct proto *proto, struct scenario *scenario, struct arena *arena)
{
    scenario->requests++;
    scenario->has_head = false;
    arena_deinit(arena);
    arena_init(arena, ARENA_MAX);
    proto_next(proto, arena);
}

static enum proto_state read_all(struct proto *proto, struct scenario *scenario,
                                 const uint8_t *data, size_t size, bool is_tight, uint32_t pieces)
{
    static const struct proto_events events = {on_head, on_body};
    static const struct proto_limits wide = {4096, 16384, 64}, tight = {32, 96, 3};
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    *scenario = (struct scenario){.hash = 0xCBF29CE484222325};
    proto_init(proto, is_tight ? &tight : &wide, &events, scenario);
    proto_next(proto, &arena);
    enum proto_state state = PROTO_MORE;
    while (size > 0 && state != PROTO_REFUSED) {
        size_t piece = size, used = 0;
        if (pieces != 0) {
            pieces = pieces * 1664525 + 1013904223;
            piece = 1 + (pieces >> 24) % 16;
            if (piece > size) piece = size;
        }
        state = proto_feed(proto, data, piece, &used);
        FUZZ_CHECK(used <= piece && (used == piece || state != PROTO_MORE));
        data += used;
        size -= used;
        if (state == PROTO_DONE) end_request(proto, scenario, &arena);
    }
    arena_deinit(&arena);
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proto whole, pieces;
    struct scenario scenario, scenario_again;
    if (size < CONTROL_SIZE) return 0;
    size -= CONTROL_SIZE;
    bool is_tight = data[size] & 1;
    enum proto_state state = read_all(&whole, &scenario, data, size, is_tight, 0);
    enum proto_state again =
        read_all(&pieces, &scenario_again, data, size, is_tight, data[size + 1] + 1u);
    FUZZ_CHECK(scenario.requests == scenario_again.requests);
    FUZZ_CHECK(scenario.body_bytes == scenario_again.body_bytes);
    FUZZ_CHECK(scenario.hash == scenario_again.hash);
    FUZZ_CHECK((state == PROTO_REFUSED) == (again == PROTO_REFUSED));
    if (state != PROTO_REFUSED) return 0;
    /* The name of the refusal may differ where a limit and a fault meet in one piece. */
    FUZZ_CHECK(whole.status >= 400 && whole.status < 600 && whole.reason);
    FUZZ_CHECK(pieces.status >= 400 && pieces.status < 600 && pieces.reason);
    return 0;
}
