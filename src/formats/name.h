/* The one rule for names of products and versions, and for what of a foreign text is shown. Names
 * stand in addresses, file names, tables and commands that people copy; texts come from files and
 * devices that others made. */
#pragma once

#include <stddef.h>

#define GODWIT_NAME_SIZE_MAX 31 /* bytes: what ESP-IDF's descriptor holds, less its NUL */

/* name, words behind "the product name …" */
#define GODWIT_NAME_FAULTS(X)                                                 \
    X(NONE, "is fine")                                                        \
    X(MISSING, "is missing")                                                  \
    X(LONG, "is longer than 31 bytes")                                        \
    X(NOT_UTF8, "is not UTF-8")                                               \
    X(UNPRINTABLE, "holds a character that can not be printed")               \
    X(SLASH, "holds a slash, which would end it in addresses and file names") \
    X(DOTS, "is a dot or two, which addresses take for a folder")

#define GODWIT_NAME_FAULT_ENUM(name, words) GODWIT_NAME_##name,
enum godwit_name_fault { GODWIT_NAME_FAULTS(GODWIT_NAME_FAULT_ENUM) GODWIT_NAME_FAULTS_COUNT };
#undef GODWIT_NAME_FAULT_ENUM

/* Any printable UTF-8 of 1 to 31 bytes without a slash is a name; spaces alone are none. */
enum godwit_name_fault godwit_name_check(const char *name);
const char *godwit_name_fault_words(enum godwit_name_fault fault);

/* The text with '?' for each character that is not printable (C0 and C1 controls, line ends, marks
 * that turn the direction of writing, invisible ones) and for each byte that is no UTF-8: it can
 * neither steer a terminal nor hide. out holds at least strlen(text) + 1 bytes; gives out. */
const char *godwit_text_clean(const char *text, char *out);
