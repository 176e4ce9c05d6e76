/* What a file is, by its first bytes; so that everything that is not an application is refused by
 * name, with what to do instead. */
#pragma once

#include "base/span.h"

#define GODWIT_SEND_APP "send the application .bin from the project's build folder"
#define GODWIT_SEND_INNER "take the application .bin out of it and send that"

/* name, JSON id, words for "this is …", what to do */
#define GODWIT_FILE_KINDS(X)                                                                       \
    X(APP, "app", "an ESP32 application image", "")                                                \
    X(BOOTLOADER, "bootloader", "a second-stage bootloader, not an application", GODWIT_SEND_APP)  \
    X(RAM_APP, "ram-app", "an ESP32 image that runs from RAM only, not an application for a slot", \
      GODWIT_SEND_APP)                                                                             \
    X(MERGED, "merged", "a whole-flash image for first flashing (merged, factory), not an update", \
      GODWIT_SEND_APP)                                                                             \
    X(ESP8266, "esp8266-image", "an image for the ESP8266, an older chip that is not served here", \
      "send an image for a chip of the ESP32 family")                                              \
    X(MANGLED, "mangled-image", "an image that was handled as text on its way, which spoils it",   \
      "send it as bytes: `godwit upload FILE`, or curl with -T FILE or --data-binary @FILE")       \
    X(OTADATA, "otadata", "the boot choice (otadata) of first flashing, not an application",       \
      GODWIT_SEND_APP)                                                                             \
    X(PTABLE, "partition-table", "a partition table", GODWIT_SEND_APP)                             \
    X(PTABLE_CSV, "partition-csv", "the source (CSV) of a partition table", GODWIT_SEND_APP)       \
    X(NVS, "nvs", "the content of an NVS partition", GODWIT_SEND_APP)                              \
    X(LITTLEFS, "littlefs", "a LittleFS file system, the data of a partition", GODWIT_SEND_APP)    \
    X(SPIFFS, "spiffs", "a SPIFFS file system, the data of a partition", GODWIT_SEND_APP)          \
    X(FAT, "fat", "a FAT file system, the data of a partition", GODWIT_SEND_APP)                   \
    X(ELF, "elf", "an ELF file",                                                                   \
      "send the .bin that the build makes from it (`esptool elf2image`)")                          \
    X(LIBRARY, "library", "a library of object files (.a)", GODWIT_SEND_APP)                       \
    X(PROGRAM, "program", "a program for a computer", GODWIT_SEND_APP)                             \
    X(MAP, "map", "the linker's map, a text beside the image", GODWIT_SEND_APP)                    \
    X(UF2, "uf2", "a UF2 file", "send the .bin that it was made from")                             \
    X(DFU, "dfu", "a DFU file, for flashing over USB", "send the .bin that it was made from")      \
    X(INTEL_HEX, "intel-hex", "an Intel HEX file", "send the .bin that it was made from")          \
    X(SREC, "srec", "a Motorola S-record file", "send the .bin that it was made from")             \
    X(MATTER, "matter-ota", "a Matter OTA container", GODWIT_SEND_INNER)                           \
    X(ZIGBEE, "zigbee-ota", "a Zigbee OTA container", GODWIT_SEND_INNER)                           \
    X(MCUBOOT, "mcuboot", "an image for the MCUboot bootloader, which ESP-IDF's can not start",    \
      "build it for ESP-IDF's own bootloader")                                                     \
    X(ENCRYPTED, "encrypted-image", "an encrypted image container (esp_encrypted_img)",            \
      "send the .bin from before it was encrypted; it travels by TLS, and flash encryption is "    \
      "the device's own")                                                                          \
    X(DELTA, "delta-patch", "a delta patch (esp_delta_ota)", "send the whole new image")           \
    X(GZIP, "gzip", "a gzip file", "unpack it first (`gunzip`) and send the .bin")                 \
    X(ZIP, "zip", "a ZIP archive, as GitHub's artifacts come in",                                  \
      "unpack it first (`unzip`) and send the application .bin inside")                            \
    X(TAR, "tar", "a tar archive",                                                                 \
      "unpack it first (`tar -xf`) and send the application .bin inside")                          \
    X(ARCHIVE, "archive", "an archive or a compressed file", "unpack it first and send the .bin")  \
    X(HTML, "html", "a web page, perhaps an error page saved under a .bin name",                   \
      "look into it, then fetch the file again")                                                   \
    X(XML, "xml", "an XML text, perhaps the error message of a file store",                        \
      "look into it, then fetch the file again")                                                   \
    X(JSON, "json", "a JSON text, perhaps an error message saved under a .bin name",               \
      "look into it, then fetch the file again")                                                   \
    X(HTTP, "http", "an HTTP message with its headers", "send the body alone (curl without -i)")   \
    X(MULTIPART, "multipart", "a web form (multipart/form-data) with a file in it",                \
      "send the bytes of the file alone: `godwit upload FILE`, or curl with -T FILE")              \
    X(FORM, "form", "the fields of a web form",                                                    \
      "send the bytes of the file alone: `godwit upload FILE`, or curl with -T FILE")              \
    X(PATH, "path", "the name of a file or an address, not the file",                              \
      "send its bytes: `godwit upload FILE`, or curl with -T FILE or --data-binary @FILE")         \
    X(PEM, "pem", "a key or certificate (PEM), not an image",                                      \
      "keep keys to yourself; " GODWIT_SEND_APP)                                                   \
    X(BASE64, "base64", "an image written as base64 text", "decode it first (`base64 -d`)")        \
    X(HEX_DUMP, "hex-dump", "bytes written as hex text", "turn it back into bytes (`xxd -r`)")     \
    X(GIT_LFS, "git-lfs", "a Git LFS pointer that stands for the file",                            \
      "fetch the file itself (`git lfs pull`)")                                                    \
    X(TEXT, "text", "a text", GODWIT_SEND_APP)                                                     \
    X(WRAPPED, "wrapped", "a container of no kind that is known here, around an image",            \
      GODWIT_SEND_INNER)                                                                           \
    X(BLANK_FF, "blank-ff", "nothing but 0xFF: erased flash, or ota_data_initial.bin",             \
      GODWIT_SEND_APP)                                                                             \
    X(BLANK_00, "blank-00", "nothing but zero bytes", GODWIT_SEND_APP)                             \
    X(EMPTY, "empty", "an empty file", GODWIT_SEND_APP)                                            \
    X(NOISE, "noise", "bytes without structure, as flash encryption or compression leaves them",   \
      "send the .bin as the build wrote it: a device encrypts its flash itself")                   \
    X(UNKNOWN, "unknown", "no kind of file that is known here", GODWIT_SEND_APP)

#define GODWIT_FILE_KIND_ENUM(name, id, sentence, advice) GODWIT_FILE_##name,
enum godwit_file_kind { GODWIT_FILE_KINDS(GODWIT_FILE_KIND_ENUM) GODWIT_FILE_KIND_COUNT };
#undef GODWIT_FILE_KIND_ENUM

/* Bytes of the file's start that are looked at; fewer are fine for a shorter file. */
#define GODWIT_FILE_HEAD_SIZE 0xF020

/* head: the first min(file_size, GODWIT_FILE_HEAD_SIZE) bytes, or fewer: what can not be seen
 * is not recognised (a merged image needs the bytes at 0x8000 … 0xF000).
 * Source: ESP-IDF image formats, the specifications of UF2, Matter, Zigbee and MCUboot, magic
 * numbers of the named containers. */
enum godwit_file_kind godwit_file_kind(const uint8_t *head, size_t head_size, uint64_t file_size);
const char *godwit_file_kind_id(enum godwit_file_kind kind);
const char *godwit_file_kind_sentence(enum godwit_file_kind kind);
/* What to do with it, as half a sentence; "" for an application. */
const char *godwit_file_kind_advice(enum godwit_file_kind kind);
/* Where the first application image begins that stands in the bytes; size when there is none. */
size_t godwit_file_find_app(const uint8_t *head, size_t size);
/* Whether the bytes (at least 1,024) look like noise: each value about as often as the others. */
bool godwit_file_is_noise(const uint8_t *data, size_t size);
