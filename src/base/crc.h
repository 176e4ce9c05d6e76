/* CRC-32 as zlib, Ethernet and the ESP32's ROM compute it (reflected polynomial 0xEDB88320). Finds
 * accidents, not attackers. */
#pragma once

#include "base/span.h"

/* crc: 0 to begin, or the result so far, so that pieces chain. The CRC of an otadata entry is
 * godwit_crc32(0xFFFFFFFF, seq, 4): the ROM's register starts at zero. */
uint32_t godwit_crc32(uint32_t crc, const uint8_t *data, size_t size);
