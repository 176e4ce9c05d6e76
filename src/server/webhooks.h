/* Webhooks: what happens goes from the audit log and the devices' history into an outbox, with the
 * writer's tick; one thread of its own sends what is due. Neither a loop nor the writer ever waits
 * for somebody else's server. */
#pragma once

#include "server/app.h"

/* Starts the thread. The database is open. */
GODWIT_MUST_USE godwit_err webhooks_open(struct app *app);
/* Ends it, in the middle of a delivery too, which is then tried again at the next start. Before the
 * writer is closed. NULL is fine. */
void webhooks_stop(struct webhooks *webhooks);
/* Frees it once the writer, which wakes it, is closed. NULL is fine. */
void webhooks_close(struct webhooks *webhooks);

/* Fills the outbox. Writer, in a transaction. */
GODWIT_MUST_USE godwit_err webhooks_tick(struct app *app, bool *more_out);
/* Something may be due, or a webhook came or went. Any thread. */
void webhooks_wake(struct app *app);
