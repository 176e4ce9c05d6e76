/* A key is the numbers part, its end, and whether a pre-release follows, with its end. A number is
 * "0", a byte for how many digits it has, and the digits without leading zeros: more digits sort
 * later. A dot divides identifiers, so it is below all text; what ends a part is lower still, for a
 * shorter part comes first. */
#include "filter/version_key.h"

#include <stdbool.h>
#include <string.h>

#define NUMBER '0'
#define NO_DIGITS '!'
enum { PART_END = 1, DOT, PRE_RELEASE, NO_PRE_RELEASE };

struct key {
    char *out;
    size_t size;
};

static void put(struct key *key, int byte)
{
    bool is_upper = byte >= 'A' && byte <= 'Z';
    key->out[key->size++] = (char)(is_upper ? byte | 0x20 : byte);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *put_number(struct key *key, const char *at, const char *end)
{
    while (at < end && *at == '0')
        at++;
    const char *first = at;
    while (at < end && is_digit(*at))
        at++;
    put(key, NUMBER);
    key->out[key->size++] = (char)(NO_DIGITS + (at - first));
    while (first < at)
        put(key, *first++);
    return at;
}

/* Up to one of the bytes in `ends`. */
static const char *put_part(struct key *key, const char *at, const char *end, const char *ends)
{
    while (at < end && !strchr(ends, *at)) {
        if (is_digit(*at)) {
            at = put_number(key, at, end);
        } else {
            put(key, *at == '.' ? DOT : *at);
            at++;
        }
    }
    return at;
}

/* "1.4.0" has the key of "1.4". */
static void drop_zeros(struct key *key)
{
    static const char ZERO[] = {DOT, NUMBER, NO_DIGITS};
    while (key->size > sizeof ZERO &&
           !memcmp(key->out + key->size - sizeof ZERO, ZERO, sizeof ZERO))
        key->size -= sizeof ZERO;
}

void version_key(const char *version, char out[static VERSION_KEY_MAX])
{
    struct key key = {out, 0};
    const char *end = version + strnlen(version, VERSION_KEY_SIZE_MAX);
    if (version < end && (*version == 'v' || *version == 'V')) version++;
    const char *at = put_part(&key, version, end, "-+");
    drop_zeros(&key);
    put(&key, PART_END);
    bool is_pre_release = at < end && *at == '-';
    put(&key, is_pre_release ? PRE_RELEASE : NO_PRE_RELEASE);
    if (is_pre_release) {
        (void)put_part(&key, at + 1, end, "+");
        put(&key, PART_END);
    }
    put(&key, '\0');
}
