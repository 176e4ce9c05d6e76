/* Whom a proxy that is believed speaks for. For the files of this folder only. */
#pragma once

#include "http/internal.h"

/* Who is behind a proxy that is believed. False: nobody is named, or two are. */
bool forwarded_find(const struct http_request *request, char text_out[static ADDRESS_SIZE],
                    uint8_t key_out[static 16]);
/* The request counts as one of whom its proxy names. */
void forwarded_take(struct exchange *exchange);
/* Whether the connection's peer is the proxy that is believed. */
bool forwarded_is_proxy(const struct http_options *options, const char *peer);
