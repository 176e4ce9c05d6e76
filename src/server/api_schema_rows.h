/* How the rows of the two tables of api_schema.h are written. */
#pragma once

#include "server/api_schema.h"

#define ROW(type, name, of, flags, sentence)                 \
    {                                                        \
        SCHEMA_##type, name, 0, 0, flags, sentence, of, 0, 0 \
    }
#define SIZED(type, name, min, max, flags, sentence)               \
    {                                                              \
        SCHEMA_##type, name, min, max, flags, sentence, NULL, 0, 0 \
    }
#define END                                     \
    {                                           \
        SCHEMA, NULL, 0, 0, 0, NULL, NULL, 0, 0 \
    }

#define OBJECT(name, sentence)                      \
    {                                               \
        SCHEMA, name, 0, 0, 0, sentence, NULL, 0, 0 \
    }
#define STRING(name, sentence) ROW(STRING, name, NULL, 0, sentence)
#define STRINGS(name, sentence) ROW(STRING, name, NULL, SCHEMA_LIST, sentence)
#define WHOLE(name, sentence) ROW(WHOLE, name, NULL, 0, sentence)
#define REAL(name, sentence) ROW(REAL, name, NULL, 0, sentence)
#define FLAG(name, sentence) ROW(FLAG, name, NULL, 0, sentence)
#define FLAG_ASKED(name, sentence) \
    ROW(FLAG, name, NULL, SCHEMA_OPTIONAL | SCHEMA_NULLABLE, sentence)
#define TIME(name, sentence) ROW(TIME, name, NULL, 0, sentence)
#define TIME_OR_NULL(name, sentence) ROW(TIME, name, NULL, SCHEMA_NULLABLE, sentence)
#define NEXT \
    ROW(STRING, "next", NULL, SCHEMA_NULLABLE, "`after` of the next page; null: there is none")
#define CHOICE(name, words, sentence) ROW(CHOICE, name, words, 0, sentence)
#define HEX(name, digits, sentence) SIZED(HEX, name, digits, digits, 0, sentence)
#define HEX_OR_NULL(name, digits, sentence) \
    SIZED(HEX, name, digits, digits, SCHEMA_NULLABLE, sentence)
#define HEX_LIST(name, digits, sentence) SIZED(HEX, name, digits, digits, SCHEMA_LIST, sentence)
#define LIST(name, of, sentence) ROW(OBJECT, name, of, SCHEMA_LIST, sentence)
#define PAGE(name, of, sentence) ROW(OBJECT, name, of, SCHEMA_LIST | SCHEMA_PARTIAL, sentence)
/* As deploy_guards.h adds them. */
#define GUARDS_SHOWN                                                                         \
    STRING("window", "when devices may install it, in their local time; empty: always"),     \
        STRING("tz", "local time of devices that do not say theirs; empty: UTC"),            \
        WHOLE("per_site",                                                                    \
              "so many devices of one site are in progress at once at most; 0: any number"), \
        FLAG("consent", "only to devices that consent"),                                     \
        WHOLE("battery_min", "not to devices whose battery is below so many per cent")
