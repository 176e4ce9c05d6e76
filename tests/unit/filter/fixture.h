/* A world for filters: its clock, its products, the reasons of decisions; and random filters. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "filter/filter.h"

#define NOW_S 1780000000 /* 2026-05-28 20:26:40 UTC */

static inline const char *fixture_known(void *ctx, enum filter_field field, size_t index)
{
    static const char *const PRODUCTS[] = {"thermostat", "Thermo_1", "door 50%", NULL};
    static const char *const REASONS[] = {"up-to-date", "failed-before", "queued", NULL};
    (void)ctx;
    if (field == FILTER_PRODUCT) return PRODUCTS[index];
    return field == FILTER_REASON ? REASONS[index] : NULL;
}

static const struct filter_world WORLD = {NOW_S, fixture_known, NULL};
