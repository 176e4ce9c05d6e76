/* Nothing is guessed: a name is sent as it was typed, or refused with the reason. */
#include "cli/names.h"

#include <stdio.h>

#include "formats/name.h"

int name_check(const struct options *options, const char *what, const char *name)
{
    char cut[64], clean[sizeof cut];
    enum godwit_name_fault fault = name ? godwit_name_check(name) : GODWIT_NAME_NONE;
    if (fault == GODWIT_NAME_NONE) return -1;
    if (fault == GODWIT_NAME_MISSING)
        return options_wrong(options, "%s is empty; it takes 1 to %d bytes", what,
                             GODWIT_NAME_SIZE_MAX);
    snprintf(cut, sizeof cut, "%s", name);
    return options_wrong(options, "%s '%s' %s", what, godwit_text_clean(cut, clean),
                         godwit_name_fault_words(fault));
}

static bool is_plain(char c)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_letter || c == '-' || c == '.' || c == '_' || c == '~';
}

void address_add(struct godwit_text *address, const char *text)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;
        const char code[] = {'%', DIGITS[byte >> 4], DIGITS[byte & 15], '\0'};
        if (is_plain(*text))
            godwit_text_add_bytes(address, text, 1);
        else
            godwit_text_add(address, code);
    }
}

json_t *texts_json(const struct option_list *list)
{
    json_t *texts = json_array();
    for (size_t i = 0; i < list->count; i++) {
        if (!json_array_append_new(texts, json_string(list->items[i]))) continue;
        json_decref(texts);
        return NULL;
    }
    return texts;
}
