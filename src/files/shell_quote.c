/* A short list of letters that need no quotes; everything else gets them, a quote inside as '\''.
 */
#include "files/shell_quote.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static bool is_safe(char c)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_letter || (c && strchr("-_.,:/@%+", c));
}

const char *shell_quote(const char *word, char *out, size_t size)
{
    struct godwit_text text;
    const char *at = word;
    while (is_safe(*at))
        at++;
    godwit_text_init(&text, out, size);
    bool is_plain = at > word && !*at;
    if (!is_plain) godwit_text_add(&text, "'");
    for (at = word; *at; at++)
        if (*at == '\'')
            godwit_text_add(&text, "'\\''");
        else
            godwit_text_add_bytes(&text, at, 1);
    if (!is_plain) godwit_text_add(&text, "'");
    return text.overflow ? "''" : out;
}
