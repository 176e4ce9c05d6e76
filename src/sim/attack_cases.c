/* All tables of cases, as one list. */
#include "sim/attack_rows.h"

const char *const ATTACK_TITLES[16] = {
    "negative signatures",
    "arbitrary software",
    "rollback",
    "freeze",
    "endless data",
    "slow retrieval",
    "mix and match",
    "partial installation",
    "fast-forward",
    "the wrong software",
    "stolen keys",
    "dropped requests",
    "eavesdropping",
    "replay",
    "extraneous dependencies",
    "malicious mirrors",
};

static const struct attack_case *const TABLES[] = {ATTACK_CODE,    ATTACK_TIME, ATTACK_WIRE,
                                                   ATTACK_PLACES,  ATTACK_KEYS, ATTACK_SIGNATURES,
                                                   ATTACK_POLICIES};

const struct attack_case *attack_case_at(size_t index)
{
    for (size_t table = 0; table < sizeof TABLES / sizeof *TABLES; table++)
        for (const struct attack_case *row = TABLES[table]; row->name; row++)
            if (index-- == 0) return row;
    return NULL;
}

const struct attack_case *attack_case_named(const char *name)
{
    const struct attack_case *row;
    for (size_t i = 0; (row = attack_case_at(i)); i++)
        if (!strcmp(row->name, name)) return row;
    return NULL;
}
