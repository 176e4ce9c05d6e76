/* The server over HTTPS as an operator sees it: where it is, whom to trust, which token to show.
 * Found in this order: --server URL [--ca FILE]; the data directory of a server on this computer
 * (GODWIT_DATA, else ./godwit-data: server.json and admin-token); the session that `godwit login`
 * keeps. Every failure prints one line on stderr here, so that a command only returns 1. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct remote {
    char url[256];   /* "https://host:port", no slash at the end */
    char token[256]; /* "": none */
    char *ca_pem;    /* malloc'ed; NULL: the system's own certificates */
};

/* server and ca may be NULL. False after a printed line. */
bool remote_open(struct remote *remote, const char *server, const char *ca);
void remote_close(struct remote *remote);

/* One request; body may be NULL. On 2xx the parsed answer goes to *reply_out (the caller's). */
bool remote_call(const struct remote *remote, const char *method, const char *path,
                 const json_t *body, json_t **reply_out);
/* A file as the body, with a progress line on a terminal once it takes over two seconds. */
bool remote_upload(const struct remote *remote, const char *path, const char *file,
                   json_t **reply_out);
/* An answer of exactly `size` bytes. */
bool remote_download(const struct remote *remote, const char *path, uint8_t *data, size_t size);

/* Keeps url, token and CA for the next commands of this user (mode 0600). */
bool remote_session_save(const struct remote *remote);

/* For --json: the answer as the server gave it, indented. Flushed; false after a printed line. */
bool json_print(const json_t *json);
/* Members by name that never fail: "" or 0 where missing or of another kind. */
const char *json_text(const json_t *object, const char *name);
uint64_t json_number(const json_t *object, const char *name);
