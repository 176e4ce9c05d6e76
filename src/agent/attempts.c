/* Files that failed on this device, newest first. A server that lost its memory, or a thief, may
 * offer the same bad file for ever; each offer would cost a download and a trial. */
#include "agent/internal.h"

static int find(const struct godwit_record *record, const uint8_t file_sha256[static 32])
{
    for (int i = 0; i < GODWIT_FAILED_MAX; i++)
        if (memcmp(record->failed[i].file, file_sha256, sizeof record->failed[i].file) == 0)
            return record->failed[i].count ? i : -1;
    return -1;
}

uint8_t godwit_attempts(const struct godwit_record *record, const uint8_t file_sha256[static 32])
{
    int at = find(record, file_sha256);
    return at < 0 ? 0 : record->failed[at].count;
}

void godwit_attempts_forget(struct godwit_record *record, const uint8_t file_sha256[static 32])
{
    int at = find(record, file_sha256);
    if (at < 0) return;
    struct godwit_failed *row = &record->failed[at];
    memmove(row, row + 1, (size_t)(GODWIT_FAILED_MAX - 1 - at) * sizeof *row);
    memset(&record->failed[GODWIT_FAILED_MAX - 1], 0, sizeof *row);
}

void godwit_attempts_add(struct godwit_record *record, const uint8_t file_sha256[static 32],
                         uint32_t reason, bool sets_aside)
{
    uint8_t count = godwit_attempts(record, file_sha256);
    godwit_attempts_forget(record, file_sha256);
    memmove(record->failed + 1, record->failed, (GODWIT_FAILED_MAX - 1) * sizeof record->failed[0]);
    struct godwit_failed *row = &record->failed[0];
    memcpy(row->file, file_sha256, sizeof row->file);
    row->count =
        sets_aside || count >= GODWIT_ATTEMPTS_MAX - 1 ? GODWIT_ATTEMPTS_MAX : (uint8_t)(count + 1);
    row->reason = (uint8_t)reason;
}
