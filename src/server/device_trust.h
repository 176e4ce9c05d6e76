/* The makers' CAs by whose certificates devices may prove who they are (--device-ca, --device-crl):
 * read at the start, and again while the service runs. */
#pragma once

#include <stdatomic.h>

#include "http/clients.h"
#include "server/file_watch.h"

struct app;
struct settings;

struct device_trust {
    struct http_clients *clients; /* NULL: devices are not asked for a certificate */
    _Atomic uint64_t generation;  /* of clients; 0: so */
    struct stat files[2];         /* private: as they were when they were read last */
};

/* Where the settings name a CA. FORMAT, TRUST or IO, with a note that says what to do. */
GODWIT_MUST_USE godwit_err device_trust_read(const struct settings *settings,
                                             struct http_clients **clients_out, char *note_out,
                                             size_t note_size);
/* The same for an app that opens. */
GODWIT_MUST_USE godwit_err device_trust_open(struct app *app, char *note_out, size_t note_size);
void device_trust_close(struct app *app);
/* Every few seconds while serving. is_asked: as on SIGHUP, whether or not a file has changed. What
 * can not be used is said, and what was believed before stays. */
void device_trust_tick(struct app *app, struct http_server *server, bool is_asked);
