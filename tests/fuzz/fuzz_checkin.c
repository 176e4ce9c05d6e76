/* formats/checkin: any text as request and as reply. What one half takes the other half writes, it
 * fits the stated size, and it comes back the same. */
#include "formats/checkin.h"
#include "fuzz.h"

static void request(const char *text, size_t size)
{
    static struct godwit_checkin checkin, back;
    static char first[GODWIT_CHECKIN_REQUEST_MAX + 1], second[GODWIT_CHECKIN_REQUEST_MAX + 1];
    size_t first_size, second_size;
    if (godwit_checkin_decode(text, size, &checkin)) return;
    FUZZ_CHECK(!godwit_checkin_encode(&checkin, first, sizeof first, &first_size));
    FUZZ_CHECK(!godwit_checkin_decode(first, first_size, &back));
    FUZZ_CHECK(!godwit_checkin_encode(&back, second, sizeof second, &second_size));
    FUZZ_CHECK(first_size == second_size && memcmp(first, second, first_size) == 0);
    FUZZ_CHECK((unsigned)checkin.reset < GODWIT_RESET_COUNT);
    FUZZ_CHECK((unsigned)checkin.outcome.stage < GODWIT_STAGE_COUNT);
}

static void reply(const char *text, size_t size)
{
    static struct godwit_checkin_reply reply, back;
    static char out[GODWIT_CHECKIN_REPLY_MAX + 1];
    size_t out_size;
    if (godwit_checkin_reply_decode(text, size, &reply)) return;
    FUZZ_CHECK(reply.pending != reply.has_instruction);
    FUZZ_CHECK(reply.interval_s >= 1 && reply.interval_s <= GODWIT_INTERVAL_MAX_S);
    FUZZ_CHECK(!godwit_checkin_reply_encode(&reply, out, sizeof out, &out_size));
    FUZZ_CHECK(!godwit_checkin_reply_decode(out, out_size, &back));
    FUZZ_CHECK(memcmp(reply.instruction, back.instruction, sizeof back.instruction) == 0);
    FUZZ_CHECK(reply.interval_s == back.interval_s && reply.outcome_id == back.outcome_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    request((const char *)data, size);
    reply((const char *)data, size);
    return 0;
}
