/* Which files of the service are secret, and what is done where other users can reach them. */
#pragma once

#include "base/err.h"
#include "base/span.h"

/* POLICY, with a note that says what to do: a secret of the data directory, or tls_key (NULL: none
 * was given), can be read by other users, or they can write into the directory. Missing files are
 * fine. */
GODWIT_MUST_USE godwit_err secret_files_check(const char *data, const char *tls_key, char *note_out,
                                              size_t note_size);
/* Closes what the service has made itself and is no secret by itself: the database and the blobs.
 * Whether the directory itself is open to be read by others, which is its owner's choice. */
bool secret_files_tighten(const char *data);
