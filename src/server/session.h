/* A session as a browser keeps it: a cookie that no script reads, and a header that no other site
 * can make it send. */
#pragma once

#include "http/http.h"

#define SESSION_COOKIE "__Host-godwit"
#define SESSION_CSRF_HEADER "X-Godwit-CSRF"

/* What the header must hold in every request that changes something: made from the session's token,
 * so that nothing more is kept. 64 hex digits. */
void session_csrf(const char *token, char out[static 65]);
/* The token in the request's cookie, in its arena; NULL: there is none. */
const char *session_cookie(struct http_request *request);
/* The same of another cookie: its name and "=". */
const char *session_cookie_named(struct http_request *request, const char *name);
/* Whether a request by cookie comes from the service's own pages; else it is answered (403). */
bool session_is_own_site(struct http_request *request, const char *token);
