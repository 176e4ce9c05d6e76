/* One sentence for each, and no word of what the server knows besides. */
#include "server/device_refuse.h"

#include "server/problem.h"

void refuse_unknown(struct http_request *request)
{
    problem(request, 401, "unknown-token",
            "no device has this token under this id; claim it with a token from `godwit claim add`",
            NULL);
}

void refuse_too_many(struct http_request *request, int64_t now_s)
{
    http_reply_retry(request, (unsigned)(60 - now_s % 60));
    problem(request, 429, "too-many-reports",
            "this device reports more changes in a minute than are written down; report again "
            "later",
            NULL);
}

void refuse_claim(struct http_request *request, enum claim_result result)
{
    if (result == CLAIM_REJECTED)
        problem(
            request, 401, "rejected",
            "an operator sent this device away; erase its flash, and it joins again with another "
            "token",
            NULL);
    else if (result == CLAIM_USED_UP)
        problem(request, 401, "claim-used-up",
                "this claim token has enrolled as many devices as it may; make another with "
                "`godwit claim`",
                NULL);
    else if (result == CLAIM_EXPIRED)
        problem(request, 401, "claim-expired",
                "the time of this claim token is over; make another with `godwit claim add`", NULL);
    else if (result == CLAIM_TOKEN_TAKEN)
        problem(request, 401, "token-taken",
                "another device has this token, as when a flash was cloned; erase the flash of "
                "this one so that it makes its own",
                NULL);
    else if (result == CLAIM_NO_PRODUCT)
        problem(request, 403, "no-product",
                "no product here has the project that the device runs; upload a release of it, and "
                "the device joins by its certificate",
                NULL);
    else
        refuse_unknown(request);
}
