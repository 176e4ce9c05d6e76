/* Types shared by the agent's own files; outside is only godwit.h.
 * Memory: one sector buffer that every state uses for its own end, one union of what no two states
 * need at once, and the journal, kept in RAM exactly as it lies in flash. */
#pragma once

#include "godwit.h"
#include "godwit_port.h"

#include "agent/journal.h"
#include "base/log.h"
#include "formats/checkin.h"
#include "formats/chip.h"
#include "formats/image.h"
#include "formats/otadata.h"
#include "formats/policy.h"
#include "formats/ptable.h"

#include <assert.h>
#include <stdatomic.h>

struct godwit_region {
    uint32_t offset, size; /* bytes in flash; size 0: there is none */
};

/* What the partition table says, as far as we need it. */
struct godwit_slots {
    struct godwit_region running, inactive, otadata, journal;
    uint32_t count;        /* OTA slots */
    int8_t running_index;  /* −1: factory, test or unknown */
    int8_t inactive_index; /* −1: none */
    char label[17];        /* of the running partition */
};

/* Strings of an open request; they must live until close. */
struct godwit_agent_strings {
    char bearer[65], path[76];
};

/* Words that are much used first, then bytes, large things last: RISC-V reaches the first 128 bytes
 * with short instructions, words alone, and 2 KiB with one; another order costs more than 1 KiB of
 * code. */
struct godwit_agent {
    struct godwit_agent_config config;
    uint32_t offset;            /* FETCH: bytes received; VERIFY, ROLLBACK: bytes read back */
    uint32_t now_ms, wake_ms;   /* low 32 bits: compared by difference, so they may wrap round */
    uint32_t now_s, caller_ms;  /* seconds gone; what the caller said last */
    uint32_t best_offset;       /* FETCH: furthest whole sector of this download */
    uint32_t request_ms;        /* when the open request began */
    union {                     /* no two states need more than one of them */
        uint32_t reply_size;    /* CHECKIN, TRIAL */
        uint32_t window_offset; /* FETCH: bytes when the rate window began */
        uint32_t slot_size;     /* ROLLBACK: bytes of the slot that is looked at */
    };
    uint32_t start_ms;        /* of this boot: the trial's clock */
    uint32_t last_reason;     /* godwit_reason of the last failure */
    uint32_t journal_entries; /* small marks in the journal's present sector */
    uint32_t window_ms;       /* FETCH: begin of the rate window */
    uint32_t valid_until_ms;  /* of the instruction that is being followed */
    struct godwit_slots slots;
    uint32_t fresh_s;              /* of the last fresh reply, or of the boot */
    uint32_t retry_s;              /* by now_s: retry.c lets the next try begin */
    struct godwit_region fallback; /* ROLLBACK: where to */
    uint16_t second_ms;            /* of the present second */
    uint16_t asked_s, wait_s;      /* the hold asked for; the server's own word, 0: none */
    uint8_t state, phase;          /* enum godwit_state; a state's own step, 0 when it is entered */
    uint8_t failures;              /* requests in a row without a reply */
    uint8_t refusals;              /* answers in a row that were refused */
    uint8_t tries;                 /* downloads in a row without a new sector */
    uint8_t clearing;              /* FETCH: steps done of those that clear a sector */
    uint8_t trial_reason;          /* ROLLBACK: why */
    uint8_t source;       /* of the present offer, see sources.c: index of the present one */
    uint8_t sources_used; /* … a bit for each */
    uint8_t penalties[GODWIT_SOURCES_MAX + 1]; /* … the server's own first */
    /* Set by wake and confirm, from any task. A byte's load and store are whole on every chip, also
     * without atomic instructions, and the step sees what was written before them. */
    atomic_bool is_woken, is_app_confirmed;
    bool nonce_is_open, on_trial, link_is_up;
    bool is_by_next_ca;               /* the last reply came by the next CA */
    bool is_claiming;                 /* the token was not taken: the claim is shown again */
    bool uses_former;                 /* … or the token before the newest */
    bool is_alone;                    /* only one of the two sectors holds a journal that counts */
    bool is_pending;                  /* the last reply said so */
    bool is_ready;                    /* the slots and the journal are known */
    bool is_verified;                 /* the inactive slot, since this boot */
    bool is_underway;                 /* an accepted install has not ended yet */
    bool outcome_is_new;              /* not in flash yet */
    struct godwit_device_facts facts; /* since BOOT */
    uint32_t busy_until_s[GODWIT_SOURCES_MAX + 1]; /* by now_s: it said Retry-After */
    uint8_t nonce[16];
    struct godwit_journal journal;
    struct godwit_agent_strings strings;
    char sources[GODWIT_SOURCES_MAX][GODWIT_SOURCE_SIZE]; /* of the present offer */
    union {
        struct godwit_image image;         /* FETCH (the head), VERIFY, ROLLBACK */
        struct godwit_checkin checkin;     /* CHECKIN, TRIAL: while the request is written */
        struct godwit_checkin_reply reply; /* CHECKIN: while the reply is checked */
        uint8_t digest[32];                /* BOOT: appended digest of the running image */
    } work;
    _Alignas(8) uint8_t sector[GODWIT_SECTOR_SIZE];
};

/* Each state's work: one bounded piece; the next state is the reply. */
typedef enum godwit_state godwit_state_fn(struct godwit_agent *agent);

godwit_state_fn godwit_state_boot, godwit_state_checkin, godwit_state_fetch, godwit_state_verify,
    godwit_state_switch, godwit_state_trial, godwit_state_rollback;

/* agent.c: what godwit_agent_init does, for who has the memory as what it is. */
void godwit_agent_setup(struct godwit_agent *agent, const struct godwit_agent_config *config);
/* agent.c: notes how the install ended, for REPORT to keep. Always GODWIT_STATE_REPORT. */
enum godwit_state godwit_fail(struct godwit_agent *agent, enum godwit_stage stage, uint32_t reason);
/* The outcome's detail: "text/html" ", " 18 " bytes". Without a word the joint's first two bytes
 * are left out; number UINT32_MAX: the word alone. */
void godwit_fail_detail(struct godwit_agent *agent, const char *note, const char *joint,
                        uint32_t number, const char *unit);
/* Restarts the chip; the state to be in where that takes a moment. */
enum godwit_state godwit_restart(struct godwit_agent *agent);
/* Boots once more after a while, from the journal as it lies in flash: what could not be read is
 * not known, and an install might erase the image that should run. A flash that never comes round
 * is told of at last. */
#define GODWIT_BOOT_RETRY_MS 60000u
#define GODWIT_BOOT_TRIES_MAX 60
enum godwit_state godwit_boot_again(struct godwit_agent *agent);
/* Sleeps for wait_ms, but not less than retry_after_s (0: the server did not say). */
void godwit_agent_wait(struct godwit_agent *agent, uint32_t wait_ms, uint32_t retry_after_s);
/* Whether a moment has come: at most 24 days ago. */
bool godwit_agent_is_past(const struct godwit_agent *agent, uint32_t time_ms);
/* Milliseconds to wait after so many failures in a row: doubling, with jitter, at most 5 min. */
uint32_t godwit_agent_backoff(struct godwit_agent *agent, uint8_t failures);
/* The same of an install that the journal does not hold (yet): its file and rollout are named. */
enum godwit_state godwit_fail_of(struct godwit_agent *agent, enum godwit_stage stage,
                                 uint32_t reason, const uint8_t file_sha256[static 32],
                                 uint32_t rollout_id);

/* port.c: the port's functions. */
GODWIT_MUST_USE godwit_err godwit_flash_read(const struct godwit_agent *agent, uint32_t offset,
                                             void *data, size_t size);
GODWIT_MUST_USE godwit_err godwit_flash_write(const struct godwit_agent *agent, uint32_t offset,
                                              const void *data, size_t size);
GODWIT_MUST_USE godwit_err godwit_flash_erase(const struct godwit_agent *agent, uint32_t offset,
                                              size_t size);
GODWIT_MUST_USE godwit_err godwit_random(const struct godwit_agent *agent, void *out, size_t size);
/* For jitter: 0x8000 when the source fails. */
uint32_t godwit_random16(const struct godwit_agent *agent);
void godwit_net_close(const struct godwit_agent *agent);

/* checkin.c: the token that is tried now, as the next requests show it. */
void godwit_bearer_set(struct godwit_agent *agent);
/* checkin.c: one request. begin: NET when it could not begin. read: OK not answered yet, END
 * answered (*status_out), NET no reply; the text is in the sector buffer at GODWIT_REPLY_OFFSET. */
#define GODWIT_REPLY_OFFSET 2560u
GODWIT_MUST_USE godwit_err godwit_request_begin(struct godwit_agent *agent);
GODWIT_MUST_USE godwit_err godwit_request_read(struct godwit_agent *agent, int *status_out,
                                               uint32_t *retry_after_s_out);
/* check_instruction.c: checks 2 and 3 of an answered question, then 5 to 7 and 9 of an install.
 * sequence_out: which of the journal's sequences is the deploy key's. */
GODWIT_MUST_USE enum godwit_reason
godwit_check_instruction(struct godwit_agent *agent,
                         const uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                         struct godwit_instruction *out, uint32_t *sequence_out);
GODWIT_MUST_USE enum godwit_reason godwit_check_install(struct godwit_agent *agent,
                                                        const struct godwit_instruction *install,
                                                        uint32_t sequence);

/* trust_policy.c. The policy that every check goes by: P1 of the running image, else the initial
 * policy (is_initial, its counter 0); its rollback floor raised to the journal's. FLASH, or
 * POLICY_FORMAT when it is malformed: nothing is installed then. About 400 bytes of stack besides
 * the policy. */
GODWIT_MUST_USE enum godwit_reason godwit_policy_running(const struct godwit_agent *agent,
                                                         struct godwit_policy *out);
/* The running image is confirmed: its rollback floor and that it has a policy go into the journal
 * in RAM; the caller's next commit keeps them. IO: not known, try again. */
GODWIT_MUST_USE godwit_err godwit_policy_confirmed(struct godwit_agent *agent);
/* Check 8, beyond what the parser asks: work.image's head against the chip, the board, the ruling
 * policy and the instruction. is_proven: the signatures are good, and check 13 follows, whether its
 * policy may come after the one that rules. */
GODWIT_MUST_USE enum godwit_reason godwit_check_image(const struct godwit_agent *agent,
                                                      bool is_proven);

/* journal.c */
enum godwit_entry_kind {
    GODWIT_ENTRY_BOOTS = 1,
    GODWIT_ENTRY_SECTORS = 2,
    GODWIT_ENTRY_STEP = 3, /* with power_resets and crashes as they stand in RAM */
};
/* MISSING: blank, a new device; FORMAT: there was one and it is unreadable. Either way the journal
 * in RAM is empty then. */
GODWIT_MUST_USE godwit_err godwit_journal_load(struct godwit_agent *agent);
/* Writes the whole journal into the sector that is not in use. */
GODWIT_MUST_USE godwit_err godwit_journal_commit(struct godwit_agent *agent);
/* The journal's two files change places: what was installed runs, what ran is in the other slot.
 * Called twice, all is as before. */
void godwit_swap_slots(struct godwit_journal *journal);
/* Changes one number, in RAM and with 32 bytes in flash. */
GODWIT_MUST_USE godwit_err godwit_journal_append(struct godwit_agent *agent,
                                                 enum godwit_entry_kind kind, uint32_t value);

/* ca.c: tells the port whom to trust; what a fresh reply announces, and that it came by the next
 * CA. IO: in RAM and with the port, but not in flash yet. */
void godwit_ca_load(const struct godwit_agent *agent);
GODWIT_MUST_USE godwit_err godwit_ca_note(struct godwit_agent *agent,
                                          const uint8_t announced[static 32],
                                          const struct godwit_instruction *instruction);

/* retry.c: whether the install may begin; another file or rollout, or force-now, forgets the tries.
 * wait: the wait begins again, after a reset. later: a try has failed for no fault of the release;
 * weight: as how many it counts. In RAM: the caller's next commit keeps it. */
GODWIT_MUST_USE bool godwit_retry_is_due(struct godwit_agent *agent,
                                         const struct godwit_instruction *install);
void godwit_retry_wait(struct godwit_agent *agent);
void godwit_retry_later(struct godwit_agent *agent, uint8_t weight);

/* attempts.c: files that failed here. How often this one did; once more, or at once quarantined;
 * forgotten. In RAM: the caller's next commit keeps it. */
uint8_t godwit_attempts(const struct godwit_journal *journal, const uint8_t file_sha256[static 32]);
void godwit_attempts_add(struct godwit_journal *journal, const uint8_t file_sha256[static 32],
                         uint32_t reason, bool quarantines);
void godwit_attempts_forget(struct godwit_journal *journal, const uint8_t file_sha256[static 32]);

/* slot.c */
GODWIT_MUST_USE godwit_err godwit_slots_find(struct godwit_agent *agent);
/* Which slot is to be written: the one that an install is in, else one that does not hold the last
 * confirmed image. Needs the journal. */
GODWIT_MUST_USE godwit_err godwit_slots_choose_inactive(struct godwit_agent *agent);
/* Where OTA slot `index` lies; −1: factory. Uses the sector buffer. */
GODWIT_MUST_USE godwit_err godwit_slot_region(struct godwit_agent *agent, int index,
                                              struct godwit_region *region_out);
/* Size of the image in a region and its appended digest, by its segment headers; nothing is proven.
 */
GODWIT_MUST_USE godwit_err godwit_slot_image(const struct godwit_agent *agent,
                                             const struct godwit_region *region, uint32_t *size_out,
                                             uint8_t digest_out[static 32]);
/* The sector buffer's bytes up to agent->offset into the inactive slot, and a mark for them into
 * the record; BUSY: a sector was erased, call again. */
GODWIT_MUST_USE godwit_err godwit_slot_append(struct godwit_agent *agent);
/* Sets offset to the byte from which a download goes on. */
void godwit_slot_resume(struct godwit_agent *agent);
/* select.c */
GODWIT_MUST_USE godwit_err godwit_otadata_load(const struct godwit_agent *agent,
                                               struct godwit_ota_entry entries_out[static 2]);
/* Whether the entry is whole and names OTA slot `slot`; false for slot −1. */
bool godwit_otadata_names(const struct godwit_agent *agent, const struct godwit_ota_entry *entry,
                          int slot);
/* Makes of two entries what they should be while the present image runs: canonical bytes; another
 * image's that was to run and did not becomes INVALID; where is_confirmed, this one's is followed
 * and VALID. Pure. */
void godwit_otadata_plan(const struct godwit_agent *agent,
                         struct godwit_ota_entry entries[static 2], bool is_confirmed);
/* Into the journal, in RAM. */
void godwit_otadata_note(struct godwit_agent *agent,
                         const struct godwit_ota_entry entries[static 2]);
/* Writes what is not as noted. */
GODWIT_MUST_USE godwit_err godwit_otadata_restore(const struct godwit_agent *agent,
                                                  bool *was_changed_out);
/* Index of the entry that the bootloader follows where it names the running slot, or −1: after a
 * fallback that entry is another image's, and not ours to change. */
int godwit_own_entry(const struct godwit_agent *agent,
                     const struct godwit_ota_entry entries[static 2]);
/* Lets the bootloader follow an entry for OTA slot `slot`, as esp_ota_set_boot_partition does. */
GODWIT_MUST_USE godwit_err godwit_otadata_choose(const struct godwit_agent *agent, int slot,
                                                 uint32_t state);
/* Erase, write, read back. */
GODWIT_MUST_USE godwit_err godwit_otadata_store(const struct godwit_agent *agent, int sector,
                                                const struct godwit_ota_entry *entry);

/* check_image.c */
void godwit_image_begin(struct godwit_agent *agent, const struct godwit_region *region,
                        bool as_bootloader_does);
/* One sector of a region into the parser; END after `size` bytes, when it has judged the whole;
 * FORMAT: work.image.reason. */
GODWIT_MUST_USE godwit_err godwit_image_read_back(struct godwit_agent *agent,
                                                  const struct godwit_region *region,
                                                  uint32_t size);

/* confirm.c: the trial is won; otadata says so at the latest after this. */
enum godwit_state godwit_trial_finish(struct godwit_agent *agent);
/* At once, without a look at where to: the bootloader looks, and an image that crashes may not live
 * for another step. */
enum godwit_state godwit_roll_back(struct godwit_agent *agent);

/* reconcile.c: no trial goes on. godwit_reconcile: nothing was under way; retry: a trial was cut,
 * the old image runs; back: it failed (is_noted: the journal says why already). */
enum godwit_state godwit_reconcile(struct godwit_agent *agent,
                                   const struct godwit_ota_entry entries[static 2],
                                   bool has_crashed);
enum godwit_state godwit_reconcile_retry(struct godwit_agent *agent);
enum godwit_state godwit_reconcile_rollback(struct godwit_agent *agent, enum godwit_reason reason,
                                            bool is_noted);
