/* How a device that has proved its id by a certificate joins: beside claims (claim.h) and the
 * factory list (factory.h) the third way in, as one pure decision. The certificate says who the
 * device is and nothing else: the product is the one whose image it runs, and the token is the
 * device's own, as ever. So a certificate lets nobody in under the id of a device that has joined:
 * another token waits for an operator, as with a claim. */
#pragma once

#include "fleet/device.h"

struct certified_facts {
    bool has_product; /* what it runs is of a product that is known */
    bool is_known;    /* a device has its id, … */
    bool is_same;     /* … and this token */
    bool is_retired;  /* … and is retired */
    bool is_taken;    /* another device has this token */
};

enum claim_result certified_decide(const struct certified_facts *facts);

/* The product of what the check-in says that it runs: of the image where that was uploaded, else by
 * the name of its project. NULL: none of the organisation. Lock held, or the writer. */
struct product *certified_product(const struct catalogue *catalogue, const char *org,
                                  const struct godwit_checkin *checkin);
