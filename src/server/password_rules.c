/* Length does more than kinds of letters (NIST SP 800-63B), and of twelve letters or more only what
 * everybody tries first is refused: the common ones below, also with other letters behind or
 * between them, rows of one letter, and the user's own name. */
#include "server/password_rules.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* The core of the passwords that lists of stolen ones begin with. */
static const char *const COMMON[] = {
    "password", "passwort", "passw0rd", "qwerty",   "qwertz",  "azerty",   "asdfgh",   "zxcvbn",
    "123456",   "654321",   "111111",   "000000",   "123123",  "121212",   "abc123",   "1q2w3e",
    "admin",    "letmein",  "welcome",  "iloveyou", "monkey",  "dragon",   "sunshine", "princess",
    "football", "baseball", "superman", "batman",   "trustno", "master",   "shadow",   "michael",
    "jordan",   "starwars", "whatever", "freedom",  "secret",  "changeme", "default",  "login",
    "hello",    "godwit",   "firmware", "esp32",    "test",    "summer",   "winter",   "computer",
};

/* Lower case, without what people put between. */
static size_t core_of(const char *password, char *out, size_t size_max)
{
    size_t size = 0;
    for (; *password && size + 1 < size_max; password++)
        if (!strchr(" -_.!?*#$", *password)) out[size++] = (char)tolower((unsigned char)*password);
    out[size] = 0;
    return size;
}

/* How many different letters it has. */
static size_t kinds_of(const char *text)
{
    unsigned char seen[256] = {0};
    size_t kinds = 0;
    for (; *text; text++)
        if (!seen[(unsigned char)*text]++) kinds++;
    return kinds;
}

/* What is left of it once the word is taken out is too little to be a password. */
static int is_mostly(const char *core, size_t size, const char *word)
{
    size_t length = strlen(word), hits = 0;
    for (const char *at = core; length && (at = strstr(at, word)); at += length)
        hits++;
    return hits && size - hits * length < PASSWORD_SIZE_MIN / 2;
}

const char *password_fault(const char *password, const char *user)
{
    char core[PASSWORD_SIZE_MAX + 1], name[64];
    if (strlen(password) < PASSWORD_SIZE_MIN)
        return "a password has at least 12 characters; four words that do not belong together are "
               "easy to keep";
    if (strlen(password) > PASSWORD_SIZE_MAX) return "a password has at most 256 bytes";
    size_t size = core_of(password, core, sizeof core);
    if (kinds_of(core) < 5) return "the password repeats a few characters; take another";
    for (size_t i = 0; i < sizeof COMMON / sizeof *COMMON; i++)
        if (is_mostly(core, size, COMMON[i]))
            return "the password is one of those that are tried first; take another";
    core_of(user, name, sizeof name);
    if (strlen(name) >= 4 && is_mostly(core, size, name))
        return "the password is little more than the user's name; take another";
    return NULL;
}
