/* What proves who one is: a password, and the code of a second factor where the server asks for
 * one. */
#pragma once

#include "cli/remote.h"

#define CREDENTIALS_CODE_MAX 33

/* Sends the body, which holds a password; where the server asks for a code and somebody sits at a
 * terminal, asks for it and sends both. False after a printed line. */
bool credentials_send(const struct remote *remote, const char *path, json_t *body,
                      json_t **reply_out);
/* Asks for the password of the session once more, which the server takes as proof for ten minutes.
 * False after a printed line. */
bool credentials_prove(const struct remote *remote);
