/* P1 put into an image that the maker has built and not yet signed.
 *
 * The build reserves 328 zero bytes after the application descriptor, because bytes can not be
 * added later: every address behind them would be wrong. What changes besides is what the image
 * says of its own bytes: the checksum byte, which is an XOR and so is corrected by the difference,
 * and the appended digest. */
#include "formats/image.h"
#include "formats/policy.h"
#include "keys/keys.h"

#define SEGMENT_SIZE_OFFSET (GODWIT_IMAGE_HEADER_SIZE + 4)
#define POLICY_END (GODWIT_APP_DESC_SIZE + GODWIT_POLICY_SIZE) /* in segment 0 */

enum policy_place policy_place(const uint8_t *data, size_t size)
{
    bool is_short = size < GODWIT_POLICY_OFFSET + GODWIT_POLICY_SIZE ||
                    godwit_load32(data + SEGMENT_SIZE_OFFSET) < POLICY_END;
    if (is_short) return POLICY_PLACE_SHORT;
    if (godwit_policy_is_present(data + GODWIT_POLICY_OFFSET)) return POLICY_PLACE_FILLED;
    bool is_empty = godwit_all(data + GODWIT_POLICY_OFFSET, GODWIT_POLICY_SIZE, 0);
    return is_empty ? POLICY_PLACE_EMPTY : POLICY_PLACE_OTHER;
}

static godwit_err look_at(const uint8_t *data, size_t size, struct godwit_image *image)
{
    static const struct godwit_image_expect ANY = {0};
    godwit_image_init_any(image, &ANY, NULL);
    godwit_err err = godwit_sink_write(&image->sink, data, size);
    return err ? err : godwit_sink_finish(&image->sink);
}

/* The policy's bytes change places with the old ones, and the checksum follows. */
static void replace(uint8_t *data, size_t image_size, const uint8_t *policy)
{
    uint8_t *place = data + GODWIT_POLICY_OFFSET;
    uint8_t *checksum = data + image_size - GODWIT_SHA256_SIZE - 1;
    for (size_t i = 0; i < GODWIT_POLICY_SIZE; i++)
        *checksum ^= (uint8_t)(place[i] ^ policy[i]);
    memcpy(place, policy, GODWIT_POLICY_SIZE);
}

godwit_err image_put_policy(const uint8_t policy[static 328], uint8_t *data, size_t size,
                            enum godwit_reason *reason_out)
{
    struct godwit_image image;
    godwit_err err = look_at(data, size, &image);
    *reason_out = image.reason;
    if (err) return err;
    if (image.is_signed_size) return GODWIT_ERR_BUSY;
    enum policy_place place = policy_place(data, size);
    if (place != POLICY_PLACE_EMPTY && place != POLICY_PLACE_FILLED) return GODWIT_ERR_MISSING;

    size_t image_size = image.info.image_size;
    struct godwit_hash hash;
    replace(data, image_size, policy);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, data, image_size - GODWIT_SHA256_SIZE);
    err = godwit_hash_peek(&hash, data + image_size - GODWIT_SHA256_SIZE);
    if (!err) err = look_at(data, size, &image); /* as everybody will read it */
    *reason_out = image.reason;
    return err;
}
