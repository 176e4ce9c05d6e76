/* Names and tags of devices: what people call them, and by what they find them (filter/filter.h).
 * They stand in SQL alone, for no decision asks for them.
 *
 * A name is 1 to 64 characters; any that can be printed, none of the marks that turn the direction
 * of writing, no space at its ends, and no first `=`, `+`, `-` or `@`, which a spreadsheet would
 * take for a formula. A tag is a word (beta) or key=value (site=berlin), 64 bytes at most. Its key
 * has 1 to 32 ASCII letters, digits, `.`, `_` and `-`, and begins with a letter or digit; its value
 * can be printed and holds no space, comma, quote, `\` or `*`, which mean something in filters. A
 * device has one tag of each key. Keys that begin with `dev.` are what the device says of itself.
 */
#pragma once

#include "fleet/fleet.h"

#define DEVICE_NAME_CHARACTERS_MAX 64
#define DEVICE_NAME_MAX (4 * DEVICE_NAME_CHARACTERS_MAX + 1) /* bytes, NUL included */
#define TAG_SIZE_MAX 64                                      /* bytes */
#define TAG_KEY_SIZE_MAX 32
#define TAGS_MAX 16      /* of one device, given by people and claims */
#define ATTRIBUTES_MAX 8 /* that it says of itself */
#define ATTRIBUTE_PREFIX "dev."

/* NULL: fine; else the words behind "the name …" or "the tag …". Static. */
const char *device_name_fault(const char *name);
const char *tag_fault(const char *tag); /* for people and claims: not under dev. */

struct tag_change {
    const char *const *add, *const *remove; /* each fine; `remove` may be a key alone */
    size_t add_count, remove_count;
};

enum tag_result { TAG_DONE, TAG_TOO_MANY /* nothing was changed */ };

/* ""  takes the name away. Writer. */
GODWIT_MUST_USE godwit_err device_rename(struct db *db, const struct device *device,
                                         const char *name, int64_t now_s);
/* Removes, then adds; a tag takes the place of one with its key. Writer. */
GODWIT_MUST_USE godwit_err device_tag(struct db *db, const struct device *device,
                                      const struct tag_change *change, int64_t now_s,
                                      enum tag_result *result_out);
/* Tags joined by spaces, as a claim gives them to a device that joins by it; faulty ones and those
 * after the 16th are left out. id: devices.id. Writer. */
GODWIT_MUST_USE godwit_err device_give_tags(struct db *db, int64_t id, const char *tags);
/* What it says of itself, each "key=value" without dev. and joined by spaces, in place of what it
 * said before; faulty ones and those after the 8th are left out. Writer. */
GODWIT_MUST_USE godwit_err device_set_attributes(struct db *db, int64_t id, const char *attributes);

struct device_labels {
    char name[DEVICE_NAME_MAX];
    size_t tags_count;
    char tags[TAGS_MAX + ATTRIBUTES_MAX][TAG_SIZE_MAX + sizeof ATTRIBUTE_PREFIX];
};

/* Sorted by key. id: devices.id; any connection. */
GODWIT_MUST_USE godwit_err device_labels(struct db *db, int64_t id, struct device_labels *out);

/* Fills in id_text where a row has none, as after an update of the schema. Writer, at the start. */
GODWIT_MUST_USE godwit_err device_fill_id_texts(struct db *db);
