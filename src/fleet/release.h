/* What one upload adds to products and releases. */
#pragma once

#include "fleet/fleet.h"

/* What the upload found out about one file. */
struct upload {
    const char *org, *product; /* names */
    bool open;                 /* make the product an open one where it is new */
    bool any_project;          /* take it also where the product's images are of other projects */
    char version[33];
    uint32_t counter;
    struct image image; /* id and release unused */
};

enum upload_result {
    UPLOAD_ADDED,
    UPLOAD_EXISTED,
    UPLOAD_REFUSED,    /* as every device of the product would; the reason says why */
    UPLOAD_FEWER_KEYS, /* of a frozen release's image; devices may stand on the key that is gone */
    UPLOAD_FROZEN,
    UPLOAD_OTHER_COUNTER, /* that version is there under another counter */
    UPLOAD_OTHER_PROJECT, /* the product's images so far are of other projects */
    UPLOAD_FULL           /* FLEET_IMAGES_MAX */
};

struct upload_verdict {
    enum upload_result result;
    enum godwit_reason reason; /* REFUSED: why; ADDED: why devices of the newest release need a
                                  bridge to it, or NONE */
    bool created;              /* the product is new */
    uint32_t counter;          /* OTHER_COUNTER: which; is_frozen: and it was rolled out */
    bool is_frozen;
    bool replaced; /* ADDED: a draft held another image for these chips until now … */
    uint8_t replaced_image[32]; /* … with this image_sha256 */
};

/* Judges against the product and records. Writer. */
GODWIT_MUST_USE godwit_err release_add(struct fleet *fleet, struct db *db,
                                       const struct upload *upload, int64_t now_s,
                                       struct upload_verdict *verdict_out);
