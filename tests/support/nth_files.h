/* The keys and files of the scenarios in nth_scenario.h: good releases in every scheme, bad ones,
 * and forgeries that no device may ever run. Made once for the process. */
#pragma once

#include "device.h"

enum key_id { KEY_P256, KEY_RSA, KEY_P384, KEY_UNKNOWN, KEY_DEPLOY, KEYS_COUNT };

enum file_id {
    FILE_NONE,
    FILE_FIRST,
    FILE_NEXT,
    FILE_BIG,
    FILE_RSA,
    FILE_P384,
    FILE_TWO, /* signed by RSA and P-384 */
    FILE_P1,  /* with a policy … */
    FILE_P2,  /* … that hands on to another key */
    FILE_PANIC,
    FILE_CONFIG,
    FILE_SILENT,
    FILE_CRASHING,
    FILE_UNSIGNED, /* from here on nothing may ever run */
    FILE_UNKNOWN,
    FILE_FLIPPED,
    FILE_TWICE,
    FILE_BENT,    /* the signature itself is changed */
    FILE_OLD_KEY, /* by a key that FILE_P2 no longer lists */
    FILES_COUNT
};

extern struct key *nth_keys[KEYS_COUNT];
extern struct firmware nth_files[FILES_COUNT];

/* False: something could not be made. */
bool nth_files_make(void);
void nth_files_drop(void);
