/* The saw: power is cut at the n-th write or erase, before, in the middle of or after it. What a
 * cut operation leaves is worse than any one chip: bits, words and units are programmed or raised
 * in any order, and a cell that was caught half way reads as it likes. Which of these is chosen by
 * kind and seed, so that a case can be replayed.
 *
 * Method: every kind is a mask of the bits that were done; a write keeps the others erased, an
 * erase keeps them as they were. Weak bits are kept as 0 and raised at random when they are read;
 * they need no memory but the seed that chose them. */
#include "emu/chance.h"
#include "emu/nor.h"

/* A number below `count`, the which-th choice inside the present operation. */
static uint32_t pick(const struct saw *saw, uint32_t which, uint32_t count)
{
    uint64_t x = mix64(saw->seed ^ (uint64_t)saw->operations << 32 ^ which);
    return (uint32_t)(x % count);
}

/* ---- which bits were done: one byte of a mask, 1 is done ---- */

/* All bits but three, somewhere in the first `size` bytes. */
static uint8_t but_three(uint64_t seed, uint32_t size, uint32_t at)
{
    uint8_t mask = 0xFF;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t bit = (uint32_t)(mix64(seed + i) % (8 * size));
        if (bit / 8 == at) mask &= (uint8_t) ~(1u << bit % 8);
    }
    return mask;
}

/* Where otadata entries and records lie: else three bits of 32,768 would never hit anything. */
static uint32_t front_of(uint64_t seed, uint32_t size)
{
    static const uint32_t fronts[] = {32, 512, FLASH_ERASE_SIZE};
    uint32_t front = fronts[(seed >> 8) % 3];
    return front < size ? front : size;
}

/* A quarter, half or three quarters of the bits, or all but three. */
static uint8_t scattered(uint64_t seed, uint32_t size, uint32_t at)
{
    uint64_t x = mix64(seed ^ (uint64_t)at << 20);
    switch (seed % 4) {
    case 0:
        return (uint8_t)(x & x >> 8);
    case 1:
        return (uint8_t)x;
    case 2:
        return (uint8_t)(x | x >> 8);
    default:
        return but_three(seed, front_of(seed, size), at);
    }
}

/* Of the bits that were not done, those that were nearly; when all but three were: those three. */
static uint8_t nearly(uint64_t seed, uint32_t size, uint32_t at)
{
    uint8_t rest = (uint8_t)~scattered(seed, size, at);
    return seed % 4 == 3 ? rest : (uint8_t)(rest & mix64(seed ^ 0x5EA1 ^ (uint64_t)at << 20));
}

static uint8_t words(uint64_t seed, uint32_t at)
{
    return mix64(seed ^ (uint64_t)(at / 4) << 20) & 1 ? 0xFF : 0;
}

/* Up to `whole` everything, in the next `unit` bytes some bits, then nothing. */
static uint8_t prefix(const struct saw *saw, uint32_t whole, uint32_t unit, uint32_t at)
{
    if (at < whole) return 0xFF;
    return at < whole + unit ? (uint8_t)~pick(saw, 1 + at - whole, 256) : 0;
}

static uint64_t operation_seed(const struct saw *saw)
{
    return mix64(saw->seed) ^ mix64(saw->operations);
}

/* ---- weak bits ---- */

static void weak_add(struct saw *saw, uint32_t offset, uint32_t size, uint64_t seed)
{
    memmove(saw->weak + 1, saw->weak, (SAW_WEAK_MAX - 1) * sizeof saw->weak[0]);
    saw->weak[0] = (struct saw_weak){offset, size, seed};
}

static bool overlaps(const struct saw_weak *weak, uint32_t offset, size_t size)
{
    return weak->size && offset < weak->offset + weak->size && weak->offset < offset + size;
}

/* Written again or erased: firm. */
static void weak_drop(struct saw *saw, uint32_t offset, size_t size)
{
    for (int i = 0; i < SAW_WEAK_MAX; i++)
        if (overlaps(&saw->weak[i], offset, size)) saw->weak[i].size = 0;
}

static void waver(struct saw *saw, const struct saw_weak *weak, uint32_t offset, uint8_t *data,
                  size_t size)
{
    uint32_t from = weak->offset > offset ? weak->offset : offset;
    uint32_t end = weak->offset + weak->size, end_read = offset + (uint32_t)size;
    if (end > end_read) end = end_read;
    for (uint32_t at = from; at < end; at++) {
        uint8_t bits = nearly(weak->seed, weak->size, at - weak->offset);
        if (bits) data[at - offset] |= (uint8_t)(bits & mix64(saw->reads << 32 ^ at));
    }
}

/* ---- torn operations ---- */

static uint8_t done_of_write(const struct saw *saw, uint32_t size, uint32_t at)
{
    uint32_t unit = saw->inner.write_size, whole = pick(saw, 0, size / unit) * unit;
    uint64_t seed = operation_seed(saw);
    switch (saw->kind) {
    case SAW_TORN:
        return prefix(saw, whole, unit, at);
    case SAW_SUFFIX:
        return prefix(saw, whole, unit, size - 1 - at);
    case SAW_BITS:
        return scattered(seed, size, at);
    case SAW_HOLES:
        return words(seed, at);
    case SAW_WEAK: /* weak bits are kept as programmed */
        return scattered(seed, size, at) | nearly(seed, size, at);
    default:
        return 0;
    }
}

static godwit_err torn_write(struct saw *saw, uint32_t offset, const uint8_t *data, uint32_t size)
{
    uint8_t bytes[FLASH_ERASE_SIZE];
    assert(size <= sizeof bytes);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = data[i] | (uint8_t)~done_of_write(saw, size, i);
    if (saw->kind == SAW_WEAK) weak_add(saw, offset, size, operation_seed(saw));
    return saw->inner.write(saw->inner.ctx, offset, bytes, size);
}

/* The one sector that is neither old nor blank. */
static uint8_t done_of_sector(const struct saw *saw, uint64_t seed, uint32_t at)
{
    switch (saw->kind) {
    case SAW_HOLES:
        return words(seed, at);
    case SAW_BITS:
    case SAW_WEAK:
        return scattered(seed, FLASH_ERASE_SIZE, at);
    default:
        break;
    }
    if (!pick(saw, 1, 2)) return (uint8_t)pick(saw, 3 + at, 256);
    uint32_t blank = 1 + pick(saw, 2, FLASH_ERASE_SIZE - 1);
    return (saw->kind == SAW_SUFFIX ? FLASH_ERASE_SIZE - 1 - at : at) < blank ? 0xFF : 0;
}

static godwit_err half_erase(struct saw *saw, uint32_t offset)
{
    const struct godwit_flash *inner = &saw->inner;
    uint64_t seed = operation_seed(saw) ^ mix64(offset);
    uint8_t bytes[FLASH_ERASE_SIZE];
    godwit_err err = inner->read(inner->ctx, offset, bytes, sizeof bytes);
    if (err) return err;
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] |= done_of_sector(saw, seed, i);
    if (saw->kind == SAW_WEAK) weak_add(saw, offset, sizeof bytes, seed);
    err = inner->erase(inner->ctx, offset, sizeof bytes);
    return err ? err : inner->write(inner->ctx, offset, bytes, sizeof bytes);
}

/* Sectors are erased up to one or from one on; with bits and holes all at once. */
static godwit_err torn_erase(struct saw *saw, uint32_t offset, size_t size)
{
    const struct godwit_flash *inner = &saw->inner;
    uint32_t count = (uint32_t)(size / FLASH_ERASE_SIZE), half = pick(saw, 0, count);
    bool at_once = saw->kind == SAW_BITS || saw->kind == SAW_HOLES;
    godwit_err err = GODWIT_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        uint32_t at = offset + i * FLASH_ERASE_SIZE;
        bool is_done = saw->kind == SAW_SUFFIX ? i > half : i < half;
        if (at_once || i == half) {
            err = half_erase(saw, at);
        } else if (is_done) {
            weak_drop(saw, at, FLASH_ERASE_SIZE);
            err = inner->erase(inner->ctx, at, FLASH_ERASE_SIZE);
        }
    }
    return err;
}

/* ---- the port ---- */

/* Counts an operation; true when power goes during it. */
static bool strikes(struct saw *saw, uint32_t offset, bool is_erase)
{
    saw->operations++;
    saw->is_off = saw->cut_at && saw->operations >= saw->cut_at;
    saw->cut_offset = offset;
    saw->cut_is_erase = is_erase;
    return saw->is_off;
}

static godwit_err saw_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct saw *saw = ctx;
    if (saw->is_off) return GODWIT_ERR_IO;
    godwit_err err = saw->inner.read(saw->inner.ctx, offset, data, size);
    saw->reads++;
    for (int i = 0; i < SAW_WEAK_MAX && !err; i++)
        if (overlaps(&saw->weak[i], offset, size)) waver(saw, &saw->weak[i], offset, data, size);
    return err;
}

/* Whether the operation is to be done as asked. */
static bool is_whole(const struct saw *saw)
{
    return !saw->is_off || saw->kind == SAW_AFTER;
}

static godwit_err saw_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct saw *saw = ctx;
    godwit_err err = GODWIT_OK;
    if (saw->is_off) return GODWIT_ERR_IO;
    bool is_cut = strikes(saw, offset, false);
    if (is_cut && (saw->kind == SAW_BEFORE || !size)) return GODWIT_ERR_IO;
    weak_drop(saw, offset, size);
    if (is_whole(saw))
        err = saw->inner.write(saw->inner.ctx, offset, data, size);
    else
        err = torn_write(saw, offset, data, (uint32_t)size);
    return is_cut ? GODWIT_ERR_IO : err;
}

static godwit_err saw_erase(void *ctx, uint32_t offset, size_t size)
{
    struct saw *saw = ctx;
    godwit_err err = GODWIT_OK;
    if (saw->is_off) return GODWIT_ERR_IO;
    bool is_cut = strikes(saw, offset, true);
    if (is_cut && (saw->kind == SAW_BEFORE || !size)) return GODWIT_ERR_IO;
    if (is_whole(saw)) {
        weak_drop(saw, offset, size);
        err = saw->inner.erase(saw->inner.ctx, offset, size);
    } else {
        err = torn_erase(saw, offset, size);
    }
    return is_cut ? GODWIT_ERR_IO : err;
}

const char *saw_kind_name(enum saw_kind kind)
{
    static const char *const names[SAW_KINDS_COUNT] = {"before", "torn",  "after", "suffix",
                                                       "bits",   "holes", "weak"};
    return names[kind];
}

void saw_init(struct saw *saw, const struct godwit_flash *inner)
{
    *saw = (struct saw){.inner = *inner};
}

struct godwit_flash saw_port(struct saw *saw)
{
    struct godwit_flash port = saw->inner;
    port.ctx = saw;
    port.read = saw_read;
    port.write = saw_write;
    port.erase = saw_erase;
    return port;
}

void saw_power_on(struct saw *saw)
{
    saw->is_off = false;
    saw->cut_at = 0;
}
