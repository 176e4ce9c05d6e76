// A C++ application with the device library: a port whose flash answers nothing, and a few steps.
#include "godwit.h"
#include "godwit_port.h"

namespace {

godwit_err refuse_read(void *, uint32_t, uint8_t *, size_t) { return GODWIT_ERR_IO; }

void facts(void *, godwit_device_facts *out)
{
    *out = {};
    out->chip = godwit_chip_by_id(5);
}

godwit_agent_memory memory;

} // namespace

int main()
{
    godwit_flash flash{};
    flash.size = 1u << 20;
    flash.read = refuse_read;
    godwit_net net{};
    godwit_system system{};
    system.facts = facts;
    godwit_agent_config config{};
    config.flash = &flash;
    config.net = &net;
    config.system = &system;
    godwit_agent *agent = godwit_agent_init(&memory, &config);
    uint64_t now_ms = 0;
    for (int i = 0; i < 3; i++) {
        now_ms = godwit_agent_step(agent, now_ms);
        godwit_agent_wake(agent);
        godwit_agent_confirm(agent);
    }
    godwit_agent_status status;
    godwit_agent_get_status(agent, &status);
    return status.state == GODWIT_STATE_BOOT && status.last_reason == 72 && now_ms == 180000 ? 0 : 1;
}
