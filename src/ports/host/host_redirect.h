/* Where a redirected download may go: the rules of godwit_port.h, without a network. */
#pragma once

#include <stdbool.h>

#define HOST_URL_SIZE 512 /* NUL included */

/* Whether both addresses have the same scheme, host and port: only there the bearer goes, and only
 * there the device's own CAs count. False for what is no address. */
bool host_is_same_origin(const char *one, const char *other);
/* Whether a GET of `from` that was answered with this status and Location goes on, and where (to
 * holds HOST_URL_SIZE bytes). hops: redirects that were followed already. */
bool host_redirect(const char *from, int status, const char *location, unsigned hops, char *to);
