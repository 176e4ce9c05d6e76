/* What the programs that play clients of a server share: connections that block, clocks, and a look
 * at the server's memory. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/* Says what is wrong, and ends the program with 2, where the condition does not hold. */
void must(bool condition, const char *what);
uint64_t now_us(void);
double now_s(void);
/* As many files as the machine allows. */
void files_allow(void);

/* Once, before dial; the CA's file says whom to believe. tls_max: TLS1_2_VERSION as devices speak
 * it (no ticket comes unasked), 0 for the newest. */
void load_open(const char *port, const char *ca, int tls_max);
/* A connection with its handshake done; the number chooses the address that it comes from.
 * receive_size: of the socket's buffer, 0 as it comes. */
SSL *dial(uint32_t number, int receive_size, int *fd_out);
/* Resident, of the process. */
long memory_kb(const char *pid);
/* For qsort of doubles. */
int compare_doubles(const void *a, const void *b);
