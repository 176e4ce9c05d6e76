/* Files that failed on this device, the one that failed first goes first. A server that lost its
 * memory, or a thief, may offer the same bad file for ever; each offer would cost a download and a
 * trial. */
#include "agent/internal.h"

static int find(const struct godwit_journal *journal, const uint8_t file_sha256[static 32])
{
    for (int i = 0; i < GODWIT_FAILED_MAX; i++)
        if (memcmp(journal->failed[i].file, file_sha256, sizeof journal->failed[i].file) == 0)
            return journal->failed[i].count ? i : -1;
    return -1;
}

uint8_t godwit_attempts(const struct godwit_journal *journal, const uint8_t file_sha256[static 32])
{
    int at = find(journal, file_sha256);
    return at < 0 ? 0 : journal->failed[at].count;
}

void godwit_attempts_forget(struct godwit_journal *journal, const uint8_t file_sha256[static 32])
{
    int at = find(journal, file_sha256);
    if (at >= 0) journal->failed[at].count = 0;
}

void godwit_attempts_add(struct godwit_journal *journal, const uint8_t file_sha256[static 32],
                         uint32_t reason, bool quarantines)
{
    int at = find(journal, file_sha256);
    struct godwit_failed *row = &journal->failed[at < 0 ? 0 : at];
    if (at < 0) {
        memmove(row + 1, row, (GODWIT_FAILED_MAX - 1) * sizeof *row);
        memcpy(row->file, file_sha256, sizeof row->file);
        row->count = 0;
    }
    if (quarantines || ++row->count > GODWIT_ATTEMPTS_MAX) row->count = GODWIT_ATTEMPTS_MAX;
    row->reason = (uint8_t)reason;
}
