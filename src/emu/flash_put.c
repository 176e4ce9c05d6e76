/* Laying bytes into a chip from outside, as a flashing tool does. */
#include "emu/nor.h"

godwit_err flash_put(const struct godwit_flash *flash, uint32_t offset, const uint8_t *data,
                     size_t size)
{
    uint8_t sector[FLASH_ERASE_SIZE];
    nor_check(flash->size, offset, size, 1);
    assert(offset % FLASH_ERASE_SIZE == 0);
    for (size_t done = 0; done < size; done += sizeof sector) {
        size_t piece = size - done < sizeof sector ? size - done : sizeof sector;
        memset(sector, 0xFF, sizeof sector);
        memcpy(sector, data + done, piece);
        uint32_t at = offset + (uint32_t)done;
        godwit_err err = flash->erase(flash->ctx, at, sizeof sector);
        if (!err) err = flash->write(flash->ctx, at, sector, sizeof sector);
        if (err) return err;
    }
    return GODWIT_OK;
}
