/* The power-cut injector: power is cut at the n-th write or erase, before, in the middle of or
 * after it. What a cut operation leaves is worse than any one chip: bits, words and units are
 * programmed or raised in any order, and a cell that was caught half way reads as it likes. Which
 * of these is chosen by kind and seed, so that a case can be replayed.
 *
 * Method: every kind is a mask of the bits that were done; a write keeps the others erased, an
 * erase keeps them as they were. Weak bits are kept as 0 and raised at random when they are read;
 * they need no memory but the seed that chose them. */
#include "emu/chance.h"
#include "emu/nor.h"

/* A number below `count`, the which-th choice inside the present operation. */
static uint32_t pick(const struct power_cut *power_cut, uint32_t which, uint32_t count)
{
    uint64_t x = mix64(power_cut->seed ^ (uint64_t)power_cut->operations << 32 ^ which);
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
static uint8_t prefix(const struct power_cut *power_cut, uint32_t whole, uint32_t unit, uint32_t at)
{
    if (at < whole) return 0xFF;
    return at < whole + unit ? (uint8_t)~pick(power_cut, 1 + at - whole, 256) : 0;
}

static uint64_t operation_seed(const struct power_cut *power_cut)
{
    return mix64(power_cut->seed) ^ mix64(power_cut->operations);
}

/* ---- weak bits ---- */

static void unstable_add(struct power_cut *power_cut, uint32_t offset, uint32_t size, uint64_t seed)
{
    memmove(power_cut->unstable + 1, power_cut->unstable,
            (UNSTABLE_BITS_MAX - 1) * sizeof power_cut->unstable[0]);
    power_cut->unstable[0] = (struct unstable_bits){offset, size, seed};
}

static bool overlaps(const struct unstable_bits *unstable, uint32_t offset, size_t size)
{
    return unstable->size && offset < unstable->offset + unstable->size &&
           unstable->offset < offset + size;
}

/* Written again or erased: firm. */
static void unstable_drop(struct power_cut *power_cut, uint32_t offset, size_t size)
{
    for (int i = 0; i < UNSTABLE_BITS_MAX; i++)
        if (overlaps(&power_cut->unstable[i], offset, size)) power_cut->unstable[i].size = 0;
}

static void waver(struct power_cut *power_cut, const struct unstable_bits *unstable,
                  uint32_t offset, uint8_t *data, size_t size)
{
    uint32_t from = unstable->offset > offset ? unstable->offset : offset;
    uint32_t end = unstable->offset + unstable->size, end_read = offset + (uint32_t)size;
    if (end > end_read) end = end_read;
    for (uint32_t at = from; at < end; at++) {
        uint8_t bits = nearly(unstable->seed, unstable->size, at - unstable->offset);
        if (bits) data[at - offset] |= (uint8_t)(bits & mix64(power_cut->reads << 32 ^ at));
    }
}

/* ---- torn operations ---- */

static uint8_t done_of_write(const struct power_cut *power_cut, uint32_t size, uint32_t at)
{
    uint32_t unit = power_cut->inner.write_size, whole = pick(power_cut, 0, size / unit) * unit;
    uint64_t seed = operation_seed(power_cut);
    switch (power_cut->kind) {
    case POWER_CUT_TORN:
        return prefix(power_cut, whole, unit, at);
    case POWER_CUT_SUFFIX:
        return prefix(power_cut, whole, unit, size - 1 - at);
    case POWER_CUT_BITS:
        return scattered(seed, size, at);
    case POWER_CUT_HOLES:
        return words(seed, at);
    case POWER_CUT_UNSTABLE: /* weak bits are kept as programmed */
        return scattered(seed, size, at) | nearly(seed, size, at);
    default:
        return 0;
    }
}

static godwit_err torn_write(struct power_cut *power_cut, uint32_t offset, const uint8_t *data,
                             uint32_t size)
{
    uint8_t bytes[FLASH_ERASE_SIZE];
    assert(size <= sizeof bytes);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = data[i] | (uint8_t)~done_of_write(power_cut, size, i);
    if (power_cut->kind == POWER_CUT_UNSTABLE)
        unstable_add(power_cut, offset, size, operation_seed(power_cut));
    return power_cut->inner.write(power_cut->inner.ctx, offset, bytes, size);
}

/* The one sector that is neither old nor blank. */
static uint8_t done_of_sector(const struct power_cut *power_cut, uint64_t seed, uint32_t at)
{
    switch (power_cut->kind) {
    case POWER_CUT_HOLES:
        return words(seed, at);
    case POWER_CUT_BITS:
    case POWER_CUT_UNSTABLE:
        return scattered(seed, FLASH_ERASE_SIZE, at);
    default:
        break;
    }
    if (!pick(power_cut, 1, 2)) return (uint8_t)pick(power_cut, 3 + at, 256);
    uint32_t blank = 1 + pick(power_cut, 2, FLASH_ERASE_SIZE - 1);
    return (power_cut->kind == POWER_CUT_SUFFIX ? FLASH_ERASE_SIZE - 1 - at : at) < blank ? 0xFF
                                                                                          : 0;
}

static godwit_err half_erase(struct power_cut *power_cut, uint32_t offset)
{
    const struct godwit_flash *inner = &power_cut->inner;
    uint64_t seed = operation_seed(power_cut) ^ mix64(offset);
    uint8_t bytes[FLASH_ERASE_SIZE];
    godwit_err err = inner->read(inner->ctx, offset, bytes, sizeof bytes);
    if (err) return err;
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] |= done_of_sector(power_cut, seed, i);
    if (power_cut->kind == POWER_CUT_UNSTABLE) unstable_add(power_cut, offset, sizeof bytes, seed);
    err = inner->erase(inner->ctx, offset, sizeof bytes);
    return err ? err : inner->write(inner->ctx, offset, bytes, sizeof bytes);
}

/* Sectors are erased up to one or from one on; with bits and holes all at once. */
static godwit_err torn_erase(struct power_cut *power_cut, uint32_t offset, size_t size)
{
    const struct godwit_flash *inner = &power_cut->inner;
    uint32_t count = (uint32_t)(size / FLASH_ERASE_SIZE), half = pick(power_cut, 0, count);
    bool at_once = power_cut->kind == POWER_CUT_BITS || power_cut->kind == POWER_CUT_HOLES;
    godwit_err err = GODWIT_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        uint32_t at = offset + i * FLASH_ERASE_SIZE;
        bool is_done = power_cut->kind == POWER_CUT_SUFFIX ? i > half : i < half;
        if (at_once || i == half) {
            err = half_erase(power_cut, at);
        } else if (is_done) {
            unstable_drop(power_cut, at, FLASH_ERASE_SIZE);
            err = inner->erase(inner->ctx, at, FLASH_ERASE_SIZE);
        }
    }
    return err;
}

/* ---- the port ---- */

/* Counts an operation; true when power goes during it. */
static bool strikes(struct power_cut *power_cut, uint32_t offset, bool is_erase)
{
    power_cut->operations++;
    power_cut->is_off = power_cut->cut_at && power_cut->operations >= power_cut->cut_at;
    power_cut->cut_offset = offset;
    power_cut->cut_is_erase = is_erase;
    return power_cut->is_off;
}

static godwit_err power_cut_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct power_cut *power_cut = ctx;
    if (power_cut->is_off) return GODWIT_ERR_IO;
    godwit_err err = power_cut->inner.read(power_cut->inner.ctx, offset, data, size);
    power_cut->reads++;
    for (int i = 0; i < UNSTABLE_BITS_MAX && !err; i++)
        if (overlaps(&power_cut->unstable[i], offset, size))
            waver(power_cut, &power_cut->unstable[i], offset, data, size);
    return err;
}

/* Whether the operation is to be done as asked. */
static bool is_whole(const struct power_cut *power_cut)
{
    return !power_cut->is_off || power_cut->kind == POWER_CUT_AFTER;
}

static godwit_err power_cut_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct power_cut *power_cut = ctx;
    godwit_err err = GODWIT_OK;
    if (power_cut->is_off) return GODWIT_ERR_IO;
    bool is_cut = strikes(power_cut, offset, false);
    if (is_cut && (power_cut->kind == POWER_CUT_BEFORE || !size)) return GODWIT_ERR_IO;
    unstable_drop(power_cut, offset, size);
    if (is_whole(power_cut))
        err = power_cut->inner.write(power_cut->inner.ctx, offset, data, size);
    else
        err = torn_write(power_cut, offset, data, (uint32_t)size);
    return is_cut ? GODWIT_ERR_IO : err;
}

static godwit_err power_cut_erase(void *ctx, uint32_t offset, size_t size)
{
    struct power_cut *power_cut = ctx;
    godwit_err err = GODWIT_OK;
    if (power_cut->is_off) return GODWIT_ERR_IO;
    bool is_cut = strikes(power_cut, offset, true);
    if (is_cut && (power_cut->kind == POWER_CUT_BEFORE || !size)) return GODWIT_ERR_IO;
    if (is_whole(power_cut)) {
        unstable_drop(power_cut, offset, size);
        err = power_cut->inner.erase(power_cut->inner.ctx, offset, size);
    } else {
        err = torn_erase(power_cut, offset, size);
    }
    return is_cut ? GODWIT_ERR_IO : err;
}

const char *power_cut_kind_name(enum power_cut_kind kind)
{
    static const char *const names[POWER_CUT_KINDS_COUNT] = {"before", "torn",  "after", "suffix",
                                                             "bits",   "holes", "weak"};
    return names[kind];
}

void power_cut_init(struct power_cut *power_cut, const struct godwit_flash *inner)
{
    *power_cut = (struct power_cut){.inner = *inner};
}

struct godwit_flash power_cut_port(struct power_cut *power_cut)
{
    struct godwit_flash port = power_cut->inner;
    port.ctx = power_cut;
    port.read = power_cut_read;
    port.write = power_cut_write;
    port.erase = power_cut_erase;
    return port;
}

void power_cut_power_on(struct power_cut *power_cut)
{
    power_cut->is_off = false;
    power_cut->cut_at = 0;
}
