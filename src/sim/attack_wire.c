/* Cases of attacks 4, 5, 11 and 12: too much, too slow, nothing at all, and listening. */
#include "sim/attack_rows.h"

#define DAY_S 86400u
#define KIB 1024u

void attack_send_text(struct attack *attack, struct attack_response *response, const char *text,
                      size_t size)
{
    attack_must(size <= sizeof attack->reply, "writing a reply");
    memmove(attack->reply, text, size);
    *response = (struct attack_response){
        .status = 200, .body = (const uint8_t *)attack->reply, .body_size = size};
}

/* ---- 4: endless data ---- */

enum flood { FLOOD_ENDLESS, FLOOD_STATED, FLOOD_LONGER, FLOOD_ONE_MORE, FLOOD_LESS, FLOOD_EMPTY };

static void flood_image(struct attack *attack, const struct attack_request *request,
                        struct attack_response *response)
{
    if (attack_is_request(request) || response->status == 404) return;
    switch ((enum flood)attack->row->param) {
    case FLOOD_ENDLESS: /* no length at all */
        response->is_endless = response->has_no_length = true;
        break;
    case FLOOD_STATED: /* the right length, and then more */
        response->stated_size = (uint32_t)response->body_size;
        response->is_endless = true;
        break;
    case FLOOD_LONGER: /* says so */
        response->stated_size = 1u << 30;
        response->is_endless = true;
        break;
    case FLOOD_ONE_MORE:
        response->is_endless = true;
        response->stated_size = (uint32_t)response->body_size + 1;
        break;
    case FLOOD_LESS:
        response->has_no_length = true;
        response->body_size -= response->body_size / 2;
        break;
    case FLOOD_EMPTY:
        response->has_no_length = true;
        response->body_size = 0;
        break;
    }
}

static const char *stops_soon(const struct attack *attack)
{
    uint64_t most = attack->offer->size + 2 * 16384; /* a network port buffers so much */
    return attack->seen.bytes_max > most ? "it went on reading behind the file's end" : NULL;
}

enum text_flood {
    TEXT_ENDLESS,
    TEXT_LONG,
    TEXT_DEEP,
    TEXT_MANY,
    TEXT_BASE64,
    TEXT_NOTHING,
    TEXT_CUT,
    TEXT_NOT_JSON,
    TEXT_NUL,
    TEXT_TWICE
};

static size_t fill(char *text, const char *begin, char with, size_t count, const char *end)
{
    size_t size = strlen(begin), end_size = strlen(end);
    memcpy(text, begin, size);
    memset(text + size, with, count);
    memcpy(text + size + count, end, end_size);
    return size + count + end_size;
}

static void flood_text(struct attack *attack, const struct attack_request *request,
                       struct attack_response *response)
{
    static char text[40000];
    static const char half[] = "{\"interval_s\":60,\"instr";
    size_t size = 0;
    if (!attack_is_request(request)) return;
    switch ((enum text_flood)attack->row->param) {
    case TEXT_ENDLESS:
        size = fill(text, "{\"interval_s\":60,\"pending\":true,\"x\":\"", 'a', 900, "");
        break;
    case TEXT_LONG:
        size = fill(text, "{\"interval_s\":60,\"pending\":true,\"x\":\"", 'a', 32 * KIB, "\"}");
        break;
    case TEXT_DEEP:
        size = fill(text, "{\"interval_s\":60,\"x\":", '[', 900, "");
        break;
    case TEXT_MANY:
        size = fill(text, "{\"interval_s\":60,\"pending\":true,\"x\":[", ' ', 0, "");
        for (int i = 0; i < 400; i++)
            size += fill(text + size, i ? ",1" : "1", ' ', 0, "");
        size += fill(text + size, "]}", ' ', 0, "");
        break;
    case TEXT_BASE64:
        size = fill(text, "{\"interval_s\":60,\"instruction\":\"", 'A', 348, "\"}");
        break;
    case TEXT_NOTHING:
        break;
    case TEXT_CUT:
        size = fill(text, half, ' ', 0, "");
        break;
    case TEXT_NOT_JSON:
        size = fill(text, "<html><body>captive portal: please log in</body></html>", ' ', 0, "");
        break;
    case TEXT_NUL:
        size = fill(text, "{\"interval_s\":60}", '\0', 200, "");
        break;
    case TEXT_TWICE:
        size = fill(text, "{\"interval_s\":60,\"pending\":true}", ' ', 0,
                    "{\"interval_s\":60,\"pending\":true}");
        break;
    }
    bool is_endless = attack->row->param == TEXT_ENDLESS;
    attack_send_text(attack, response, text, size);
    response->is_endless = response->has_no_length = is_endless;
}

static const char *reads_little(const struct attack *attack)
{
    return attack->seen.bytes_max > 2 * 16384 ? "it went on reading an endless answer" : NULL;
}

static void flood_headers(struct attack *attack, const struct attack_request *request,
                          struct attack_response *response)
{
    (void)request;
    response->junk_headers = attack->row->param;
}

/* ---- 5: slow retrieval ---- */

static void slow_image(struct attack *attack, const struct attack_request *request,
                       struct attack_response *response)
{
    if (!attack_is_request(request)) response->rate = attack->row->param;
}

static void slow_reply(struct attack *attack, const struct attack_request *request,
                       struct attack_response *response)
{
    if (attack_is_request(request)) response->rate = attack->row->param;
}

/* So many bytes of the file at once, then silence. */
static void stall(struct attack *attack, const struct attack_request *request,
                  struct attack_response *response)
{
    if (attack_is_request(request) || response->status == 404) return;
    uint32_t from = request->use_range ? request->range_from : 0;
    if (from > attack->memory) attack->memory = from; /* how far it says that it came */
    response->stalls = true;
    response->stall_at = attack->row->param > from ? attack->row->param - from : 0;
}

/* What came before the silence is not fetched twice, but for a sector in each round. */
static const char *keeps_progress(const struct attack *attack)
{
    if (attack->memory < 8192) return "it began anew after each silence";
    uint64_t most = attack->offer->size + 4096 * (attack->seen.outcomes + UINT64_C(1));
    return attack->seen.bytes_taken > most ? "it fetched the same bytes again" : NULL;
}

/* It gives up in a bounded time, so it asked the server again. */
static const char *stays_responsive(const struct attack *attack)
{
    return attack->seen.during_requests < 2 ? "it did not ask again while the source was slow"
                                            : NULL;
}

/* ---- 11: drop-request ---- */

enum drop { DROP_ALL, DROP_SILENT, DROP_IMAGES, DROP_SECOND, DROP_REPLY_HALF, DROP_SILENT_IMAGES };

static void drop(struct attack *attack, const struct attack_request *request,
                 struct attack_response *response)
{
    bool is_request = attack_is_request(request);
    switch ((enum drop)attack->row->param) {
    case DROP_ALL:
        response->status = 0;
        break;
    case DROP_SILENT:
        response->is_silent = true;
        break;
    case DROP_IMAGES:
        if (!is_request) response->status = 0;
        break;
    case DROP_SECOND:
        if (attack->memory++ % 2) response->status = 0;
        break;
    case DROP_REPLY_HALF:
        response->cuts = is_request;
        response->cut_at = 100;
        break;
    case DROP_SILENT_IMAGES:
        response->is_silent = !is_request;
        break;
    }
}

/* Offers without end, and each file's request is answered with a status that sends the board back
 * to ask: it must not run in that circle as fast as it can. */
static void circle(struct attack *attack, const struct attack_request *request,
                   struct attack_response *response)
{
    if (attack_is_request(request)) return;
    response->status = (int)attack->row->param;
    response->body_size = 0;
}

static const char *polls_calmly(const struct attack *attack)
{
    uint32_t during_s = attack->row->during_s ? attack->row->during_s : ATTACK_DURING_S;
    return attack->seen.during_requests > during_s / 10 ? "it asked without a pause" : NULL;
}

/* Back within one interval, or the longest pause that a failing network makes. */
static const char *comes_back(const struct attack *attack)
{
    const struct attack_seen *seen = &attack->seen;
    bool is_fetching = attack->offer != NULL; /* it asks when its tries are used up */
    uint64_t most_ms = is_fetching ? 3600000 : 360000;
    if (!seen->after_request_ms || seen->after_request_ms - seen->after_begin_ms > most_ms)
        return "it was not back within one interval";
    if (seen->last.boots > 8) return "it restarted while nothing answered";
    /* Each failed download may be noted, and the file is tried again; nothing else wears. */
    uint32_t most = is_fetching ? 6 * seen->outcomes + 64 : 8;
    return seen->wear > most ? "it wrote to its flash for nothing" : NULL;
}

/* ---- 12: eavesdrop ---- */

static void offer_with_mirrors(struct attack *attack)
{
    attack_offer_next(attack);
    memcpy(attack->sources[0], "https://mirror.example/a", sizeof "https://mirror.example/a");
    memcpy(attack->sources[1], "https://mirror.example/b", sizeof "https://mirror.example/b");
}

static void server_refuses_images(struct attack *attack, const struct attack_request *request,
                                  struct attack_response *response)
{
    (void)attack;
    if (attack_is_request(request) || request->base) return;
    response->status = 503;
    response->body_size = 0;
}

static void redirect(struct attack *attack, const struct attack_request *request,
                     struct attack_response *response)
{
    static const char *const PLACES[] = {"http://127.0.0.1:9/x", "https://127.0.0.1:9/x",
                                         "file:///etc/passwd", "https://localhost:9/x",
                                         ATTACK_ELSEWHERE};
    bool is_request = attack_is_request(request);
    bool is_there = !strcmp(request->path, ATTACK_ELSEWHERE_PATH);
    if (is_there || is_request != (attack->row->param >= 10)) return;
    response->status = is_request ? 307 : 302;
    response->body_size = 0;
    response->location = PLACES[attack->row->param % 10];
}

/* Who only has the network's own key, or the present CA's, announces a CA of his own. */
enum { CA_UNSIGNED, CA_OTHER, CA_HONEST };

static void announce_ca(struct attack *attack, struct godwit_checkin_reply *reply)
{
    uint8_t honest[32];
    memset(honest, 0x11, sizeof honest);
    memset(reply->next_ca, attack->row->param == CA_HONEST ? 0x11 : 0xCC, sizeof reply->next_ca);
    if (attack->row->param == CA_UNSIGNED) return;
    struct godwit_instruction instruction = /* the honest server's own announcement */
        attack_instruction(attack, NULL, GODWIT_INSTRUCTION_NO_UPDATE);
    memcpy(instruction.next_ca, honest, sizeof instruction.next_ca);
    attack_instruct(attack, KEY_DEPLOY, &instruction, reply->instruction);
}

static const char *trusts_rightly(const struct attack *attack)
{
    uint8_t wanted[32];
    memset(wanted, attack->row->param == CA_HONEST ? 0x11 : 0, sizeof wanted);
    bool is_right = !memcmp(attack->seen.trusted_ca[1], wanted, 32) &&
                    godwit_all(attack->seen.trusted_ca[0], 32, 0);
    return is_right ? NULL : "it believes a CA that it must not, or not the one that it should";
}

/* clang-format off */
const struct attack_case ATTACK_WIRE[] = {
    {4, "NM", "flood-body", "a body without length and without end",
     REFUSED(R(BODY_DIFFERS), R(FILE_DIGEST), R(DOWNLOAD)), LIVE, .param = FLOOD_ENDLESS,
     .begin = attack_offer_next, .response = flood_image, .check = stops_soon},
    {4, "NM", "flood-behind", "the announced length, and then bytes without end", KEPT,
     .during_s = 1, .param = FLOOD_STATED, .begin = attack_offer_next, .response = flood_image,
     .check = stops_soon},
    {4, "NM", "flood-gigabyte", "a gigabyte, and says so", REFUSED(R(BODY_DIFFERS)), LIVE,
     .param = FLOOD_LONGER, .begin = attack_offer_next, .response = flood_image,
     .check = stops_soon},
    {4, "NM", "flood-one-byte", "one byte more than announced", REFUSED(R(BODY_DIFFERS)),
     .param = FLOOD_ONE_MORE, .begin = attack_offer_next, .response = flood_image,
     .check = stops_soon},
    {4, "NM", "flood-half", "half of the file, and says that this was all",
     WHOLE, .param = FLOOD_LESS, .begin = attack_offer_next,
     .response = flood_image},
    {4, "NM", "flood-empty", "an empty file", KEPT, .param = FLOOD_EMPTY,
     .begin = attack_offer_next, .response = flood_image},
    {4, "N", "flood-reply", "a reply to a request without end", REFUSED(R(REPLY_MALFORMED)),
     LIVE, .param = TEXT_ENDLESS, .response = flood_text, .check = reads_little},
    {4, "N", "flood-reply-long", "a reply of 32 KiB", REFUSED(R(REPLY_MALFORMED)), LIVE,
     .param = TEXT_LONG, .response = flood_text, .check = reads_little},
    {4, "N", "flood-reply-deep", "nine hundred brackets", REFUSED(R(REPLY_MALFORMED)), LIVE,
     .param = TEXT_DEEP, .response = flood_text},
    {4, "N", "flood-reply-many", "four hundred values in a member that nobody reads", KEPT,
     .param = TEXT_MANY, .response = flood_text},
    {4, "N", "flood-reply-base64", "an instruction longer than instructions are",
     REFUSED(R(REPLY_MALFORMED)), .param = TEXT_BASE64, .response = flood_text},
    {4, "N", "flood-reply-nothing", "a reply of no bytes", REFUSED(R(REPLY_MALFORMED)),
     .param = TEXT_NOTHING, .response = flood_text},
    {4, "N", "flood-reply-cut", "a reply that ends in its middle", REFUSED(R(REPLY_MALFORMED)),
     .param = TEXT_CUT, .response = flood_text},
    {4, "N", "flood-reply-html", "a captive portal's page", REFUSED(R(REPLY_MALFORMED)), LIVE,
     .param = TEXT_NOT_JSON, .response = flood_text},
    {4, "N", "flood-reply-nul", "a reply with zero bytes behind it", REFUSED(R(REPLY_MALFORMED)),
     .param = TEXT_NUL, .response = flood_text},
    {4, "N", "flood-reply-twice", "two answers in one", REFUSED(R(REPLY_MALFORMED)),
     .param = TEXT_TWICE, .response = flood_text},
    {4, "N", "flood-headers", "a megabyte of headers in front of each reply", KEPT, LIVE,
     .param = 1024, .during_s = 6, .response = flood_headers},
    {4, "-", "flood-none", "nobody attacks: no length, and an honest end", INSTALLED, CONTROL,
     .begin = attack_offer_next},

    {5, "NM", "slow-byte", "a byte in ten seconds", REFUSED(R(SLOW_SOURCE), R(DOWNLOAD)),
     .during_s = 6 * 3600, .param = 10, .begin = attack_offer_next, .response = slow_image,
     .check = stays_responsive},
    {5, "NM", "slow-byte-a-second", "a byte a second", REFUSED(R(SLOW_SOURCE), R(DOWNLOAD)),
     .during_s = 6 * 3600, .param = 100, .begin = attack_offer_next, .response = slow_image,
     .check = stays_responsive},
    {5, "NM", "slow-20-bytes", "twenty bytes a second: whole in the end, or given up", WHOLE,
     .during_s = 6 * 3600, .param = 2000, .begin = attack_offer_next, .response = slow_image},
    {5, "NM", "slow-silent", "a connection that stands, and nothing else",
     REFUSED(R(SLOW_SOURCE), R(DOWNLOAD)), .during_s = 6 * 3600, .begin = attack_offer_next,
     .response = stall, .check = stays_responsive},
    {5, "NM", "slow-stalls", "half of the file at once, then silence",
     REFUSED(R(SLOW_SOURCE), R(DOWNLOAD)), .during_s = 6 * 3600, .param = 12288,
     .begin = attack_offer_next, .response = stall, .check = keeps_progress},
    {5, "N", "slow-reply", "a reply at a byte a second", KEPT, .during_s = 7200, .param = 100,
     .response = slow_reply, .check = stays_responsive},
    {5, "N", "slow-reply-10", "… at a byte in ten seconds", KEPT, .during_s = 7200, .param = 10,
     .response = slow_reply, .check = stays_responsive},
    {5, "-", "slow-honest", "nobody attacks: a poor line of 2 KiB a second", INSTALLED, CONTROL,
     .during_s = 3600, .param = 204800, .begin = attack_offer_next, .response = slow_image},

    {11, "N", "drop-all", "thirty days without any connection", KEPT, .during_s = 30 * DAY_S,
     .param = DROP_ALL, .response = drop, .check = comes_back},
    {11, "N", "drop-silent", "thirty days of connections that never answer", KEPT,
     .during_s = 30 * DAY_S, .param = DROP_SILENT, .response = drop, .check = comes_back},
    {11, "N", "drop-images", "thirty days of offers, and no file comes", KEPT,
     .during_s = 30 * DAY_S, .param = DROP_IMAGES, .begin = attack_offer_next, .response = drop,
     .check = comes_back},
    {11, "N", "drop-images-silent", "a day of offers, and the file's connection stays silent",
     KEPT, .during_s = DAY_S, .param = DROP_SILENT_IMAGES, .begin = attack_offer_next,
     .response = drop, .check = comes_back},
    {11, "N", "drop-half-replies", "a day of answers cut after a hundred bytes", KEPT,
     .during_s = DAY_S, .param = DROP_REPLY_HALF, .response = drop, .check = comes_back},
    {11, "N", "circle-401", "an hour of offers, each file answered 401", KEPT, .during_s = 3600,
     .param = 401, .begin = attack_offer_next, .response = circle, .check = polls_calmly},
    {11, "N", "circle-409", "an hour of offers, each file answered 409", KEPT, .during_s = 3600,
     .param = 409, .begin = attack_offer_next, .response = circle, .check = polls_calmly},
    {11, "N", "circle-503", "an hour of offers, each file answered 503", KEPT, .during_s = 3600,
     .param = 503, .begin = attack_offer_next, .response = circle, .check = polls_calmly},
    {11, "N", "circle-206", "an hour of offers, each file answered 206", KEPT, .during_s = 3600,
     .param = 206, .begin = attack_offer_next, .response = circle, .check = polls_calmly},
    {11, "N", "circle-200", "an hour of offers, each file answered 200", KEPT, .during_s = 3600,
     .param = 200, .begin = attack_offer_next, .response = circle, .check = polls_calmly},
    {11, "-", "drop-every-second", "every second request is lost: the update comes all the same",
     INSTALLED, CONTROL, .during_s = 7200, .param = DROP_SECOND, .begin = attack_offer_next,
     .response = drop},

    {12, "M", "listen-mirrors", "mirrors are told no secret: the update comes from one", INSTALLED,
     CONTROL, .begin = offer_with_mirrors, .response = server_refuses_images},
    {12, "N", "listen-redirect-plain", "a file is redirected to plain HTTP",
     REFUSED(R(DOWNLOAD_REFUSED), R(DOWNLOAD)), LIVE, .param = 0, .begin = attack_offer_next,
     .response = redirect},
    {12, "N", "listen-redirect-host", "a file is redirected to another host",
     REFUSED(R(DOWNLOAD_REFUSED), R(DOWNLOAD)), .param = 1, .begin = attack_offer_next,
     .response = redirect},
    {12, "N", "listen-redirect-https", "a file is redirected to another host, which has it", WHOLE,
     LIVE, .param = 4, .begin = attack_offer_next, .response = redirect},
    {12, "N", "listen-redirect-file", "a file is redirected to a file of the device's own",
     REFUSED(R(DOWNLOAD_REFUSED), R(DOWNLOAD)), LIVE, .param = 2, .begin = attack_offer_next,
     .response = redirect},
    {12, "N", "listen-question-plain", "a request is redirected to plain HTTP", KEPT, LIVE,
     .during_s = 600, .param = 10, .response = redirect},
    {12, "N", "listen-question-host", "a request is redirected to another host", KEPT, LIVE,
     .during_s = 600, .param = 13, .response = redirect},
    {12, "N", "listen-ca-unsigned", "a next CA announced, of which no instruction speaks", KEPT,
     .param = CA_UNSIGNED, .reply = announce_ca, BELIEF(trusts_rightly)},
    {12, "N", "listen-ca-other", "the honest announcement of a next CA, with the thief's CA in it",
     KEPT, .param = CA_OTHER, .reply = announce_ca, BELIEF(trusts_rightly)},
    {12, "-", "listen-ca-honest", "nobody attacks: the next CA is announced and noted", KEPT,
     CONTROL, .param = CA_HONEST, .reply = announce_ca, BELIEF(trusts_rightly)},
    {12, "-", "listen-claim", "nobody attacks: a new board joins, its token sent once", INSTALLED,
     CONTROL, .base = BASE_NEW, .begin = attack_offer_next},
    {0}};
/* clang-format on */
