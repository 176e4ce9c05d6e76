/* Cases of attacks 14 and 15: what else a reply may name, and mirrors. */
#include "base/text.h"
#include "sim/attack_rows.h"

/* ---- 14: extraneous dependencies ---- */

/* Members that no protocol has, in front of an honest reply's own. */
static void add_members(struct attack *attack, const struct attack_request *request,
                        struct attack_response *response)
{
    static const char *const MEMBERS[] = {
        "\"dependencies\":[\"bootloader\",\"https://evil.example/b.bin\"],",
        "\"url\":\"https://evil.example/fw.bin\",\"image\":\"https://evil.example/x\",",
        "\"packages\":{\"a\":{\"url\":\"https://evil.example/a\",\"sha256\":\"00\"}},",
        "\"reboot\":true,\"erase\":true,\"rollback\":true,\"command\":\"rm\",",
        "\"initial_policy\":\"R1dQMQ==\",\"deploy_keys\":[\"00\"],\"claim_token\":\"gw1.x.y\",",
        "\"server\":\"https://evil.example\",\"ca\":\"-----BEGIN CERTIFICATE-----\",",
    };
    const char *member = MEMBERS[attack->row->param];
    if (!attack_is_request(request) || response->status != 200) return;
    char text[GODWIT_CHECKIN_REPLY_MAX];
    size_t more = strlen(member), size = response->body_size;
    if (size + more > sizeof text) return;
    text[0] = '{';
    memcpy(text + 1, member, more);
    memcpy(text + 1 + more, response->body + 1, size - 1);
    attack_send_text(attack, response, text, size + more);
}

/* A member twice: the first counts, and the second is the thief's. */
static void instruction_twice(struct attack *attack, const struct attack_request *request,
                              struct attack_response *response)
{
    static const char more[] = ",\"instruction\":\"AAAA\",\"interval_s\":604800}";
    if (!attack_is_request(request) || response->status != 200) return;
    char text[GODWIT_CHECKIN_REPLY_MAX];
    size_t size = response->body_size - 1;
    if (size + sizeof more > sizeof text) return;
    memcpy(text, response->body, size);
    memcpy(text + size, more, sizeof more - 1);
    attack_send_text(attack, response, text, size + sizeof more - 1);
}

static void set_sources(struct attack *attack, const char *first, const char *second)
{
    memcpy(attack->sources[0], first, strlen(first) + 1);
    memcpy(attack->sources[1], second, strlen(second) + 1);
}

static void strange_sources(struct attack *attack)
{
    static const char *const SOURCES[][2] = {
        {"http://mirror.example/plain", "file:///etc/passwd"},
        {"ftp://mirror.example/x", "javascript:alert(1)"},
        {"https://", "//mirror.example"},
        {"https://user:secret@mirror.example/x", "https://mirror.example/x?a=b#c"},
    };
    attack_offer_next(attack);
    set_sources(attack, SOURCES[attack->row->param][0], SOURCES[attack->row->param][1]);
}

/* ---- 15: malicious mirrors ---- */

enum mirror {
    MIRROR_CORRUPT,
    MIRROR_OLDER,
    MIRROR_SLOW,
    MIRROR_404,
    MIRROR_ENDLESS,
    MIRROR_SILENT,
    MIRROR_RANGE,
    MIRROR_DOWN,
    MIRROR_REDIRECT,
    MIRROR_HONEST
};
#define EVERY_MIRROR 0x100u   /* else the first alone */
#define SERVER_IS_DOWN 0x200u /* its images only: the mirrors are all there is */
#define SERVER_CORRUPTS 0x400u

static void offer_mirrors(struct attack *attack)
{
    attack_offer_next(attack);
    set_sources(attack, "https://mirror.example/a", "https://mirror.example/b");
    struct attack_file *corrupt = attack_copy(attack, attack->offer);
    for (size_t at = 0; at < corrupt->size; at++)
        corrupt->data[at] ^= (at & 63) == 0 && at >= 4096; /* the head stays, so it is believed */
    attack_file_restate(corrupt);
    struct attack_recipe recipe = attack_recipe(attack, 0);
    recipe.policy.counter = 9;
    attack_genuine(attack, &recipe);
    attack->memory = (uint32_t)(attack->files_count - 2); /* corrupt, and behind it the older */
}

static void bytes_of(const struct attack_file *file, const struct attack_request *request,
                     struct attack_response *response)
{
    uint32_t from = request->use_range ? request->range_from : 0;
    if (from >= file->size) return;
    response->body = file->data + from;
    response->body_size = file->size - from;
}

static void bend_mirror(struct attack *attack, const struct attack_request *request,
                        struct attack_response *response)
{
    const struct attack_file *corrupt = &attack->files[attack->memory];
    switch ((enum mirror)(attack->row->param & 0xFF)) {
    case MIRROR_CORRUPT:
        bytes_of(corrupt, request, response);
        break;
    case MIRROR_OLDER:
        bytes_of(corrupt + 1, request, response);
        break;
    case MIRROR_SLOW:
        response->rate = 100;
        break;
    case MIRROR_404:
        response->status = 404;
        response->body_size = 0;
        break;
    case MIRROR_ENDLESS:
        response->is_endless = response->has_no_length = true;
        break;
    case MIRROR_SILENT:
        response->is_silent = true;
        break;
    case MIRROR_RANGE:
        response->status = 206;
        response->range_from = 4096;
        response->range_total = 8192;
        break;
    case MIRROR_DOWN:
        response->status = 0;
        break;
    case MIRROR_REDIRECT:
        response->status = 302;
        response->location = "http://mirror.example/plain";
        response->body_size = 0;
        break;
    case MIRROR_HONEST:
        break;
    }
}

static void mirrors(struct attack *attack, const struct attack_request *request,
                    struct attack_response *response)
{
    uint32_t param = attack->row->param;
    if (attack_is_request(request)) return;
    if (!request->base) {
        if (param & SERVER_IS_DOWN) response->status = 503, response->body_size = 0;
        if (param & SERVER_CORRUPTS) bytes_of(&attack->files[attack->memory], request, response);
        return;
    }
    bool is_first = !strcmp(request->base, attack->sources[0]);
    if (is_first || param & EVERY_MIRROR) bend_mirror(attack, request, response);
}

static const char *used_mirrors(const struct attack *attack)
{
    return attack->seen.mirror_requests ? NULL : "no mirror was asked, so nothing was shown";
}

#define MIRROR(name, sentence, ...)                                                       \
    {                                                                                     \
        15, "M", name, sentence, INSTALLED, .during_s = 6 * 3600, .param = (__VA_ARGS__), \
                                            .begin = offer_mirrors, .response = mirrors   \
    }

/* clang-format off */
const struct attack_case ATTACK_PLACES[] = {
    {14, "MN", "depend-packages", "the reply names packages to fetch", INSTALLED, LIVE, .param = 2,
     .begin = attack_offer_next, .response = add_members},
    {14, "MN", "depend-list", "… dependencies with addresses elsewhere", INSTALLED,
     .begin = attack_offer_next, .response = add_members},
    {14, "MN", "depend-url", "… another address for the image", INSTALLED, .param = 1,
     .begin = attack_offer_next, .response = add_members},
    {14, "MN", "depend-command", "… commands: reboot, erase, roll back", INSTALLED, .param = 3,
     .begin = attack_offer_next, .response = add_members},
    {14, "MN", "depend-policy", "… a policy and keys outside the image", INSTALLED, .param = 4,
     .begin = attack_offer_next, .response = add_members},
    {14, "MN", "depend-server", "… another server and its CA", INSTALLED, .param = 5,
     .begin = attack_offer_next, .response = add_members},
    {14, "MN", "depend-twice", "each member a second time, with the thief's value", INSTALLED,
     .begin = attack_offer_next, .response = instruction_twice},
    {14, "S", "depend-source-plain", "sources over plain HTTP and of the device's own files",
     INSTALLED, .during_s = 7200, .begin = strange_sources},
    {14, "S", "depend-source-scheme", "sources of other schemes", INSTALLED, .during_s = 7200,
     .param = 1, .begin = strange_sources},
    {14, "S", "depend-source-short", "sources that are no addresses", INSTALLED, .during_s = 7200,
     .param = 2, .begin = strange_sources},
    {14, "S", "depend-source-user", "sources with a password, a query and a fragment", INSTALLED,
     .during_s = 7200, .param = 3, .begin = strange_sources},

    MIRROR("mirror-corrupt", "one of three sources corrupts every sector", MIRROR_CORRUPT),
    MIRROR("mirror-corrupt-server", "the server's own copy is corrupt, the mirrors' are not",
           MIRROR_HONEST | SERVER_CORRUPTS),
    MIRROR("mirror-corrupt-two", "the server is down and one of two mirrors corrupts",
           MIRROR_CORRUPT | SERVER_IS_DOWN),
    MIRROR("mirror-corrupt-all", "every mirror corrupts, the server is honest",
           MIRROR_CORRUPT | EVERY_MIRROR),
    MIRROR("mirror-older", "a mirror sends an older signed release",
           MIRROR_OLDER | SERVER_IS_DOWN),
    MIRROR("mirror-slow", "a mirror sends a byte a second", MIRROR_SLOW | SERVER_IS_DOWN),
    MIRROR("mirror-404", "a mirror has nothing", MIRROR_404 | SERVER_IS_DOWN),
    MIRROR("mirror-endless", "a mirror never ends", MIRROR_ENDLESS | SERVER_IS_DOWN),
    MIRROR("mirror-silent", "a mirror says nothing", MIRROR_SILENT | SERVER_IS_DOWN),
    MIRROR("mirror-range", "a mirror sends a part that nobody asked for",
           MIRROR_RANGE | SERVER_IS_DOWN),
    MIRROR("mirror-down", "a mirror is not there", MIRROR_DOWN | SERVER_IS_DOWN),
    MIRROR("mirror-redirect", "a mirror redirects to plain HTTP",
           MIRROR_REDIRECT | SERVER_IS_DOWN),
    {15, "-", "mirror-honest", "nobody attacks: the server is down, the mirrors are honest",
     INSTALLED, CONTROL, .during_s = 6 * 3600, .param = MIRROR_HONEST | SERVER_IS_DOWN,
     .begin = offer_mirrors, .response = mirrors, .check = used_mirrors},
    {0}};
/* clang-format on */
