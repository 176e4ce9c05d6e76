/* Between wire.c and wire_tls.c: what a connection's TLS is told by its wire. */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct record_state {
    bool established, ended, broken;
};

/* The state is that of the wire of this handle, until the handle closes. */
void wire_tls_link(const uv_tcp_t *tcp, struct record_state *state);
