/* What is new about a product is told once, when its first file comes. */
#include "cli/upload_text.h"

#include <stdio.h>

#include "cli/remote.h"
#include "formats/chip.h"

static void signatures_print(const json_t *signatures)
{
    size_t index;
    json_t *one;
    if (!json_array_size(signatures)) fputs(", unsigned", stdout);
    json_array_foreach(signatures, index, one)
        printf("%s %.8s… (%s)", index ? " and" : ", signed by", json_text(one, "key_digest"),
               json_text(one, "scheme"));
}

void upload_print(const json_t *reply)
{
    const char *product = json_text(reply, "product"), *version = json_text(reply, "version");
    const struct godwit_chip *chip = godwit_chip_by_name(json_text(reply, "chip"));
    printf("%s %s for %s", product, version, chip ? chip->title : json_text(reply, "chip"));
    signatures_print(json_object_get(reply, "signatures"));
    printf(", %llu KiB%s\n", (json_number(reply, "size") + 1023) / 1024,
           json_is_true(json_object_get(reply, "existed")) ? " (was there already)" : "");
    bool is_signed = json_array_size(json_object_get(reply, "signatures"));
    if (json_is_true(json_object_get(reply, "created_product")))
        printf("%s is a new product; from now on %s\n", product,
               is_signed ? "only files with these signing keys are taken"
                         : "it is OPEN: whoever reaches the server decides what its devices run");
}
