/* One boot told to a person: what decided, what was refused on the way, what runs. */
#include "emu/emu.h"

#include "base/text.h"

static const struct {
    const char *id, *sentence;
} CHOICES[] = {
#define BOOT_CHOICE_SENTENCE(name, id, sentence) {id, sentence},
    BOOT_CHOICES(BOOT_CHOICE_SENTENCE)
#undef BOOT_CHOICE_SENTENCE
};

const char *boot_choice_id(enum boot_choice choice)
{
    return choice < BOOT_CHOICES_COUNT ? CHOICES[choice].id : "unknown";
}

const char *boot_choice_sentence(enum boot_choice choice)
{
    return choice < BOOT_CHOICES_COUNT ? CHOICES[choice].sentence : "unknown";
}

static void add_tries(const struct boot *boot, struct godwit_text *text)
{
    for (size_t i = 0; i < boot->tries_count; i++) {
        const struct boot_try *attempt = &boot->tries[i];
        if (!attempt->reason) continue;
        godwit_text_add(text, "; ");
        godwit_text_add(text, attempt->partition.label);
        bool is_loaded = attempt->reason == GODWIT_REASON_FLASH_SEGMENTS;
        godwit_text_add(text, attempt->is_erased ? " is erased"
                              : is_loaded        ? " is loaded and can not start: "
                                                 : " is refused: ");
        if (attempt->is_erased) continue;
        const char *sentence = godwit_reason_sentence(attempt->reason);
        godwit_text_add_bytes(text, sentence, strcspn(sentence, ";")); /* the fault, not the cure */
    }
}

void boot_explain(const struct boot *boot, char *out, size_t size_max)
{
    struct godwit_text text;
    godwit_text_init(&text, out, size_max);
    godwit_text_add(&text, boot_choice_sentence(boot->choice));
    if (boot->choice == BOOT_ENTRY) {
        godwit_text_add(&text, ": entry ");
        godwit_text_add_u32(&text, (uint32_t)boot->entry);
        godwit_text_add(&text, " names ota_");
        godwit_text_add_u32(&text, boot->slot);
    }
    add_tries(boot, &text);
    godwit_text_add(&text, boot->boots    ? "; boots "
                           : boot->loaded ? "; so the chip resets"
                                          : "; nothing can boot, so the chip resets for ever");
    if (boot->boots) godwit_text_add(&text, boot->partition.label);
}
