/* The tables of roles and scopes, and the one decision. */
#include "fleet/access.h"

#include <string.h>

static const char *const ROLES[] = {"none", "viewer", "operator", "releaser", "admin"};
static const char *const SCOPES[] = {"read", "upload", "deploy", "devices", "admin"};
#define SCOPES_COUNT (sizeof SCOPES / sizeof *SCOPES)

enum role role_parse(const char *text)
{
    for (unsigned i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        if (!strcmp(ROLES[i], text)) return (enum role)i;
    return ROLE_NONE;
}

const char *role_name(enum role role)
{
    return ROLES[role];
}

unsigned scope_parse(const char *text)
{
    for (unsigned i = 0; i < SCOPES_COUNT; i++)
        if (!strcmp(SCOPES[i], text)) return 1U << i;
    return 0;
}

const char *scope_name(unsigned n)
{
    return n < SCOPES_COUNT ? SCOPES[n] : NULL;
}

static bool is_hidden(const struct actor *actor, const struct access_object *object)
{
    if (object->org && strcmp(object->org, actor->org) != 0) return true;
    return actor->product[0] && object->product && strcmp(object->product, actor->product) != 0;
}

enum gate access_check(const struct actor *actor, const struct access_need *need,
                       const struct access_object *object)
{
    if (object && is_hidden(actor, object)) return GATE_HIDDEN;
    if (need && actor->role < need->role) return GATE_ROLE_LOW;
    if (need && need->scopes && !(actor->scopes & need->scopes)) return GATE_SCOPE_MISSES;
    return GATE_ALLOWED;
}
