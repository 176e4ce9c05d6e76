/* What a file is, by its first bytes; so that everything that is not an app is refused by name. */
#pragma once

#include "base/span.h"

/* name, JSON id, words for "this is …" */
#define GODWIT_FILE_KINDS(X)                                                                       \
    X(APP, "app", "an ESP32 application image")                                                    \
    X(BOOTLOADER, "bootloader", "a second-stage bootloader, not an application")                   \
    X(RAM_APP, "ram-app", "an ESP32 image that runs from RAM only, not an application for a slot") \
    X(MERGED, "merged", "a whole-flash image for first flashing, not an update")                   \
    X(ESP8266, "esp8266-image", "an image for the ESP8266, an older chip that is not served here") \
    X(OTADATA, "otadata", "the boot choice (otadata) of first flashing, not an application")       \
    X(PTABLE, "partition-table", "a partition table")                                              \
    X(ELF, "elf", "an ELF file; send the .bin that the build makes from it")                       \
    X(UF2, "uf2", "a UF2 file; send the .bin it was made from")                                    \
    X(ENCRYPTED, "encrypted-image", "an encrypted image container (esp_encrypted_img)")            \
    X(DELTA, "delta-patch", "a delta patch (esp_delta_ota)")                                       \
    X(GZIP, "gzip", "a gzip file; unpack it first")                                                \
    X(ZIP, "zip", "a zip archive; unpack it first")                                                \
    X(HTML, "html", "a web page, perhaps an error page saved under a .bin name")                   \
    X(JSON, "json", "a JSON text")                                                                 \
    X(BLANK_FF, "blank-ff", "nothing but 0xFF: erased flash")                                      \
    X(BLANK_00, "blank-00", "nothing but zero bytes")                                              \
    X(EMPTY, "empty", "an empty file")                                                             \
    X(UNKNOWN, "unknown", "no kind of file that is known here")

#define GODWIT_FILE_KIND_ENUM(name, id, words) GODWIT_FILE_##name,
enum godwit_file_kind { GODWIT_FILE_KINDS(GODWIT_FILE_KIND_ENUM) GODWIT_FILE_KIND_COUNT };
#undef GODWIT_FILE_KIND_ENUM

/* Bytes of the file's start that are looked at; fewer are fine for a shorter file. */
#define GODWIT_FILE_HEAD_SIZE 0xF020

/* head: the first min(file_size, GODWIT_FILE_HEAD_SIZE) bytes, or fewer: what can not be seen
 * is not recognised (a merged image needs the bytes at 0x8000 … 0xF000).
 * Source: ESP-IDF image formats, UF2 specification, magic numbers of the named containers. */
enum godwit_file_kind godwit_file_kind(const uint8_t *head, size_t head_size, uint64_t file_size);
const char *godwit_file_kind_id(enum godwit_file_kind kind);
const char *godwit_file_kind_words(enum godwit_file_kind kind);
