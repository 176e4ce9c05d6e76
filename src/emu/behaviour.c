/* The behaviour block: read without ever failing, because a file that carries nonsense there is
 * simply a file that behaves. */
#include "emu/behaviour.h"

static const uint8_t MAGIC[4] = {'G', 'W', 'B', '1'};

static const char *const NAMES[BEHAVIOUR_COUNT] = {
    [BEHAVIOUR_HEALTHY] = "healthy",
    [BEHAVIOUR_CRASH_AT_BOOT] = "crash-at-boot",
    [BEHAVIOUR_HANG] = "hang",
    [BEHAVIOUR_NO_NETWORK] = "no-network",
    [BEHAVIOUR_CRASH_AFTER_CONFIRM] = "crash-after-confirm",
    [BEHAVIOUR_CRASH_AFTER_STEP] = "crash-after-step",
    [BEHAVIOUR_HANG_AFTER_CONTACT] = "hang-after-contact",
    [BEHAVIOUR_DEADLOCK] = "deadlock",
    [BEHAVIOUR_STACK_OVERFLOW] = "stack-overflow",
    [BEHAVIOUR_LEAK] = "leak",
    [BEHAVIOUR_WRONG_CONFIG] = "wrong-config",
    [BEHAVIOUR_NEVER_CONFIRM] = "never-confirm",
    [BEHAVIOUR_SELF_RESET] = "self-reset",
    [BEHAVIOUR_NO_REPLY] = "no-reply",
};

const char *behaviour_name(enum behaviour_kind kind)
{
    return (size_t)kind < BEHAVIOUR_COUNT ? NAMES[kind] : NAMES[BEHAVIOUR_HEALTHY];
}

godwit_err behaviour_by_name(const char *name, enum behaviour_kind *out)
{
    for (size_t i = 0; i < BEHAVIOUR_COUNT; i++) {
        if (strcmp(NAMES[i], name) != 0) continue;
        *out = (enum behaviour_kind)i;
        return GODWIT_OK;
    }
    return GODWIT_ERR_MISSING;
}

struct behaviour behaviour_decode(const uint8_t data[static BEHAVIOUR_SIZE])
{
    struct behaviour healthy = {.kind = BEHAVIOUR_HEALTHY};
    bool is_block = memcmp(data, MAGIC, sizeof MAGIC) == 0 && data[4] < BEHAVIOUR_COUNT &&
                    godwit_all(data + 5, 3, 0) && godwit_all(data + 12, 4, 0);
    if (!is_block) return healthy;
    return (struct behaviour){(enum behaviour_kind)data[4], godwit_load32(data + 8)};
}

void behaviour_encode(const struct behaviour *behaviour, uint8_t data_out[static BEHAVIOUR_SIZE])
{
    memset(data_out, 0, BEHAVIOUR_SIZE);
    memcpy(data_out, MAGIC, sizeof MAGIC);
    data_out[4] = (uint8_t)behaviour->kind;
    godwit_store32(data_out + 8, behaviour->delay_s);
}
