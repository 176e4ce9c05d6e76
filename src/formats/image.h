/* The ESP application image and what may stand behind it, read as a stream: on upload it fills in
 * the release, on download it refuses, on read-back it proves. One parser for all three.
 *
 *     0        24  header            magic E9, segments, chip id, revision window
 *     24        8  segment header    load address, length
 *     32      256  app descriptor    project, version, secure version (start of segment 0)
 *     288     328  policy block P1   optional (formats/policy.h)
 *     …            more segments
 *     …      1–16  zero padding and the checksum byte, to a multiple of 16
 *     …        32  SHA-256 of everything in front        → image_sha256
 *     …            0xFF up to 4 KiB                        (where signed)
 *     body_size 4096 signature sector (formats/sigblock.h) (where signed)
 *
 * Sources: ESP-IDF esp_image_format.c, esp_app_desc.h; esptool's elf2image. */
#pragma once

#include "base/crypto.h"
#include "base/sink.h"
#include "formats/image_map.h"
#include "formats/reason.h"

#define GODWIT_IMAGE_MAGIC 0xE9
#define GODWIT_IMAGE_HEADER_SIZE 24
#define GODWIT_IMAGE_SEGMENTS_MAX 16
#define GODWIT_IMAGE_SIZE_MAX (16u << 20) /* bytes; also of one segment */
#define GODWIT_APP_DESC_OFFSET 32
#define GODWIT_APP_DESC_SIZE 256
#define GODWIT_APP_DESC_MAGIC 0xABCD5432u
#define GODWIT_POLICY_OFFSET 288 /* 0x120 */
#define GODWIT_POLICY_SIZE 328
#define GODWIT_SECTOR_SIZE 4096
/* The bit of a reason that the parser can find (NOT_AN_IMAGE … NO_SUCH_REVISION). */
#define GODWIT_IMAGE_FAULT(reason) (1u << ((reason)-GODWIT_REASON_NOT_AN_IMAGE))

/* What the file says of itself. Texts are NUL-terminated, cut at the field's size. */
struct godwit_image_info {
    uint16_t chip_id;
    uint16_t revision_min, revision_max; /* major * 100 + minor; max 0 or 65535: no limit */
    uint8_t revision_min_legacy; /* byte 14, which bootloaders before ESP-IDF 4.4.3 ask instead of
                                    revision_min: a major number, on the ESP32-C3 a minor one */
    uint8_t flash_mode;          /* godwit_flash_mode_name */
    uint8_t flash_config;        /* godwit_image_flash_size; low half: its speed */
    uint8_t segment_count;
    bool hash_appended;
    uint32_t entry;
    bool has_description; /* the seven fields below are set */
    uint32_t secure_version;
    char version[33], project[33], idf_version[33];
    uint16_t block_revision_min, block_revision_max; /* of the eFuses; max 0 or 65535: no limit */
    uint8_t mmu_page_log2;  /* 0: not said, the bootloader's default (64 KiB, if not configured) */
    uint8_t app_flash_mode; /* as ESP-IDF 6.1 on writes it: flash_mode + 1, 5 OPI; 0: not said */
    bool has_policy;        /* policy holds the raw block; formats/policy.h reads it */
    uint8_t policy[GODWIT_POLICY_SIZE];
    uint32_t image_size;      /* bytes, digest included; 0 until known */
    uint8_t image_sha256[32]; /* the appended digest */
};

/* What a caller asks of the image; zero fields ask nothing. */
struct godwit_image_expect {
    /* the first five as the device's facts have them (agent/check_image.c copies them in one) */
    const struct godwit_chip *chip; /* NULL only with godwit_image_init_any: any that is known */
    uint16_t revision;              /* of the chip, major * 100 + minor */
    uint16_t block_revision;        /* of its eFuses; not asked on a chip without */
    bool no_max_revision;       /* an eFuse says: the highest chip revision of an image is … */
    bool no_max_block_revision; /* … or its highest eFuse block revision is not asked */
    bool check_revision;        /* the four above are known */
    uint32_t size_max;          /* bytes of the slot; 0: GODWIT_IMAGE_SIZE_MAX + a sector */
    uint32_t flash_offset;      /* where byte 0 will stand in flash, for the alignment rule;
                                   slots are 64 KiB aligned, so 0 is right for any slot */
    bool as_bootloader_does; /* accept what ESP-IDF's bootloader accepts: no segments, no appended
                                digest, no descriptor, any entry, anything behind the image, and
                                what it can not start (can_start says so) */
    bool all_faults; /* go on behind a fault that leaves the next bytes readable, and collect every
                        fault in `faults`: for telling a person, never for a decision */
};

/* What P-384 blocks sign, for a caller that wants it (godwit_image_want_sha384). A device does not:
 * it hashes a second time where a block of that scheme really stands there. */
struct godwit_body384 {
    struct godwit_hash hash;
    uint8_t digest[48]; /* after finish, where signed */
};

/* The parser; embed or place anywhere, about 1 KiB. `sink` comes first: write pieces of the file
 * in order. write answers FORMAT (and `reason` says which) as soon as a fault is certain; finish
 * judges the whole. The result is readable at any time through `info`; digests after finish.
 * A link: what was judged is handed on to sink.next, which the owner may set after init. */
struct godwit_image {
    struct godwit_sink sink;
    enum godwit_reason reason; /* first fault, NONE while none is known */
    uint32_t faults;     /* GODWIT_IMAGE_FAULT(reason) of each found; one bit unless all_faults */
    uint32_t file_size;  /* bytes written so far */
    uint32_t body_size;  /* where a signature sector starts (image rounded up to 4 KiB) */
    bool can_start;      /* finish: the bootloader can map its code and constants; else it aborts,
                            though it has loaded the image (GODWIT_REASON_FLASH_SEGMENTS) */
    bool is_signed_size; /* finish: a signature sector stands behind the body (4,096 bytes;
                            as_bootloader_does: whatever bytes) */

    /* private; in front of the large members, for a chip reaches 124 bytes with a short load */
    bool entry_found;
    uint8_t checksum;
    godwit_err err;                /* why nothing more is read */
    uint32_t part;                 /* that is being read (enum part in image.c) */
    uint32_t part_size, part_done; /* its bytes */
    uint32_t segment_load, segment_start, segment_size, segment_index, mmu_page;
    struct godwit_body384 *body384; /* caller's, or NULL */
    uint8_t *sector; /* caller's 4,096 bytes that receive the signature sector, or NULL */
    const struct godwit_chip *chip; /* the one asked for, else the one the file names */
    void (*look_up)(struct godwit_image *image, const uint8_t *part); /* of init_any */
    struct godwit_image_expect expect;
    uint8_t gathered[32]; /* header, segment header, checksum or digest while it comes in */
    struct godwit_image_map map;
    struct godwit_hash sha256;

    /* readable again */
    struct godwit_image_info info;
    uint8_t file_sha256[32]; /* after finish */
    uint8_t body_sha256[32]; /* after finish, where signed: what SHA-256 blocks sign */
};

/* expect is copied. sector: 4,096 bytes of the caller's, or NULL when not wanted (an agent reads
 * it again from flash). */
void godwit_image_init(struct godwit_image *image, const struct godwit_image_expect *expect,
                       uint8_t *sector);
/* The same for servers and tools: finds the file's own chip in the chip table, so that any known
 * one will do, and fills in what is only shown (texts, flash, legacy revision). A function apart,
 * so that a device carries none of that. */
void godwit_image_init_any(struct godwit_image *image, const struct godwit_image_expect *expect,
                           uint8_t *sector);
/* Right after init: hashes for P-384 blocks too, into the caller's memory. */
void godwit_image_want_sha384(struct godwit_image *image, struct godwit_body384 *body384);
/* The flash that the header was built for, in bytes; 0 for a code that no ESP-IDF knows. */
uint32_t godwit_image_flash_size(const struct godwit_image_info *info);
/* "QIO", "QOUT", "DIO", "DOUT", "fast read", "slow read", "OPI"; "unknown" behind them. Static. */
const char *godwit_flash_mode_name(uint8_t mode);
/* The lowest chip revision that every bootloader accepts: revision_min, or what the legacy byte
 * asks where that is more. */
uint16_t godwit_image_revision_min(const struct godwit_image_info *info);
/* Whether a chip of the kind can exist whose revisions these limits allow. */
bool godwit_image_is_possible(const struct godwit_image_info *info, const struct godwit_chip *chip);
/* True once header, descriptor and policy block have passed (616 bytes): time for the caller's
 * own judgement before anything is erased. */
bool godwit_image_head_known(const struct godwit_image *image);
