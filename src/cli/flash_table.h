/* Where a dump has its partition table, whether it can be read at all, and what in it is odd. */
#pragma once

#include "formats/ptable.h"

#define TABLE_OFFSET_LAST 0xF000u /* a table may stand at 0x8000, 0x9000 … 0xF000 */

/* The first offset where rows stand that a bootloader takes on a flash of any size; otherwise the
 * first where anything like a table begins; 0: nowhere. */
uint32_t flash_table_find(const uint8_t *dump, size_t size);
/* No table can be read, and where it could be there is noise, as flash encryption leaves it. */
bool flash_is_encrypted(const uint8_t *dump, size_t size);
/* The pair after the *index-th in which two partitions share bytes; false: no more. */
bool flash_overlap_next(const struct godwit_partition *rows, size_t count, size_t *index,
                        size_t *first_out, size_t *second_out);
