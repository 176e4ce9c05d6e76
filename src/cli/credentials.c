/* The server says what it needs, so nobody is asked for a code in vain. */
#include "cli/credentials.h"

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"

bool credentials_send(const struct remote *remote, const char *path, json_t *body,
                      json_t **reply_out)
{
    bool wants_code;
    char code[CREDENTIALS_CODE_MAX];
    const char *expected = ask_is_possible() ? "second-factor" : NULL;
    if (remote_try(remote, "POST", path, body, expected, &wants_code, reply_out)) return true;
    if (!wants_code) return false;
    if (!ask_line("six digits of the app, or a recovery code", code, sizeof code)) {
        fputs("godwit: no code was given\n", stderr);
        return false;
    }
    json_object_set_new(body, "code", json_string(code));
    return remote_try(remote, "POST", path, body, NULL, &wants_code, reply_out);
}

bool credentials_prove(const struct remote *remote)
{
    char password[OPTION_SECRET_MAX];
    json_t *reply;
    fputs("godwit: this needs your password again\n", stderr);
    if (!ask_secret("password", password, sizeof password)) {
        fputs("godwit: no password was given\n", stderr);
        return false;
    }
    json_t *body = json_pack("{s:s}", "password", password);
    explicit_bzero(password, sizeof password);
    bool is_good = body && credentials_send(remote, "/api/v1/session/reauthenticate", body, &reply);
    json_decref(body);
    if (is_good) json_decref(reply);
    return is_good;
}

bool remote_call(const struct remote *remote, const char *method, const char *path,
                 const json_t *body, json_t **reply_out)
{
    bool wants_proof;
    const char *expected = ask_is_possible() ? "reauthenticate" : NULL;
    if (remote_try(remote, method, path, body, expected, &wants_proof, reply_out)) return true;
    return wants_proof && credentials_prove(remote) &&
           remote_try(remote, method, path, body, NULL, &wants_proof, reply_out);
}

int remote_do(const struct remote_flags *flags, const char *method, const char *path, json_t *body,
              void (*print)(const json_t *reply))
{
    struct remote remote;
    json_t *reply;
    bool is_good = remote_open(&remote, flags);
    if (is_good) {
        is_good = remote_call(&remote, method, path, body, &reply);
        remote_close(&remote);
    }
    json_decref(body);
    if (!is_good) return 1;
    if (flags->json)
        is_good = json_print(reply);
    else
        print(reply);
    json_decref(reply);
    return is_good ? 0 : 1;
}

int device_do(const struct remote_flags *flags, const char *method, const char *device,
              const char *verb, void (*print)(const json_t *reply))
{
    char path[64];
    snprintf(path, sizeof path, "/api/v1/devices/%s/%s", device, verb);
    return remote_do(flags, method, path, NULL, print);
}
