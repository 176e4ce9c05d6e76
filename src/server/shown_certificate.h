/* The certificate that the service shows: renewed and read again while it runs, without a
 * connection being dropped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/file_watch.h"

struct app;
struct http_server;

struct shown_certificate {
    /* private */
    struct stat files[5]; /* as they were when they were read last */
    uint64_t renew_ms;    /* when to look next whether ours is due */
    godwit_err renew_err;
};

/* Fills app->cert_path, key_path, ca_path, chain, ca_sha256 and next_ca. Where none was given our
 * own is made; not its CA though, where there is an account already: then it was lost. */
GODWIT_MUST_USE godwit_err shown_certificate_open(struct app *app, bool has_account, char *note_out,
                                                  size_t note_size);
/* What to give http_open and http_certificate: a file's path, or the text of a given chain. */
const char *shown_certificate_pem(const struct app *app);
/* Every few seconds while serving. is_asked: as on SIGHUP, whether or not a file has changed. */
void shown_certificate_tick(struct app *app, struct http_server *server, bool is_asked);
/* The address to announce, one that the certificate is for; connect_out: where to dial instead of
 * looking the name up, or "". */
void shown_certificate_url(const struct app *app, uint16_t port, char url_out[static 320],
                           char connect_out[static 96]);
