/* Codes by liboath; all else is text. */
#include "server/totp.h"

#include <liboath/oath.h>
#include <stdio.h>

#include "base/text.h"
#include "server/secret.h"

#define STEP_S 30
#define DIGITS 6
#define CODE_SIZE 12 /* letters of a recovery code */

/* 32 letters, five bits each, as RFC 4648 has them. */
static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/* The same for people: no letter is mistaken for another (password_make has these too). */
static const char LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789z";

void totp_code(const uint8_t secret[static ACCOUNT_TOTP_SIZE], int64_t now_s, char out[static 7])
{
    if (oath_totp_generate((const char *)secret, ACCOUNT_TOTP_SIZE, (time_t)now_s, STEP_S, 0,
                           DIGITS, out) != OATH_OK)
        out[0] = 0;
}

static bool is_same(const char *code, const char *other)
{
    unsigned char difference = 0;
    for (size_t i = 0; i < DIGITS; i++)
        difference |= (unsigned char)(code[i] ^ other[i]);
    return difference == 0;
}

/* All steps of the window are computed, whichever fits. */
int64_t totp_step(const uint8_t secret[static ACCOUNT_TOTP_SIZE], const char *code, int64_t now_s,
                  int64_t last)
{
    int64_t found = -1, now = now_s / STEP_S;
    char right[7];
    if (strlen(code) != DIGITS || code[strspn(code, "0123456789")]) return -1;
    for (int64_t step = now - TOTP_WINDOW; step <= now + TOTP_WINDOW; step++) {
        totp_code(secret, step * STEP_S, right);
        if (right[0] && is_same(code, right) && step > last) found = step;
    }
    return found;
}

void totp_secret_text(const uint8_t secret[static ACCOUNT_TOTP_SIZE],
                      char out[static TOTP_SECRET_TEXT_MAX])
{
    uint32_t bits = 0;
    size_t count = 0, size = 0;
    for (size_t i = 0; i < ACCOUNT_TOTP_SIZE; i++) {
        bits = bits << 8 | secret[i];
        for (count += 8; count >= 5; count -= 5)
            out[size++] = BASE32[bits >> (count - 5) & 31];
    }
    out[size] = 0; /* 160 bits are 32 letters without a rest */
}

/* The names have no letter that a URI would take for its own but "+" and "@", which it takes as
 * they are. */
void totp_uri(const uint8_t secret[static ACCOUNT_TOTP_SIZE], const char *user, const char *org,
              char out[static TOTP_URI_MAX])
{
    char text[TOTP_SECRET_TEXT_MAX];
    totp_secret_text(secret, text);
    snprintf(out, TOTP_URI_MAX, "otpauth://totp/Godwit%%20%s:%s?secret=%s&issuer=Godwit%%20%s", org,
             user, text, org);
}

godwit_err recovery_code_make(char out[static RECOVERY_CODE_MAX])
{
    uint8_t random[CODE_SIZE];
    godwit_err err = secret_random(random, sizeof random);
    if (err) return err;
    struct godwit_text text;
    godwit_text_init(&text, out, RECOVERY_CODE_MAX);
    for (size_t i = 0; i < CODE_SIZE; i++) {
        if (i > 0 && i % 4 == 0) godwit_text_add(&text, "-");
        godwit_text_add_bytes(&text, &LETTERS[random[i] % 32], 1);
    }
    return GODWIT_OK;
}

bool recovery_code_digest(const char *typed, uint8_t digest_out[static 32])
{
    char code[CODE_SIZE];
    size_t size = 0;
    for (; *typed; typed++) {
        if (*typed == '-' || *typed == ' ') continue;
        char letter = *typed >= 'A' && *typed <= 'Z' ? (char)(*typed - 'A' + 'a') : *typed;
        if (size == CODE_SIZE || !strchr(LETTERS, letter)) return false;
        code[size++] = letter;
    }
    secret_sha256(code, size, digest_out);
    return size == CODE_SIZE;
}
