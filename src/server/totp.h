/* The second factor: six digits of RFC 6238 (30 s, SHA-1, as every authenticator app takes them),
 * and the recovery codes that stand in for a lost one. */
#pragma once

#include "fleet/account.h"

#define TOTP_WINDOW 1           /* steps that a clock may be early or late */
#define TOTP_SECRET_TEXT_MAX 40 /* base32 of ACCOUNT_TOTP_SIZE bytes, with its NUL */
#define TOTP_URI_MAX 256
#define RECOVERY_CODE_MAX 20 /* "7kqm-x2rd-9c4t", with its NUL */

/* The step whose code this is, newer than `last`; -1: none. now_s: Unix time. */
int64_t totp_step(const uint8_t secret[static ACCOUNT_TOTP_SIZE], const char *code, int64_t now_s,
                  int64_t last);
/* The code of the moment; for tests and the figure. */
void totp_code(const uint8_t secret[static ACCOUNT_TOTP_SIZE], int64_t now_s, char out[static 7]);
void totp_secret_text(const uint8_t secret[static ACCOUNT_TOTP_SIZE],
                      char out[static TOTP_SECRET_TEXT_MAX]);
/* "otpauth://totp/…", which an app reads from a QR code. */
void totp_uri(const uint8_t secret[static ACCOUNT_TOTP_SIZE], const char *user, const char *org,
              char out[static TOTP_URI_MAX]);

/* 60 random bits. */
GODWIT_MUST_USE godwit_err recovery_code_make(char out[static RECOVERY_CODE_MAX]);
/* Of a code as a person types it: case, spaces and dashes do not matter. False: it is none. */
bool recovery_code_digest(const char *typed, uint8_t digest_out[static 32]);
