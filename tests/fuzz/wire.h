/* A network without sockets for fuzz_conn: libuv's functions, of which src/http uses about thirty,
 * and a TLS that only cuts bytes into records, both driven by hand. Nothing happens but what the
 * fuzzer calls here, so an input always runs the same way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRES 3U

/* A client connects on this wire; false: it is in use, or the server does not listen. */
bool wire_open(unsigned wire);
/* Delivers bytes as far as the server reads; the rest waits, as in the kernel. */
void wire_feed(unsigned wire, const uint8_t *data, size_t size);
/* The client ends its half, or (reset) is gone. */
void wire_end(unsigned wire, bool reset);
/* How much one write takes from now on; 0: nothing. */
void wire_window(unsigned wire, size_t size);
/* What waits to be written was taken, or (failed) is lost. */
void wire_written(unsigned wire, bool failed);
/* The client's TLS says that it ends, or breaks its records. */
void wire_tls_end(unsigned wire, bool broken);
/* The loop has looked at all sockets: what it does then. */
void wire_turn(void);
/* Calls back what the loop was asked for. */
void wire_wake(void);
void wire_closed(void);
void wire_time(uint64_t ms);
/* How many bytes one TLS record holds. */
void wire_record(size_t size);
/* Everything that is open is reset, and every call back made. */
void wire_end_all(void);
