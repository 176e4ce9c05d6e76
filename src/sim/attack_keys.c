/* Cases of attack 10: each key in a thief's hands, then each pair. What he can do must be what
 * docs/SECURITY.md grants him, no more and no less. */
#include "sim/attack_rows.h"

#define FIRST KEY_BIT(KEY_FIRST)
#define SECOND KEY_BIT(KEY_SECOND)
#define DEPLOY KEY_BIT(KEY_DEPLOY)

static void deliver_own(struct attack *attack)
{
    attack_offer_forged(attack);
    attack->signer = KEY_THIEF_DEPLOY;
}

/* The image key tries to be the deploy key. */
static void image_key_deploys(struct attack *attack)
{
    attack_offer_forged(attack);
    attack->signer = KEY_FIRST;
}

static void retired_deploys(struct attack *attack)
{
    attack_offer_next(attack);
    attack->signer = KEY_DEPLOY_RETIRED;
}

static void own_deploys(struct attack *attack)
{
    attack_offer_next(attack);
    attack->signer = KEY_THIEF_DEPLOY;
}

static void image_key_deploys_genuine(struct attack *attack)
{
    attack_offer_next(attack);
    attack->signer = KEY_FIRST;
}

/* Whoever has server and keys can also take the keys over; he must keep one in common. */
static void take_over(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.signers = FIRST;
    for (int i = 0; i < 2; i++)
        memcpy(recipe.policy.image_keys[i], attack->fixture->digests[KEY_THIEF + i], 32);
    attack->offer = attack_forged(attack, &recipe);
}

/* … to a product of his own. */
static void cross_products(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.signers = FIRST;
    recipe.policy.product_id[3] ^= 1;
    attack->offer = attack_forged(attack, &recipe);
}

/* He freezes the device at his mercy: the counter at its end. */
static void counter_end(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.signers = FIRST;
    recipe.policy.rollback_floor = 0;
    attack->offer = attack_forged(attack, &recipe);
}

static void genuine_next(struct attack *attack)
{
    attack_offer_next(attack);
}

static void genuine_older(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 0);
    recipe.policy.counter = 7;
    recipe.policy.rollback_floor = 7;
    attack->offer = attack_genuine(attack, &recipe);
    attack->flags = GODWIT_INSTRUCTION_ALLOW_DOWNGRADE;
}

#define ONE 10, "K"
#define STOLEN(keys) .holds = (keys)
#define SIGNED(keys) .param = (keys), .begin = attack_offer_forged
#define BY_HIMSELF(keys) .param = (keys), .begin = deliver_own

/* clang-format off */
const struct attack_case ATTACK_KEYS[] = {
    {10, "N", "keys-none", "no key: own image, own instruction", REFUSED(R(INSTRUCTION_SIGNATURE)),
     BY_HIMSELF(KEY_BIT(KEY_THIEF))},
    {10, "D", "keys-token", "one device's token alone: nothing is signed by it",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .begin = own_deploys},
    {ONE, "keys-first", "the first image key alone: it signs, but can not deliver",
     REFUSED(R(INSTRUCTION_SIGNATURE)), STOLEN(FIRST), BY_HIMSELF(FIRST)},
    {ONE, "keys-first-deploys", "… and tries it as a deploy key",
     REFUSED(R(INSTRUCTION_SIGNATURE)), LIVE, STOLEN(FIRST), .param = FIRST,
     .begin = image_key_deploys},
    {ONE, "keys-first-stages", "… and tries to deploy a genuine release with it",
     REFUSED(R(INSTRUCTION_SIGNATURE)), STOLEN(FIRST), .begin = image_key_deploys_genuine},
    {ONE, "keys-both", "both image keys, no server", REFUSED(R(INSTRUCTION_SIGNATURE)),
     STOLEN(FIRST | SECOND), BY_HIMSELF(FIRST | SECOND)},
    {10, "S", "keys-deploy-genuine", "the deploy key alone: may stage a genuine release",
     INSTALLED, CONTROL, SERVER, .begin = genuine_next},
    {10, "S", "keys-deploy-own", "the deploy key alone: no code of his own",
     REFUSED(R(SIGNATURE_KEY)), SERVER, SIGNED(KEY_BIT(KEY_THIEF))},
    {10, "S", "keys-deploy-floor", "the deploy key alone: nothing below the rollback floor",
     REFUSED(R(BELOW_ROLLBACK_FLOOR)), SERVER, .begin = genuine_older},
    {10, "S", "keys-deploy-retired", "the deploy key and an image key that is listed no longer",
     REFUSED(R(SIGNATURE_KEY)), LIVE, STOLEN(DEPLOY | KEY_BIT(KEY_RETIRED)),
     SIGNED(KEY_BIT(KEY_RETIRED))},
    {10, "S", "keys-retired-deploy", "a deploy key that only the agent's build still lists",
     REFUSED(R(INSTRUCTION_SIGNATURE)), LIVE, STOLEN(KEY_BIT(KEY_DEPLOY_RETIRED)),
     .begin = retired_deploys},
    {10, "SK", "keys-deploy-other-base", "the deploy key and another product's image key",
     REFUSED(R(SIGNATURE_KEY)), STOLEN(DEPLOY | KEY_BIT(KEY_RSA)), SIGNED(KEY_BIT(KEY_RSA))},
    {10, "SK", "keys-all-granted", "server and image key, one signature asked: all is lost",
     INSTALLED, CONTROL, STOLEN(DEPLOY | FIRST), SIGNED(FIRST)},
    {10, "SK", "keys-all-second", "… also with the second image key", INSTALLED, CONTROL,
     STOLEN(DEPLOY | SECOND), SIGNED(SECOND)},
    {10, "SK", "keys-all-product", "… but not the product", REFUSED(R(WRONG_PRODUCT)),
     STOLEN(DEPLOY | FIRST), .begin = cross_products},
    {10, "SK", "keys-all-floor", "… and the rollback floor does not fall",
     REFUSED(R(POLICY_ROLLBACK_FLOOR)), STOLEN(DEPLOY | FIRST), .begin = counter_end},
    {10, "SK", "keys-all-takeover", "… and all keys at once are not exchanged",
     REFUSED(R(POLICY_KEYS)), STOLEN(DEPLOY | FIRST), .begin = take_over},
    {10, "K", "keys-two-one", "two signatures asked: one image key, no server",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .base = BASE_TWO, STOLEN(FIRST), BY_HIMSELF(FIRST)},
    {10, "SK", "keys-two-server-one", "two signatures asked: server and one image key",
     REFUSED(R(SIGNATURE_THRESHOLD)), .base = BASE_TWO, STOLEN(DEPLOY | FIRST), SIGNED(FIRST)},
    {10, "SK", "keys-two-server-second", "… and the other one", REFUSED(R(SIGNATURE_THRESHOLD)),
     .base = BASE_TWO, STOLEN(DEPLOY | SECOND), SIGNED(SECOND)},
    {10, "SK", "keys-two-server-own", "… and one image key beside a key of his own",
     REFUSED(R(SIGNATURE_THRESHOLD)), .base = BASE_TWO, STOLEN(DEPLOY | FIRST),
     SIGNED(FIRST | KEY_BIT(KEY_THIEF))},
    {10, "SK", "keys-two-server-retired", "… and one image key beside a retired one",
     REFUSED(R(SIGNATURE_THRESHOLD)), .base = BASE_TWO,
     STOLEN(DEPLOY | FIRST | KEY_BIT(KEY_RETIRED)), SIGNED(FIRST | KEY_BIT(KEY_RETIRED))},
    {10, "K", "keys-two-both", "two signatures asked: two image keys, no server",
     REFUSED(R(INSTRUCTION_SIGNATURE)), .base = BASE_TWO, STOLEN(FIRST | SECOND),
     BY_HIMSELF(FIRST | SECOND)},
    {10, "SK", "keys-two-granted", "server and two image keys: all is lost", INSTALLED, CONTROL,
     .base = BASE_TWO, STOLEN(DEPLOY | FIRST | SECOND), SIGNED(FIRST | SECOND)},
    {10, "SK", "keys-two-third", "… any two of the three", INSTALLED, CONTROL, .base = BASE_TWO,
     STOLEN(DEPLOY | SECOND | KEY_BIT(KEY_THIRD)), SIGNED(SECOND | KEY_BIT(KEY_THIRD))},
    {10, "S", "keys-basic-own", "basic mode, the server stolen: no code of his own",
     REFUSED(R(SIGNATURE_KEY)), .base = BASE_BASIC, SERVER, SIGNED(KEY_BIT(KEY_THIEF))},
    {10, "-", "keys-basic-none", "nobody attacks: an update in basic mode", INSTALLED, CONTROL,
     .base = BASE_BASIC, .begin = genuine_next},
    {10, "-", "keys-rsa-none", "nobody attacks: an update signed with RSA", INSTALLED, CONTROL,
     .base = BASE_RSA, .begin = genuine_next},
    {0}};
/* clang-format on */
