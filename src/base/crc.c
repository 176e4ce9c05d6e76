/* CRC-32 by half bytes: a table of 16 words instead of 256 saves 960 bytes of a device's flash, and
 * what it is used for (1.2 KiB of a signature block, 4 bytes of otadata) does not need the speed.
 */
#include "base/crc.h"

static const uint32_t NIBBLES[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

uint32_t godwit_crc32(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = NIBBLES[crc & 15] ^ crc >> 4;
        crc = NIBBLES[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}
