/* `godwit audit verify`: an export or a database, fed to the verifier (audit/verify.h). */
#pragma once

#include <stdio.h>

#include "audit/verify.h"

/* Reads the lines of an export. False: a line is neither record nor checkpoint; line_out says
 * which.
 */
bool audit_file_feed(FILE *file, struct audit_verifier *verifier, unsigned long *line_out);
/* Trusts a key of a PEM file. False after a line that names the fault. */
bool audit_trust_file(struct audit_verifier *verifier, const char *path);
/* Trusts the deploy keys of a data directory, former ones too. False: there is none. */
bool audit_trust_data(struct audit_verifier *verifier, const char *data);
