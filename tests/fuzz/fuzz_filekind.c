/* formats/filekind: any file, seen whole or cut, of any claimed size. */
#include "formats/filekind.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum godwit_file_kind kind = godwit_file_kind(data, size, size);
    FUZZ_CHECK((unsigned)kind < GODWIT_FILE_KIND_COUNT);
    FUZZ_CHECK((kind == GODWIT_FILE_EMPTY) == (size == 0));
    FUZZ_CHECK(godwit_file_kind_id(kind)[0] != '\0');
    if (size == 0) return 0;
    size_t seen = size - data[size - 1] % size;
    FUZZ_CHECK((unsigned)godwit_file_kind(data, seen, size) < GODWIT_FILE_KIND_COUNT);
    /* The size tells a bootloader from a program for RAM, and what is whole from the start of
     * something larger. */
    enum godwit_file_kind large = godwit_file_kind(data, size, UINT32_MAX);
    FUZZ_CHECK(
        large == kind || kind == GODWIT_FILE_OTADATA || kind == GODWIT_FILE_SPIFFS ||
        ((kind == GODWIT_FILE_PATH || kind == GODWIT_FILE_FORM) && large == GODWIT_FILE_TEXT) ||
        (kind == GODWIT_FILE_BOOTLOADER && large == GODWIT_FILE_RAM_APP));
    size_t app = godwit_file_find_app(data, size);
    FUZZ_CHECK(app == size || (data[app] == 0xE9 && app + 36 <= size));
    return 0;
}
