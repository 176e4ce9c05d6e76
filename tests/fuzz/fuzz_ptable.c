/* formats/ptable: any table, with its MD5 set right in every second run, so that rows behind the
 * check are reached. What passes can be read row by row, lies in flash, and builds again. */
#include "base/crypto.h"
#include "formats/ptable.h"
#include "fuzz.h"

static uint8_t table[GODWIT_PTABLE_SIZE];

static void set_md5(void)
{
    for (size_t at = 0; at < sizeof table; at += 32)
        if (table[at] == 0xEB && table[at + 1] == 0xEB) {
            godwit_md5(table, at, table + at + 16);
            return;
        }
}

static void read_rows(size_t count, uint32_t flash_size)
{
    static struct godwit_partition rows[GODWIT_PTABLE_ROWS_MAX];
    static uint8_t again[GODWIT_PTABLE_SIZE];
    struct godwit_partition row;
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(godwit_ptable_at(table, i, &rows[i]) == GODWIT_OK);
        FUZZ_CHECK(rows[i].offset <= flash_size && rows[i].size <= flash_size - rows[i].offset);
        FUZZ_CHECK(strlen(rows[i].label) <= 16);
        FUZZ_CHECK(godwit_ptable_find(table, rows[i].type, rows[i].subtype, rows[i].label, &row) ==
                   GODWIT_OK);
    }
    FUZZ_CHECK(godwit_ptable_at(table, count, &row) == GODWIT_ERR_MISSING);
    size_t count_again;
    if (godwit_ptable_build(rows, count, again)) return;
    FUZZ_CHECK(godwit_ptable_check(again, flash_size, &count_again) == GODWIT_OK);
    FUZZ_CHECK(count_again == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    uint32_t flash_size = (uint32_t)data[0] << 17;
    bool is_forged = data[1] & 1;
    data += 2;
    size -= 2;
    if (size > sizeof table) size = sizeof table;
    memset(table, 0xFF, sizeof table);
    memcpy(table, data, size);
    if (is_forged) set_md5();
    size_t count = 0;
    if (godwit_ptable_check(table, flash_size, &count) == GODWIT_OK) {
        FUZZ_CHECK(count <= GODWIT_PTABLE_ROWS_MAX);
        read_rows(count, flash_size);
    }
    return 0;
}
