/* The port's functions, each called through its table here alone: at forty places a call by table
 * and context costs a device more than a kilobyte. */
#include "agent/internal.h"

godwit_err godwit_flash_read(const struct godwit_agent *agent, uint32_t offset, void *data,
                             size_t size)
{
    const struct godwit_flash *flash = agent->config.flash;
    return flash->read(flash->ctx, offset, data, size);
}

godwit_err godwit_flash_write(const struct godwit_agent *agent, uint32_t offset, const void *data,
                              size_t size)
{
    const struct godwit_flash *flash = agent->config.flash;
    return flash->write(flash->ctx, offset, data, size);
}

godwit_err godwit_flash_erase(const struct godwit_agent *agent, uint32_t offset, size_t size)
{
    const struct godwit_flash *flash = agent->config.flash;
    return flash->erase(flash->ctx, offset, size);
}

godwit_err godwit_random(const struct godwit_agent *agent, void *out, size_t size)
{
    const struct godwit_system *system = agent->config.system;
    return system->random(system->ctx, out, size);
}

uint32_t godwit_random16(const struct godwit_agent *agent)
{
    uint16_t random = 0;
    return godwit_random(agent, &random, sizeof random) ? 0x8000u : random;
}

void godwit_net_close(const struct godwit_agent *agent)
{
    agent->config.net->close(agent->config.net->ctx);
}
