/* Types shared by the agent's own files; outside, only sizeof(struct godwit_agent) matters. */
#pragma once

#include "agent/port.h"
#include "formats/image.h"

struct godwit_agent {
    uint8_t sector[GODWIT_SECTOR_SIZE];
};
