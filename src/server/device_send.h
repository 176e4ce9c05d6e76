/* What is the same in every reply to a check-in. */
#pragma once

#include "formats/checkin.h"
#include "server/app.h"

/* Mirrors hold files, so they are named with an install alone. */
void checkin_name_mirrors(const struct settings *settings, struct godwit_checkin_reply *reply);
void checkin_send(struct http_request *request, const struct godwit_checkin_reply *reply);
