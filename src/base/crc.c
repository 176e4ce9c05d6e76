/* CRC-32 bit by bit: even a table of 16 words would cost a device 64 bytes of flash, and what this
 * is used for (1.2 KiB of a signature block, the agent's record, 4 bytes of otadata) needs no
 * speed.
 */
#include "base/crc.h"

#define POLYNOMIAL 0xEDB88320u

uint32_t godwit_crc32(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? POLYNOMIAL ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}
