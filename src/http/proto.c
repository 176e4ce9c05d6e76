/* llhttp does the framing; this file feeds it and judges what it lets pass.
 *
 * The head is walked once by scan_head before llhttp sees it: that is where folding, over-long
 * lines and over-large heads are found, because llhttp joins folded lines without telling. Bytes in
 * front of a fault are fed first, so that the earlier of two faults wins however the bytes were
 * cut.
 *
 * Rejected: our own parser (llhttp refused every framing attack we know of, see
 * docs/decisions/0002-http-engine.md) and reading llhttp's flags alone (they do not tell two
 * Hosts). */
#include "http/proto.h"

#include <assert.h>
#include <strings.h>

#define TEXT_SIZE_MIN 1024U
#define EXTENSION_MAX 4096U /* bytes of chunk extensions in one body */
#define HEADERS_MAX 128U

enum { PHASE_BEFORE, PHASE_LINE, PHASE_HEADERS, PHASE_BODY };
enum { LINE_START, LINE_BLANK, LINE_INSIDE };

static int refuse(struct proto *proto, int status, const char *reason)
{
    if (proto->state != PROTO_REFUSED) {
        proto->state = PROTO_REFUSED;
        proto->status = status;
        proto->reason = reason;
    }
    return -1;
}

/* --- text of the head --------------------------------------------------------------------- */

static int text_add(struct proto *proto, const char *data, size_t size)
{
    if (size > proto->text_max - proto->text_size) {
        size_t wanted = 2 * proto->text_max;
        if (wanted < TEXT_SIZE_MIN) wanted = TEXT_SIZE_MIN;
        while (wanted - proto->text_size < size)
            wanted *= 2;
        char *text = arena_alloc(proto->arena, wanted);
        if (!text) return refuse(proto, 503, "busy");
        if (proto->text_size) memcpy(text, proto->text, proto->text_size);
        proto->text = text;
        proto->text_max = wanted;
    }
    memcpy(proto->text + proto->text_size, data, size);
    proto->text_size += size;
    return 0;
}

static struct proto *proto_of(llhttp_t *parser)
{
    return parser->data;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    return text_add(proto_of(parser), at, size);
}

static int on_url_complete(llhttp_t *parser)
{
    return text_add(proto_of(parser), "", 1);
}

/* Trailers are counted, and dropped. */
static int trailer_add(struct proto *proto, size_t size)
{
    proto->head_size += size;
    return proto->head_size > proto->limits->head_max ? refuse(proto, 431, "head-too-large") : 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t size)
{
    struct proto *proto = proto_of(parser);
    if (proto->phase == PHASE_BODY) return trailer_add(proto, size);
    if (!proto->in_name) {
        if (proto->headers_count == proto->limits->headers_max)
            return refuse(proto, 431, "too-many-headers");
        proto->offsets[2 * proto->headers_count] = (uint32_t)proto->text_size;
        proto->in_name = true;
    }
    return text_add(proto, at, size);
}

static int on_field_complete(llhttp_t *parser)
{
    struct proto *proto = proto_of(parser);
    if (proto->phase == PHASE_BODY) return 0;
    bool empty = !proto->in_name || proto->text_size == proto->offsets[2 * proto->headers_count];
    if (empty) return refuse(proto, 400, "bad-header");
    if (text_add(proto, "", 1)) return -1;
    proto->offsets[2 * proto->headers_count + 1] = (uint32_t)proto->text_size;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
    struct proto *proto = proto_of(parser);
    if (proto->phase == PHASE_BODY) return trailer_add(proto, size);
    return text_add(proto, at, size);
}

static int on_value_complete(llhttp_t *parser)
{
    struct proto *proto = proto_of(parser);
    if (proto->phase == PHASE_BODY) return 0;
    if (!proto->in_name) return refuse(proto, 400, "bad-header");
    size_t start = proto->offsets[2 * proto->headers_count + 1];
    while (proto->text_size > start &&
           (proto->text[proto->text_size - 1] == ' ' || proto->text[proto->text_size - 1] == '\t'))
        proto->text_size--;
    proto->headers_count++;
    proto->in_name = false;
    return text_add(proto, "", 1);
}

/* --- judging the head --------------------------------------------------------------------- */

static bool method_find(uint8_t code, enum http_method *method_out)
{
    static const uint8_t codes[HTTP_METHODS_COUNT] = {
        HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS};
    for (unsigned i = 0; i < HTTP_METHODS_COUNT; i++) {
        if (codes[i] != code) continue;
        *method_out = (enum http_method)i;
        return true;
    }
    return false;
}

/* The origin form of a target: absolute forms lose scheme and authority; NULL when neither. */
static const char *target_origin(const char *target)
{
    if (target[0] == '/') return strchr(target, '#') ? NULL : target;
    size_t scheme = 0;
    if (strncasecmp(target, "http://", 7) == 0) scheme = 7;
    if (strncasecmp(target, "https://", 8) == 0) scheme = 8;
    if (!scheme || strchr(target, '#')) return NULL;
    const char *path = target + scheme + strcspn(target + scheme, "/?");
    if (path == target + scheme || *path == '?') return NULL;
    return *path ? path : "/";
}

/* A host name or address with an optional port; what else could stand there is not ours to guess.
 */
static bool host_is_sound(const char *host)
{
    if (!*host) return false;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%~") ==
           strlen(host);
}

struct head_facts {
    unsigned hosts, codings, expects;
    const char *host, *coding, *expect;
};

static void fact_note(struct head_facts *facts, const struct http_header *header)
{
    switch (header->name[0] | 0x20) {
    case 'h':
        if (strcasecmp(header->name, "host") == 0) facts->hosts++, facts->host = header->value;
        break;
    case 't':
        if (strcasecmp(header->name, "transfer-encoding") == 0)
            facts->codings++, facts->coding = header->value;
        break;
    case 'e':
        if (strcasecmp(header->name, "expect") == 0)
            facts->expects++, facts->expect = header->value;
        break;
    default:
        break;
    }
}

static int host_check(struct proto *proto, const struct head_facts *facts, bool http_1_0)
{
    if (facts->hosts > 1) return refuse(proto, 400, "two-hosts");
    if (facts->hosts == 0 && !http_1_0) return refuse(proto, 400, "host-missing");
    if (facts->hosts == 1 && !host_is_sound(facts->host)) return refuse(proto, 400, "bad-host");
    return 0;
}

/* Two lengths, or a length beside a coding, llhttp has refused already. */
static int body_check(struct proto *proto, const struct head_facts *facts, bool http_1_0)
{
    if (facts->codings > 1) return refuse(proto, 400, "two-codings");
    if (facts->codings && http_1_0) return refuse(proto, 400, "coding-in-1.0");
    if (facts->codings && strcasecmp(facts->coding, "chunked") != 0)
        return refuse(proto, 501, "unknown-coding");
    if (!facts->codings && proto->parser.content_length == UINT64_MAX)
        return refuse(proto, 400, "bad-length"); /* it would read as chunked further on */
    if (facts->expects && strcasecmp(facts->expect, "100-continue") != 0)
        return refuse(proto, 417, "unknown-expectation");
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct proto *proto = proto_of(parser);
    struct proto_head head = {.headers_count = proto->headers_count,
                              .http_1_0 = parser->http_minor == 0};
    if (parser->http_major != 1 || parser->http_minor > 1)
        return refuse(proto, 505, "unknown-version");
    if (!method_find(parser->method, &head.method)) return refuse(proto, 501, "unknown-method");
    struct http_header *headers = arena_alloc(proto->arena, proto->headers_count * sizeof *headers);
    if (!headers) return refuse(proto, 503, "busy");
    struct head_facts facts = {0};
    for (size_t i = 0; i < proto->headers_count; i++) {
        headers[i].name = proto->text + proto->offsets[2 * i];
        headers[i].value = proto->text + proto->offsets[2 * i + 1];
        fact_note(&facts, &headers[i]);
    }
    if (host_check(proto, &facts, head.http_1_0)) return -1;
    if (body_check(proto, &facts, head.http_1_0)) return -1;
    head.target = target_origin(proto->text);
    if (!head.target) return refuse(proto, 400, "bad-target");
    head.headers = headers;
    head.body_size = parser->flags & F_CHUNKED ? UINT64_MAX : parser->content_length;
    head.expect_continue = facts.expects && !head.http_1_0 && head.body_size > 0;
    head.keep_alive = llhttp_should_keep_alive(parser);
    parser->upgrade = 0; /* an offer to switch protocols may be ignored, and is */
    proto->phase = PHASE_BODY;
    proto->chunked = head.body_size == UINT64_MAX;
    int status = proto->events->head(proto->ctx, &head);
    return status ? refuse(proto, status, "refused") : 0;
}

/* --- body --------------------------------------------------------------------------------- */

static int on_extension(llhttp_t *parser, const char *at, size_t size)
{
    (void)at;
    struct proto *proto = proto_of(parser);
    proto->extension_size += size;
    return proto->extension_size > EXTENSION_MAX ? refuse(proto, 400, "chunk-extension-too-large")
                                                 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct proto *proto = proto_of(parser);
    int status = proto->events->body(proto->ctx, (const uint8_t *)at, size);
    return status ? refuse(proto, status, "refused") : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    proto_of(parser)->state = PROTO_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* --- feeding ------------------------------------------------------------------------------ */

enum line_end { LINE_GOES_ON, LINE_FOLDED, LINE_BARE, LINE_GAP, LINE_LAST };

/* The first byte of a line, or the second of an empty one; tells how many bytes it takes. */
static enum line_end scan_line_start(struct proto *proto, uint8_t byte, size_t *size_out)
{
    bool ends = byte == '\r' || byte == '\n';
    *size_out = 0;
    if (byte == '\n' && proto->last_byte != '\r') return LINE_BARE;
    proto->last_byte = byte;
    if (!ends && proto->phase == PHASE_HEADERS && (byte == ' ' || byte == '\t')) return LINE_FOLDED;
    *size_out = 1;
    if (proto->line_at == LINE_BLANK) return LINE_LAST; /* LF, or a fault that llhttp names */
    if (proto->phase == PHASE_BEFORE && ends) return LINE_GOES_ON; /* empty lines are skipped */
    if (proto->phase == PHASE_BEFORE) proto->phase = PHASE_LINE;
    if (proto->phase == PHASE_LINE) proto->line_size++;
    proto->line_at = ends ? LINE_BLANK : LINE_INSIDE;
    return LINE_GOES_ON;
}

/* Where a space follows a space; size when nowhere. */
static size_t gap_find(uint8_t before, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (data[at] == ' ' && before == ' ') return at;
        before = data[at];
    }
    return size;
}

/* Walks head bytes up to the end of the head, or up to a line that continues the one before it, a
 * bare line feed, or a second space in the request line (llhttp takes any number). Returns how many
 * bytes may be fed. */
static size_t scan_head(struct proto *proto, const uint8_t *data, size_t size,
                        enum line_end *end_out)
{
    size_t at = 0;
    *end_out = LINE_GOES_ON;
    while (at < size && *end_out == LINE_GOES_ON) {
        if (proto->line_at != LINE_INSIDE) {
            size_t taken;
            *end_out = scan_line_start(proto, data[at], &taken);
            at += taken;
            continue;
        }
        const uint8_t *feed = memchr(data + at, '\n', size - at);
        size_t line_end = feed ? (size_t)(feed - data) : size;
        size_t gap = line_end;
        if (proto->phase == PHASE_LINE)
            gap = at + gap_find(proto->last_byte, data + at, line_end - at);
        if (gap < line_end) {
            *end_out = LINE_GAP;
            return gap;
        }
        if (line_end > at) proto->last_byte = data[line_end - 1];
        if (proto->phase == PHASE_LINE) proto->line_size += line_end - at + (feed != NULL);
        at = line_end;
        if (feed && proto->last_byte != '\r') *end_out = LINE_BARE;
        if (!feed || *end_out == LINE_BARE) break;
        at++;
        proto->last_byte = '\n';
        proto->line_at = LINE_START;
        proto->phase = PHASE_HEADERS;
    }
    return at;
}

struct fault {
    llhttp_errno_t code;
    int status;
    const char *reason;
};

static const struct fault faults[] = {
    {HPE_INVALID_METHOD, 400, "bad-method"},
    {HPE_INVALID_URL, 400, "bad-target"},
    {HPE_INVALID_VERSION, 505, "unknown-version"},
    {HPE_INVALID_HEADER_TOKEN, 400, "bad-header"},
    {HPE_INVALID_CONTENT_LENGTH, 400, "bad-length"},
    {HPE_UNEXPECTED_CONTENT_LENGTH, 400, "two-lengths"},
    {HPE_INVALID_TRANSFER_ENCODING, 501, "unknown-coding"},
    {HPE_INVALID_CHUNK_SIZE, 400, "bad-chunk"},
    {HPE_CR_EXPECTED, 400, "bad-line-end"},
    {HPE_LF_EXPECTED, 400, "bad-line-end"},
};

/* Feeds llhttp; returns how many bytes it took. */
static size_t parser_feed(struct proto *proto, const uint8_t *data, size_t size)
{
    if (!size) return 0;
    llhttp_errno_t code = llhttp_execute(&proto->parser, (const char *)data, size);
    if (code == HPE_OK || proto->state == PROTO_REFUSED) return size;
    const char *at = llhttp_get_error_pos(&proto->parser);
    if (code == HPE_PAUSED && proto->state == PROTO_DONE) return (size_t)(at - (const char *)data);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].code == code) refuse(proto, faults[i].status, faults[i].reason);
    refuse(proto, 400, "bad-framing");
    return size;
}

/* A chunked body; llhttp takes a bare line feed for its last line, we do not. */
static size_t body_feed(struct proto *proto, const uint8_t *data, size_t size)
{
    size_t used = parser_feed(proto, data, size);
    uint8_t before_last = used > 1 ? data[used - 2] : proto->last_byte;
    bool bare = used && data[used - 1] == '\n' && before_last != '\r';
    if (proto->state == PROTO_DONE && proto->chunked && bare) refuse(proto, 400, "bare-line-feed");
    if (used) proto->last_byte = data[used - 1];
    return used;
}

static size_t head_feed(struct proto *proto, const uint8_t *data, size_t size)
{
    enum line_end end;
    size_t line_before = proto->line_size;
    size_t scanned = scan_head(proto, data, size, &end);
    size_t room = proto->limits->head_max - proto->head_size;
    size_t fed = scanned < room ? scanned : room;
    bool line_over = proto->line_size > proto->limits->line_max;
    if (line_over && fed > proto->limits->line_max - line_before)
        fed = proto->limits->line_max - line_before;
    proto->head_size += fed;
    size_t used = parser_feed(proto, data, fed);
    if (proto->state != PROTO_MORE) return used;
    if (line_over)
        refuse(proto, 414, "line-too-long");
    else if (scanned > room)
        refuse(proto, 431, "head-too-large");
    else if (end == LINE_FOLDED)
        refuse(proto, 400, "folded-header");
    else if (end == LINE_BARE)
        refuse(proto, 400, "bare-line-feed");
    else if (end == LINE_GAP)
        refuse(proto, 400, "two-spaces");
    else if (end == LINE_LAST && proto->phase != PHASE_BODY)
        refuse(proto, 400, "bad-framing");
    return used;
}

void proto_init(struct proto *proto, const struct proto_limits *limits,
                const struct proto_events *events, void *ctx)
{
    assert(limits->headers_max <= HEADERS_MAX);
    *proto = (struct proto){.limits = limits, .events = events, .ctx = ctx};
}

void proto_next(struct proto *proto, struct arena *arena)
{
    assert(proto->state != PROTO_REFUSED);
    *proto = (struct proto){
        .limits = proto->limits, .events = proto->events, .ctx = proto->ctx, .arena = arena};
    llhttp_init(&proto->parser, HTTP_REQUEST, &settings);
    proto->parser.data = proto;
}

enum proto_state proto_feed(struct proto *proto, const uint8_t *data, size_t size, size_t *used_out)
{
    assert(proto->arena);
    size_t used = 0;
    if (size && !proto->offsets) {
        proto->offsets =
            arena_alloc(proto->arena, 2 * proto->limits->headers_max * sizeof *proto->offsets);
        if (!proto->offsets) refuse(proto, 503, "busy"); /* no memory */
    }
    while (used < size && proto->state == PROTO_MORE) {
        if (proto->phase == PHASE_BODY)
            used += body_feed(proto, data + used, size - used);
        else
            used += head_feed(proto, data + used, size - used);
    }
    *used_out = used;
    return proto->state;
}

bool proto_begun(const struct proto *proto)
{
    return proto->phase != PHASE_BEFORE && proto->state == PROTO_MORE;
}
