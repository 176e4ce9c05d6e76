/* Who may call a route: a field of its row in routes.c, checked by one gate, when the head of a
 * request is there and before a byte of its body is kept. */
#pragma once

#include "fleet/access.h"
#include "http/http.h"

/* Whom a bearer names; as bits, so that a route can let several in. */
enum caller {
    CALLER_NOBODY = 0,
    CALLER_DEVICE = 1, /* by the token it made */
    CALLER_CLAIM = 2,  /* a device that wants to join, by a claim token that is known */
    CALLER_PERSON = 4  /* by a session, an API token, or this machine's token */
};

struct permission {
    unsigned callers;          /* 0: anybody */
    const char *type, *detail; /* of the 401 for everybody else */
    struct access_need need;   /* of a person */
    bool is_dangerous;         /* a session must have typed its password within PROOF_S */
    bool is_sessions;          /* only by a session: a token must not become its user */
    bool is_machines;          /* only by the token in the data directory */
};

/* By this header the token in the data directory speaks for another organisation than the first. */
#define PERMISSION_ORG_HEADER "Godwit-Org"

/* http_options.gate; route_extra is the row's operation. */
bool permission_gate(struct http_request *request);

/* What the gate has found, on a route that is not for anybody; a handler that uses request->user
 * asks before. The digest is the one by which the fleet knows the token or the claim. */
enum caller permission_caller(const struct http_request *request);
const uint8_t *permission_digest(const struct http_request *request);
/* Whom the certificate of the connection names (http/clients.h). */
struct device_proof {
    uint8_t device_id[16];
    uint64_t generation; /* of the CAs and revocations by which it is good; 0: there is none */
};
/* On a route for devices; NULL: it came without. Nothing of another device is said or given on such
 * a connection. */
const struct device_proof *permission_proof(const struct http_request *request);
/* On any route. */
bool permission_is_person(const struct http_request *request);
/* Of a person, until the reply. */
const struct actor *permission_actor(const struct http_request *request);
const char *permission_org(const struct http_request *request);

/* For what is dangerous in some requests of a route only, such as a downgrade: false where a
 * session has not typed its password of late; then it is answered. */
bool permission_is_proved(struct http_request *request);

/* For a reply that takes long, from any thread: whether the gate would let the caller in again, who
 * may see no more and no less than then. */
bool permission_lasts(const struct http_request *request);

/* The same gate for what a handler finds: whether the caller may see the object of this
 * organisation and product (NULL: it has none). Where not, the handler replies as it does where
 * nothing is found; what it looks up by a name it looks up in permission_org alone. */
bool permission_sees(const struct http_request *request, const char *org, const char *product);
