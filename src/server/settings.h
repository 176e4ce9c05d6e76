/* The options of `godwit serve`: one row each; help and checks come from the table. */
#pragma once

#include "server/app.h"

#define RESERVE_MIB 64 /* --reserve where none is given */

/* -1: go on with *out; else the exit status: 0 after --help, 2 after a line that names the fault.
 */
int settings_parse(int argc, char **argv, struct settings *out);
/* After settings_parse went on; its texts are void then. */
void settings_free(struct settings *settings);
/* "127.0.0.1:8443", "[::1]:8443" → address and port; FORMAT. */
GODWIT_MUST_USE godwit_err settings_listen(const char *listen, char *address_out, size_t size_max,
                                           uint16_t *port_out);
/* The data directory where no --data is given: GODWIT_DATA, else ./godwit-data. */
const char *settings_data(void);
