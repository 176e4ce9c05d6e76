/* The maker, his keys and releases, and the thief's keys: made anew at each start, so that none
 * can end in a product. */
#pragma once

#include "board/board.h"
#include "formats/sigblock.h"
#include "keys/keys.h"

#define ATTACK_FILES_MAX 32
#define ATTACK_COUNTER 10u /* of the release that the boards run, and its rollback floor */
#define ATTACK_ROLLBACK_FLOOR 8u

enum attack_key {
    KEY_FIRST, /* the maker's image keys */
    KEY_SECOND,
    KEY_THIRD,
    KEY_RETIRED, /* listed in the initial policy, no longer in the release's */
    KEY_RSA,
    KEY_P384,
    KEY_DEPLOY, /* the server's; the next one is listed already */
    KEY_DEPLOY_NEXT,
    KEY_DEPLOY_RETIRED,
    KEY_THIEF, /* the thief's own */
    KEY_THIEF_OTHER,
    KEY_THIEF_RSA,
    KEY_THIEF_P384,
    KEY_THIEF_DEPLOY,
    KEYS_COUNT
};
#define KEY_BIT(key) (1u << (key))
#define KEYS_OF_THIEF (~0u << KEY_THIEF)

/* What the board is like that a case begins with. */
enum attack_base {
    BASE_POLICY, /* its release has P1: first or second key, two deploy keys */
    BASE_TWO,    /* … two of first, second and third */
    BASE_RSA,    /* … the RSA or the P-384 key; its rollback floor is zero */
    BASE_BASIC,  /* no P1 in any image: the initial policy alone */
    BASE_NEW,    /* fresh from the maker, not joined yet */
    BASES_COUNT
};

/* A file that a server hands out, by its parts. */
struct attack_file {
    uint8_t *data;
    size_t size, body_size;
    uint8_t file_sha256[32], image_sha256[32];
    uint32_t counter, secure_version;
    uint16_t chip_id;
    uint8_t product_id[16];
    char version[32];
    bool is_welcome; /* it may run */
    bool is_plain;   /* the maker\'s next release, as any honest server would offer it */
};

/* How a release is made. */
struct attack_recipe {
    char version[32];
    const struct godwit_chip *chip; /* NULL: the board's */
    uint32_t secure_version;
    bool has_policy;
    struct godwit_policy policy;
    uint32_t signers; /* KEY_BITs; 0: not signed */
};

/* What an honest server remembers of one board. */
struct attack_state {
    bool is_enrolled;
    uint8_t token[32], device_id[16];
    uint64_t sequence;
    struct attack_file current; /* what it runs; data is nobody's */
};

/* A board that has got where its base says. */
struct attack_board_base {
    bool is_made;
    struct flash_ram ram;
    struct attack_state state;
    uint64_t now_ms;
};

struct attack_fixture {
    struct key *keys[KEYS_COUNT];
    uint8_t digests[KEYS_COUNT][32]; /* of image keys */
    uint8_t points[KEYS_COUNT][64];  /* of deploy keys */
    uint8_t product_id[16];
    const struct godwit_chip *chip;
    uint8_t *template; /* the maker's build: a good image with room for P1 */
    size_t template_size;
    uint8_t initial_policies[BASES_COUNT][GODWIT_POLICY_BYTES];
    struct attack_board_base bases[BASES_COUNT];
    const char *claim_token;
    char note[160];
};

/* template NULL: one for emulated boards. False: note says why. */
bool attack_fixture_open(struct attack_fixture *fixture, const uint8_t *template,
                         size_t template_size);
void attack_fixture_close(struct attack_fixture *fixture);
/* The policy and signers of a base's releases. */
void attack_base_recipe(const struct attack_fixture *fixture, enum attack_base base,
                        struct attack_recipe *recipe_out);
/* By the recipe, signed with the keys it names; aborts where that can not be. */
struct attack_file attack_file_make(const struct attack_fixture *fixture,
                                    const struct attack_recipe *recipe);
void attack_file_free(struct attack_file *file);
/* Checksum byte and appended digest inside, made to match changed bytes. */
void attack_file_repair(struct attack_file *file);
/* The file's digests and sizes, of its bytes as they are now. */
void attack_file_restate(struct attack_file *file);
/* A signature block over the body by a key. */
void attack_file_sign(const struct attack_fixture *fixture, struct attack_file *file, size_t index,
                      enum attack_key key);
uint8_t *attack_file_block(struct attack_file *file, size_t index);
/* Closes a changed block with its CRC. */
void attack_block_close(uint8_t *block);
/* For what can only go wrong when the machine does. */
void attack_must(bool condition, const char *what);
