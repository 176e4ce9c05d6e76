/* Under which names the service is reached, and so which ones its own certificate must carry. */
#pragma once

#include "base/span.h"

#define CERTIFICATE_NAMES_MAX 2048

/* Comma-separated: `given` (or NULL), the address listened on, this machine's name; where it is
 * listened on all addresses (0.0.0.0, ::), also each that this machine has now. All but `given` and
 * the address are left out where `must` is set. */
void certificate_names(const char *listen, const char *given, bool must,
                       char out[static CERTIFICATE_NAMES_MAX]);
/* "0.0.0.0", "::" */
bool is_any_address(const char *address);
