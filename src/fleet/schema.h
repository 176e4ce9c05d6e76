/* The migrations in schema/, embedded at build time. */
#pragma once

#include "store/store.h"

extern const struct migration SCHEMA[];
extern const size_t SCHEMA_COUNT;
