/* The threads that check passwords; api_login.c hands them its requests. */
#pragma once

#include "server/app.h"

/* Sets app->logins, also where it fails: then logins_close ends what was begun. */
GODWIT_MUST_USE godwit_err logins_open(struct app *app);
/* After the last request was answered. NULL is fine. */
void logins_close(struct logins *logins);
