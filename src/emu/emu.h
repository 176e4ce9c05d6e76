/* The hardware of a make-believe ESP32: flash in memory or in a file, a power-cut injector that
 * cuts power, a fault that fails, the second-stage bootloader, and a link that loses. Each wraps or
 * fills the structs of godwit_port.h, so that the agent can not tell. Host only; one thread per
 * object. */
#pragma once

#include "emu/behaviour.h"
#include "formats/chip.h"
#include "formats/image.h"
#include "formats/otadata.h"
#include "formats/ptable.h"
#include "godwit_port.h"

/* ---- flash ------------------------------------------------------------------------------------
 * NOR: an erase sets whole 4 KiB sectors to 0xFF, a write only clears bits. A write that is not
 * aligned to write_size or leaves the chip asserts. A write over bytes that are not erased is done
 * as the silicon does it (AND) and counted: flash encryption would make garbage of it, so any
 * count above 0 is a bug of the caller. */
#define FLASH_ERASE_SIZE 4096u

/* Sectors of equal content, shared by many chips: a fleet on one image stores it once.
 * Zero-initialise it; it outlives its chips; NULL is allowed wherever a pool is expected. */
struct flash_pool {
    struct flash_sector **buckets;
    uint32_t buckets_count, sectors_count;
};
void flash_pool_deinit(struct flash_pool *pool);

/* Flash in memory; erased sectors cost a pointer. */
struct flash_ram {
    uint32_t size, write_size;
    uint32_t violations; /* writes over bytes that were not erased */
    struct flash_pool *pool;
    /* private */
    struct flash_sector **sectors; /* NULL: erased */
    uint32_t open;                 /* sector written last, not yet looked up in the pool */
};
/* A wholly erased chip; size is a multiple of 4 KiB, write_size 4, 16 or 32. SPACE: no memory. */
GODWIT_MUST_USE godwit_err flash_ram_init(struct flash_ram *ram, uint32_t size, uint32_t write_size,
                                          struct flash_pool *pool);
/* The same content, sectors shared until one of the two writes. */
GODWIT_MUST_USE godwit_err flash_ram_clone(const struct flash_ram *from, struct flash_ram *to);
void flash_ram_deinit(struct flash_ram *ram);
struct godwit_flash flash_ram_port(struct flash_ram *ram);

/* Flash in a file of the chip's size, which `godwit flash` and esptool read as a dump. */
struct flash_file {
    uint32_t size, write_size;
    uint32_t violations;
    /* private */
    uint8_t *bytes; /* mapped, shared with the file */
    int fd;
};
/* Opens the file; makes an erased one of that size, for its owner alone, where there is none
 * (size 0: it must exist and its own size counts). MISSING: no such file; SPACE: disk full; FORMAT:
 * another size than asked, or not a multiple of 4 KiB; BUSY: another process has it open; IO
 * otherwise, see errno. */
GODWIT_MUST_USE godwit_err flash_file_open(struct flash_file *file, const char *path, uint32_t size,
                                           uint32_t write_size);
void flash_file_close(struct flash_file *file);
struct godwit_flash flash_file_port(struct flash_file *file);

/* Erase and write any range of a fresh chip, ends padded with 0xFF to the write unit: for laying
 * out flash, not for devices. */
GODWIT_MUST_USE godwit_err flash_put(const struct godwit_flash *flash, uint32_t offset,
                                     const uint8_t *data, size_t size);

/* ---- flash encryption -------------------------------------------------------------------------
 * Wraps a flash (perhaps a power-cut injector, so that what is torn is torn on the chip) as an
 * ESP32 with flash encryption sees it: in blocks of 16 bytes, each of which is whole or noise;
 * erased flash reads as noise too. Data partitions are not encrypted unless their table row says
 * so: one plain range. */
struct flash_cipher {
    struct godwit_flash inner;
    uint32_t plain_offset, plain_size;
};
/* inner->write_size is 16 or 32. */
void flash_cipher_init(struct flash_cipher *cipher, const struct godwit_flash *inner,
                       uint32_t plain_offset, uint32_t plain_size);
struct godwit_flash flash_cipher_port(struct flash_cipher *cipher);

/* ---- the power-cut injector
 * ---------------------------------------------------------------------------------- Wraps a flash
 * and cuts power at its n-th write or erase. From then on each call fails with IO until power
 * returns. What the cut operation leaves, by kind, for a write and for an erase: */
enum power_cut_kind {
    POWER_CUT_BEFORE, /* nothing was done */
    POWER_CUT_TORN,  /* a prefix of whole units and some bits of the next; sectors up to one that is
                  neither old nor blank */
    POWER_CUT_AFTER, /* all was done, and nobody was told */
    POWER_CUT_SUFFIX,   /* the same as torn, from the far end */
    POWER_CUT_BITS,     /* some bits all over, or all but a few; all sectors half erased */
    POWER_CUT_HOLES,    /* any subset of the 4-byte words: a page program keeps no order */
    POWER_CUT_UNSTABLE, /* some bits all over, and others read differently at each read until they
                 are written again or erased; sectors up to one like that */
    POWER_CUT_KINDS_COUNT
};

/* Bytes of which some bits read differently at each read. */
struct unstable_bits {
    uint32_t offset, size; /* size 0: none */
    uint64_t seed;         /* chooses the bits */
};
#define UNSTABLE_BITS_MAX 4

struct power_cut {
    struct godwit_flash inner;
    uint32_t operations; /* writes and erases begun, since init */
    uint32_t cut_at;     /* cuts when operations reaches it (1: the very first); 0: never */
    enum power_cut_kind kind;
    uint64_t seed;       /* chooses where inside an operation power is lost */
    bool is_off;         /* power is gone */
    uint32_t cut_offset; /* of the operation that was cut last */
    bool cut_is_erase;
    /* private */
    struct unstable_bits unstable[UNSTABLE_BITS_MAX]; /* newest first */
    uint64_t reads;
};
/* "before", "torn" …; static. */
const char *power_cut_kind_name(enum power_cut_kind kind);
void power_cut_init(struct power_cut *power_cut, const struct godwit_flash *inner);
struct godwit_flash power_cut_port(struct power_cut *power_cut);
/* Power is back, and is not lost again until cut_at is set. */
void power_cut_power_on(struct power_cut *power_cut);

/* ---- the fault injector -----------------------------------------------------------------------
 * Wraps a flash that fails without losing power: its n-th operation of the chosen sorts returns IO,
 * or returns OK and does nothing (a read then gives 0xFF, as a silent bus does), once or always
 * from there on. Counts the erases of each sector. */
enum fault_sort { FAULT_READ = 1, FAULT_WRITE = 2, FAULT_ERASE = 4, FAULT_ANY = 7 };

struct fault {
    struct godwit_flash inner;
    unsigned sorts;      /* of fault_sort: which operations are counted and fail */
    uint32_t operations; /* of these sorts, since init */
    uint32_t fail_at;    /* fails when operations reaches it (1: the very first); 0: never */
    bool is_silent;      /* does nothing and returns OK */
    bool lasts;          /* every operation from fail_at on fails */
    uint32_t fails;      /* operations that failed */
    uint32_t *erases;    /* of each sector, inner.size / FLASH_ERASE_SIZE numbers; or NULL */
};
void fault_init(struct fault *fault, const struct godwit_flash *inner);
struct godwit_flash fault_port(struct fault *fault);
/* The flash works again. */
void fault_clear(struct fault *fault);
/* Rot: flips `bits` different bits of one sector, chosen by seed, in either direction, as cells
 * that lose their charge and read amplifiers that age do. Not counted. IO: the
 * flash failed. */
GODWIT_MUST_USE godwit_err flash_rot(const struct godwit_flash *flash, uint32_t sector_offset,
                                     uint32_t bits, uint64_t seed);

/* ---- the link ---------------------------------------------------------------------------------
 * Wraps a net that loses connections. Counts the bytes of replies to GET requests, which are the
 * image downloads. */
struct link {
    struct godwit_net inner;
    bool is_down;       /* every start fails, an open reply breaks */
    uint32_t piece_max; /* bytes handed out per read; 0: no limit */
    bool is_cutting;    /* break the connection once, when `received` reaches drop_at */
    bool ends_early;    /* … by a false END instead of a broken connection */
    uint64_t drop_at;
    uint64_t received; /* body bytes of replies to GET, since init */
    uint32_t starts, drops;
    /* private */
    bool is_get, is_broken;
};
void link_init(struct link *link, const struct godwit_net *inner);
struct godwit_net link_port(struct link *link);

/* ---- the second-stage bootloader --------------------------------------------------------------
 * ESP-IDF's own choice, exactly, flaws included (v5.1 … v6.1 agree). */
#define SECURE_BOOT_KEYS_MAX 3
#define BOOT_TRIES_MAX 19 /* 16 OTA slots, factory, test, and one to spare */

/* What is programmed into the chip. */
struct efuses {
    uint32_t secure_version;
    bool has_secure_boot;
    uint8_t key_digests[SECURE_BOOT_KEYS_MAX][32]; /* all zero: not programmed */
    bool is_revoked[SECURE_BOOT_KEYS_MAX];
};

struct bootloader {
    const struct godwit_chip *chip;
    bool check_revision;                         /* the next four are known */
    uint16_t revision, block_revision;           /* major * 100 + minor */
    bool no_max_revision, no_max_block_revision; /* by eFuse, an image's highest is not asked */
    bool has_rollback, has_anti_rollback; /* what it was built with; the latter needs the former */
    uint32_t table_offset; /* of the partition table, built in too; 0: GODWIT_PTABLE_OFFSET */
};

/* How it chose its first candidate. */
#define BOOT_CHOICES(X)                                                                   \
    X(BAD_TABLE, "bad-table", "the partition table is damaged")                           \
    X(SMALL_OTADATA, "small-otadata", "the otadata partition is smaller than 0x2000")     \
    X(NO_OTADATA, "no-otadata", "there is no otadata partition, so factory is first")     \
    X(NO_SLOTS, "no-slots", "the table has no OTA slots")                                 \
    X(FIRST_BOOT, "first-boot", "both otadata entries are blank")                         \
    X(UNUSABLE, "unusable", "no otadata entry may boot (empty, invalid or aborted)")      \
    X(NO_VALID, "no-valid", "no otadata entry is valid, so all images are tried in turn") \
    X(ENTRY, "entry", "the valid otadata entry with the larger sequence number decides")

#define BOOT_CHOICE_ENUM(name, id, sentence) BOOT_##name,
enum boot_choice { BOOT_CHOICES(BOOT_CHOICE_ENUM) BOOT_CHOICES_COUNT };
#undef BOOT_CHOICE_ENUM

/* One image that it tried. */
struct boot_try {
    struct godwit_partition partition;
    enum godwit_reason reason; /* NONE: this one boots; FLASH_SEGMENTS: loaded, can not start */
    bool is_erased;            /* nothing there: 0xFF where the header should be */
};

struct boot {
    bool boots;  /* an image runs; false: the chip resets */
    bool loaded; /* an image was loaded: it runs, or the MMU's set-up aborts (flash-segments) and
                    the next boot finds the otadata that this one has written */
    struct godwit_partition partition; /* where loaded */
    enum boot_choice choice;
    int entry;     /* otadata entry that decided, or -1 */
    uint32_t slot; /* … and the slot it names */
    struct boot_try tries[BOOT_TRIES_MAX];
    size_t tries_count;
};

/* One boot from reset to the jump: may write otadata and raise efuses->secure_version. IO when the
 * flash fails (power is gone); every fault of content is a result, not an error. */
GODWIT_MUST_USE godwit_err bootloader_run(const struct bootloader *bootloader,
                                          const struct godwit_flash *flash, struct efuses *efuses,
                                          struct boot *out);
/* Boots as long as what was loaded can not start: each reset leads to another choice, at most
 * BOOT_RESETS_MAX of them. resets_out: how many images were loaded in vain. Where `boots` is still
 * false, the chip resets for ever. */
#define BOOT_RESETS_MAX 4
GODWIT_MUST_USE godwit_err bootloader_run_on(const struct bootloader *bootloader,
                                             const struct godwit_flash *flash,
                                             struct efuses *efuses, struct boot *out,
                                             unsigned *resets_out);
/* Checks one image in flash as the bootloader does, Secure Boot included; info_out may be NULL.
 * FLASH_SEGMENTS: the bootloader would load it, and then abort. */
GODWIT_MUST_USE godwit_err bootloader_verify(const struct bootloader *bootloader,
                                             const struct godwit_flash *flash,
                                             const struct efuses *efuses,
                                             const struct godwit_partition *partition,
                                             struct godwit_image_info *info_out,
                                             enum godwit_reason *reason_out);
/* Whether nothing is there: 0xFF where an image's header would be. */
GODWIT_MUST_USE godwit_err bootloader_finds_nothing(const struct godwit_flash *flash,
                                                    const struct godwit_partition *partition,
                                                    bool *nothing_out);
/* "first-boot", and the sentence; static. */
const char *boot_choice_id(enum boot_choice choice);
const char *boot_choice_sentence(enum boot_choice choice);
/* Explains one boot in a sentence or two, NUL-terminated, truncated at size_max. */
void boot_explain(const struct boot *boot, char *out, size_t size_max);
