/* The server over HTTPS as an operator sees it: where it is, whom to trust, which token to show.
 * Found in this order: --server URL [--ca FILE]; the data directory of a server on this computer
 * (GODWIT_DATA, else ./godwit-data: server.json and admin-token); the session that `godwit login`
 * keeps. Every failure prints one line on stderr here, so that a command only returns 1. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options/options.h"

#define REMOTE_ORG_HEADER "Godwit-Org" /* as server/permission.h has it */

/* The options that every command of this kind takes. */
struct remote_flags {
    const char *server, *ca, *org;
    bool json;
};
#define REMOTE_ROWS(flags)                                                            \
    {"--server", OPTION_TEXT, &(flags).server, "URL",                                 \
     "https://HOST:PORT; default: the one of ./godwit-data, else of `godwit login`"}, \
        {"--ca", OPTION_TEXT, &(flags).ca, "FILE",                                    \
         "PEM certificate that the server's is signed by"},                           \
        {"--org", OPTION_TEXT, &(flags).org, "NAME",                                  \
         "on the server's own machine: in this organisation (default: the first)"},   \
    {                                                                                 \
        "--json", OPTION_FLAG, &(flags).json, NULL, "print the server's reply"        \
    }

struct remote {
    char url[256];    /* "https://host:port", no slash at the end */
    char token[256];  /* "": none */
    char org[33];     /* for which the machine's token speaks; "": the first */
    char known[80];   /* by which a server knows this place from a login before; "": it does not */
    char connect[96]; /* "127.0.0.1:8443": dialled in place of the url's; "": the url's */
    bool is_raw;      /* answers are kept as they came, for --json */
    char *ca_pem;     /* malloc'ed; NULL: the system's own certificates */
    char ca_file[4096]; /* where it was read, for messages */
};

/* Prints that the file holds no certificate. */
void complain_ca(const char *file);
/* False after a printed line. */
bool remote_open(struct remote *remote, const struct remote_flags *flags);
/* The session that `godwit login` keeps, and no other. False after a printed line. */
bool remote_open_session(struct remote *remote);
void remote_close(struct remote *remote);

/* One request; body may be NULL. On 2xx the parsed answer goes to *reply_out (the caller's); its
 * texts are as they may be shown on a terminal, but with --json. Where the server asks for the
 * password again and somebody sits at a terminal, it is asked for, and the request made again. */
bool remote_call(const struct remote *remote, const char *method, const char *path,
                 const json_t *body, json_t **reply_out);
/* The same, but of a refusal of the type `expected` nothing is printed, and it is told. */
bool remote_try(const struct remote *remote, const char *method, const char *path,
                const json_t *body, const char *expected, bool *is_expected_out,
                json_t **reply_out);
/* One request and what it prints: the whole command of most verbs. The body is freed here. Returns
 * the exit status. */
int remote_do(const struct remote_flags *flags, const char *method, const char *path, json_t *body,
              void (*print)(const json_t *reply));
/* The same for one of its devices: "…/devices/DEVICE/verb", without a body. */
int device_do(const struct remote_flags *flags, const char *method, const char *device,
              const char *verb, void (*print)(const json_t *reply));
/* A document that one has read before, or not; "" or its etag, which is changed to what came. */
#define ETAG_SIZE 72
enum remote_read {
    REMOTE_NEW,    /* reply_out is the caller's */
    REMOTE_SAME,   /* there is nothing new; NULL */
    REMOTE_LATER,  /* not now, and nothing was printed */
    REMOTE_FAILED, /* after a printed line */
};
enum remote_read remote_read(const struct remote *remote, const char *path,
                             char etag[static ETAG_SIZE], json_t **reply_out);

/* Who listens: take gets what comes as it comes, look is called then and about once a second, and
 * ends it by false. */
struct remote_stream {
    char last_id[48]; /* the stream continues after it; "": it begins now */
    void (*take)(struct remote_stream *stream, const char *data, size_t size);
    bool (*look)(struct remote_stream *stream);
};
/* Until look or the other side ends it. False after a printed line: it will not go better the next
 * time. is_there_out: the server answered, and has no stream (now). */
bool remote_listen(const struct remote *remote, const char *path, struct remote_stream *stream,
                   bool *is_there_out);
/* A file as the body, with a progress line on a terminal once it takes over two seconds. */
bool remote_upload(const struct remote *remote, const char *path, const char *file,
                   json_t **reply_out);
/* A reply of exactly `size` bytes. */
bool remote_download(const struct remote *remote, const char *path, uint8_t *data, size_t size);

/* Keeps url, token, CA and the mark of this place for the next commands of this user (mode 0600).
 */
bool remote_session_save(const struct remote *remote);
/* Forgets the token alone: what makes this place a known one stays. */
bool remote_session_end(struct remote *remote);

/* For --json: the reply as the server gave it, indented. Flushed; false after a printed line. */
bool json_print(const json_t *json);
/* Prints a device's or release's times: "12 s ago", "3 min ago", "never" for 0. */
const char *ago_text(uint64_t time_s, char *out, size_t size_max);
/* Members by name that never fail: "" or 0 where missing or of another kind. */
const char *json_text(const json_t *object, const char *name);
unsigned long long json_number(const json_t *object, const char *name);
