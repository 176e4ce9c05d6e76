/* From the struct of formats/checkin.h to the wire. */
#include "server/device_send.h"

#include <stdio.h>

#include "server/problem.h"

void checkin_name_mirrors(const struct settings *settings, struct godwit_checkin_reply *reply)
{
    for (size_t i = 0; i < GODWIT_SOURCES_MAX && settings->mirrors[i]; i++)
        snprintf(reply->sources[i], sizeof reply->sources[i], "%s", settings->mirrors[i]);
}

void checkin_send(struct http_request *request, const struct godwit_checkin_reply *reply)
{
    char text[GODWIT_CHECKIN_REPLY_MAX];
    size_t size = 0;
    if (godwit_checkin_reply_encode(reply, text, sizeof text, &size))
        problem(request, 500, "internal", "the reply could not be written", NULL);
    else
        http_reply_copy(request, 200, "application/json", text, size);
}
