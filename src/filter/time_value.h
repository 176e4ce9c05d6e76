/* Times of a filter: an age ("7d") or a date ("2026-01-31", UTC). */
#pragma once

#include "filter/filter.h"

enum time_value { TIME_VALUE_FINE, TIME_VALUE_AGE_ALONE, TIME_VALUE_MALFORMED };

/* Fills in value->number, and turns value->op from one of ages into one of times. A date with an
 * operator compares with its whole day. */
enum time_value time_value_read(const char *text, int64_t now_s, struct filter_value *value);
