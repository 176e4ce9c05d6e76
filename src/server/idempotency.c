/* The reply is written by a job of its own, in order behind the change: who asks again comes after
 * both. */
#include "server/idempotency.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/log.h"
#include "server/app.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/secret.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define KEEPING_S 10 /* so long the first may still be under way */
#define SEAL_SIZE (NONCE_SIZE + TAG_SIZE)

struct keyed { /* lives in its request's arena */
    struct app *app;
    struct http_request *request;
    struct kept_key key;
    uint8_t request_sha256[32], seal_key[32];
    struct kept_reply found;
};

/* With its NUL, so that no two texts run together. */
static void hash_text(struct godwit_hash *hash, const char *text)
{
    godwit_hash_update(hash, (const uint8_t *)text, strlen(text) + 1);
}

/* ---- sealing ---- */

static bool seal_key_make(struct keyed *keyed, const char *bearer)
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    hash_text(&hash, "godwit kept reply");
    hash_text(&hash, bearer);
    hash_text(&hash, keyed->key.key);
    return !godwit_hash_peek(&hash, keyed->seal_key);
}

/* AES-256-GCM: nonce, tag, text. */
static bool seal(const uint8_t key[static 32], const void *text, size_t size, uint8_t *out)
{
    int done = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = ctx && !secret_random(out, NONCE_SIZE) &&
                EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
                EVP_EncryptUpdate(ctx, out + SEAL_SIZE, &done, text, (int)size) == 1 &&
                EVP_EncryptFinal_ex(ctx, out + SEAL_SIZE + done, &done) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, out + NONCE_SIZE) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

static bool unseal(const uint8_t key[static 32], uint8_t *sealed, size_t size, char *out)
{
    int done = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good =
        ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
        EVP_DecryptUpdate(ctx, (uint8_t *)out, &done, sealed + SEAL_SIZE, (int)size) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, sealed + NONCE_SIZE) == 1 &&
        EVP_DecryptFinal_ex(ctx, (uint8_t *)out + done, &done) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

/* ---- the request ---- */

static bool request_digest(const struct http_request *request, uint8_t out[static 32])
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    hash_text(&hash, request->path);
    hash_text(&hash, request->query);
    godwit_hash_update(&hash, request->body.data, request->body.size);
    return !godwit_hash_peek(&hash, out);
}

static bool is_sound(const char *key)
{
    size_t size = strlen(key);
    for (const char *at = key; *at; at++)
        if (*at < 0x21 || *at > 0x7E) return false;
    return size > 0 && size <= KEPT_KEY_MAX;
}

bool keyed_make(struct http_request *request, struct keyed **keyed_out)
{
    const char *key = http_header(request, "Idempotency-Key");
    *keyed_out = NULL;
    if (!key || request->method != HTTP_METHOD_POST || !permission_is_person(request)) return true;
    if (!is_sound(key)) {
        problem(request, 422, "malformed",
                "Idempotency-Key must be 1 to 64 letters, digits or signs without spaces",
                "Idempotency-Key");
        return false;
    }
    struct keyed *keyed = arena_zalloc(request->arena, sizeof *keyed);
    if (!keyed) {
        problem_busy(request);
        return false;
    }
    keyed->app = request->app;
    keyed->request = request;
    keyed->key = (struct kept_key){permission_org(request), key, permission_digest(request)};
    if (request_digest(request, keyed->request_sha256) &&
        seal_key_make(keyed, http_bearer(request))) {
        *keyed_out = keyed;
        return true;
    }
    problem_of_error(request, GODWIT_ERR_IO);
    return false;
}

/* ---- the second time ---- */

godwit_err keyed_enter(struct keyed *keyed, bool *is_known_out)
{
    struct app *app = keyed->app;
    int64_t now_s = clock_unix_s(app->clock);
    free(keyed->found.bytes); /* of a first run */
    godwit_err err = kept_reply_find(app->db, &keyed->key, now_s, &keyed->found);
    *is_known_out = !err;
    if (err != GODWIT_ERR_MISSING) return err;
    return kept_reply_begin(app->db, &keyed->key, keyed->request_sha256, now_s);
}

static void send_kept(struct keyed *keyed)
{
    struct http_request *request = keyed->request;
    size_t size = keyed->found.size - SEAL_SIZE;
    char *text = arena_alloc(request->arena, size + 1);
    if (!text || !unseal(keyed->seal_key, keyed->found.bytes, size, text)) {
        problem(request, 500, "internal", "the kept reply can not be read", NULL);
        return;
    }
    http_reply_header(request, "Idempotency-Replayed", "true");
    http_reply(request, keyed->found.status, "application/json", text, size);
}

/* What this process did not begin it does not end either: the one before was killed in between. */
static bool is_under_way(const struct keyed *keyed)
{
    const struct app *app = keyed->app;
    int64_t created_s = keyed->found.created_s;
    return created_s >= app->started_s && clock_unix_s(app->clock) - created_s < KEEPING_S;
}

void keyed_replay(struct keyed *keyed)
{
    struct http_request *request = keyed->request;
    if (memcmp(keyed->found.request_sha256, keyed->request_sha256, 32) != 0)
        problem(request, 422, "key-reused",
                "this Idempotency-Key came with another request before; take a new key for each",
                "Idempotency-Key");
    else if (keyed->found.status && keyed->found.size >= SEAL_SIZE)
        send_kept(keyed);
    else if (is_under_way(keyed))
        problem(request, 409, "still-running",
                "the request with this Idempotency-Key is being carried out; send it again in a "
                "second to get its reply",
                "Idempotency-Key");
    else
        problem(request, 409, "already-done",
                "the request with this Idempotency-Key was carried out, but its reply was not "
                "kept; look at what it made instead of sending it again",
                "Idempotency-Key");
    free(keyed->found.bytes);
}

/* ---- the first time ---- */

struct keep_job {
    struct writer_job job; /* first: a job is a keep_job */
    struct app *app;
    struct kept_key key;
    int status; /* 0: forget it */
    size_t size;
    uint8_t caller_sha256[32];
    char org[64], text[KEPT_KEY_MAX + 1];
    uint8_t bytes[];
};

static godwit_err keep_run(struct writer_job *job)
{
    struct keep_job *keep = (struct keep_job *)job;
    if (!keep->status) return kept_reply_drop(keep->app->db, &keep->key);
    return kept_reply_finish(keep->app->db, &keep->key, keep->status, keep->bytes, keep->size);
}

static void keep_done(struct writer_job *job, godwit_err err)
{
    if (err) GODWIT_LOG(ERROR, "reply_not_kept", "error=%s", godwit_err_name(err));
    free(job);
}

static void submit(const struct keyed *keyed, int status, const char *text, size_t size)
{
    struct keep_job *keep = calloc(1, sizeof *keep + size + SEAL_SIZE);
    if (!keep) abort();
    keep->job = (struct writer_job){.run = keep_run, .done = keep_done};
    keep->app = keyed->app;
    keep->status = status;
    keep->size = size + SEAL_SIZE;
    memcpy(keep->caller_sha256, keyed->key.caller_sha256, sizeof keep->caller_sha256);
    snprintf(keep->org, sizeof keep->org, "%s", keyed->key.org);
    snprintf(keep->text, sizeof keep->text, "%s", keyed->key.key);
    keep->key = (struct kept_key){keep->org, keep->text, keep->caller_sha256};
    bool good = !status || seal(keyed->seal_key, text, size, keep->bytes);
    if (!good || writer_submit(keyed->app->writer, &keep->job)) free(keep);
}

void keyed_keep(struct keyed *keyed, int status, const char *text)
{
    size_t size = strlen(text);
    if (size <= KEPT_REPLY_MAX) submit(keyed, status, text, size);
}

void keyed_forget(struct keyed *keyed)
{
    submit(keyed, 0, "", 0);
}
