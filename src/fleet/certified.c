/* Joining by a certificate: the decision, and the product that comes of what a device runs. */
#include "fleet/certified.h"

enum claim_result certified_decide(const struct certified_facts *facts)
{
    if (facts->is_known && facts->is_same)
        return facts->is_retired ? CLAIM_REJECTED : CLAIM_ACCEPTED;
    if (facts->is_taken) return CLAIM_TOKEN_TAKEN;
    if (facts->is_known) return CLAIM_PENDING;
    return facts->has_product ? CLAIM_ACCEPTED : CLAIM_NO_PRODUCT;
}

struct product *certified_product(const struct catalogue *catalogue, const char *org,
                                  const struct godwit_checkin *checkin)
{
    const struct image *image = index_find(&catalogue->images_by_digest, checkin->image_sha256);
    struct product *product = image ? image->release->product : NULL;
    if (product && !strcmp(product->org->name, org)) return product;
    return product_find(catalogue, org, checkin->project);
}
