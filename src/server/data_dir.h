/* The files of the data directory besides the database: keys, certificates, the first account. */
#pragma once

#include "server/app.h"

/* Deploy key and TLS certificate: made on the first start, read on later ones. */
GODWIT_MUST_USE godwit_err data_open_keys(struct app *app, char *note_out, size_t note_size);
/* The first account with a random password (told once), and the admin token of this machine. */
GODWIT_MUST_USE godwit_err data_open_account(struct app *app, char *note_out, size_t note_size,
                                             char password_out[static 32]);
