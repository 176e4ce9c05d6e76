/* Passwords through libargon2, randomness from the kernel. */
#include "server/secret.h"

#include <argon2.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define PASSES 2
#define MEMORY_KIB (19 * 1024)
#define LANES 1

godwit_err secret_random(uint8_t *out, size_t size)
{
    return getentropy(out, size) ? GODWIT_ERR_IO : GODWIT_OK;
}

godwit_err secret_token(const char kind[static 4], char out[static SECRET_TOKEN_SIZE])
{
    uint8_t secret[(SECRET_TOKEN_SIZE - 5) / 2];
    godwit_err err = secret_random(secret, sizeof secret);
    if (err) return err;
    memcpy(out, kind, 4);
    godwit_hex_encode(secret, sizeof secret, out + 4);
    return GODWIT_OK;
}

void secret_sha256(const void *data, size_t size, uint8_t digest_out[static 32])
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, data, size);
    godwit_err err = godwit_hash_peek(&hash, digest_out);
    assert(!err);
    (void)err;
}

godwit_err password_hash(const char *password, char *out, size_t size_max)
{
    uint8_t salt[16];
    godwit_err err = secret_random(salt, sizeof salt);
    if (err) return err;
    int code = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt,
                                     sizeof salt, 32, out, size_max);
    return code == ARGON2_OK ? GODWIT_OK : GODWIT_ERR_SPACE;
}

/* The number after this mark in an encoded hash; 0: there is none. */
static unsigned long parameter(const char *hash, const char *mark)
{
    const char *at = strstr(hash, mark);
    return at ? strtoul(at + strlen(mark), NULL, 10) : 0;
}

bool password_hash_is_strong(const char *hash)
{
    return !strncmp(hash, "$argon2id$v=19$", 15) && parameter(hash, "m=") >= MEMORY_KIB &&
           parameter(hash, ",t=") >= PASSES && parameter(hash, ",p=") >= LANES;
}

bool password_is_good(const char *hash, const char *password)
{
    return argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
}

godwit_err password_make(char out[static 32])
{
    static const char LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789z"; /* 32: five bits each */
    uint8_t random[20];
    godwit_err err = secret_random(random, sizeof random);
    if (err) return err;
    struct godwit_text text;
    godwit_text_init(&text, out, 32);
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && i % 4 == 0) godwit_text_add(&text, "-");
        godwit_text_add_bytes(&text, &LETTERS[random[i] % 32], 1);
    }
    return GODWIT_OK;
}

void secret_base64url(const uint8_t data[static 32], char out[static 44])
{
    char text[45];
    godwit_base64_encode(data, 32, text);
    for (size_t i = 0; i < 43; i++)
        out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    out[43] = 0;
}
