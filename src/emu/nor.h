/* The rules of NOR flash, which every emulated chip checks and follows. */
#pragma once

#include <assert.h>

#include "emu/emu.h"

/* A caller outside the chip or between its units is a bug of ours, never bad input. */
static inline void nor_check(uint32_t chip_size, uint32_t offset, size_t size, uint32_t unit)
{
    assert(offset <= chip_size && size <= chip_size - offset);
    assert(offset % unit == 0 && size % unit == 0);
    (void)chip_size, (void)offset, (void)size, (void)unit;
}

/* Programs cells: bits only go from 1 to 0. True when all of them were erased before. */
static inline bool nor_program(uint8_t *cells, const uint8_t *data, size_t size)
{
    bool erased = godwit_all(cells, size, 0xFF);
    for (size_t i = 0; i < size; i++)
        cells[i] &= data[i];
    return erased;
}
