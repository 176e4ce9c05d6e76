/* Whom to believe as the server: the journal's present and next CA, handed to the port. The next
 * one is announced in a fresh reply and named by its instruction, so that who has only stolen the
 * present CA can not plant one of his own. It becomes the present CA when a reply has come by it,
 * and the old one is trusted no more. Rejected: changing at a date, for many devices have none. */
#include "agent/internal.h"

void godwit_ca_load(const struct godwit_agent *agent)
{
    const struct godwit_net *net = agent->config.net;
    if (net->trust) net->trust(net->ctx, agent->journal.ca_sha256);
}

godwit_err godwit_ca_note(struct godwit_agent *agent, const uint8_t announced[static 32],
                          const struct godwit_instruction *instruction)
{
    struct godwit_journal *journal = &agent->journal;
    uint8_t *present = journal->ca_sha256[0], *next = journal->ca_sha256[1];
    bool is_change = agent->is_by_next_ca && !godwit_all(next, 32, 0);
    if (is_change) {
        godwit_digest_copy(present, next);
        godwit_digest_clear(next);
    }
    if (!godwit_all(announced, 32, 0) && !godwit_digest_is(announced, present) &&
        !godwit_digest_is(announced, next) &&
        memcmp(announced, instruction->next_ca, sizeof instruction->next_ca) == 0) {
        godwit_digest_copy(next, announced);
        is_change = true;
    }
    if (!is_change) return GODWIT_OK;
    /* What flash refuses now goes there with the next change of the journal. */
    agent->is_by_next_ca = false;
    godwit_ca_load(agent);
    return godwit_journal_commit(agent);
}
