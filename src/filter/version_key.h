/* Versions as texts whose bytes sort (memcmp, collation "C"), so that a database can compare them
 * by component and in an index. The order is that of godwit_version_compare, but that a component
 * which is missing counts as 0, and spellings that mean the same ("1.4", "v1.4.0", "1.4.0+b7") have
 * one key. */
#pragma once

#define VERSION_KEY_SIZE_MAX 32 /* bytes of a version that count */
#define VERSION_KEY_MAX 128     /* bytes, for a version of at most 32, NUL included */

void version_key(const char *version, char out[static VERSION_KEY_MAX]);
