/* Wrong passwords, summed up for the audit log: one record for an organisation in a minute at most,
 * however many there are. Each stands where its account is at home, for those people can do
 * something about it. */
#pragma once

#include "server/app.h"

struct refused_logins;

struct refused_logins *refused_logins_open(void);
void refused_logins_close(struct refused_logins *refused);
/* org: of an organisation that is there, so that there are no more sums than organisations; user
 * may be NULL. Any thread. */
void refused_logins_note(struct refused_logins *refused, const char *org, const char *user,
                         const char *address);
/* The records, where a minute is over since the last. Writer, in a transaction. */
GODWIT_MUST_USE godwit_err refused_logins_write(struct refused_logins *refused, struct app *app,
                                                int64_t now_s);
/* After the commit of it. Writer. */
void refused_logins_committed(struct refused_logins *refused, int64_t now_s);
