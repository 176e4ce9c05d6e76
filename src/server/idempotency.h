/* A POST that brings an Idempotency-Key is carried out once: the same request again under the same
 * key gets the reply of the first, for a day, also after a restart.
 *
 * The key is noted in the transaction of the change, so there is no moment in which one is kept
 * without the other. The reply is kept after it, sealed by the caller's own token (it may hold a
 * secret that is shown once): where the server dies between the two, the request is known to be
 * done, and that is what the second is told. A request that was refused changed nothing and is
 * forgotten.
 */
#pragma once

#include "fleet/kept_reply.h"
#include "http/http.h"

struct app;
struct keyed;

/* keyed_out: NULL where the request has no key. False: it was replied to. */
bool keyed_make(struct http_request *request, struct keyed **keyed_out);
/* In the transaction, before the change is run. is_known_out: it was carried out before. */
GODWIT_MUST_USE godwit_err keyed_enter(struct keyed *keyed, bool *is_known_out);
/* After it, where it is known. */
void keyed_replay(struct keyed *keyed);
/* What the first is replied: to be kept, or where it is a refusal, forgotten. */
void keyed_keep(struct keyed *keyed, int status, const char *text);
void keyed_forget(struct keyed *keyed);
