/* Why a deploy is refused, in words that say what to do. */
#include <stdio.h>

#include "server/deploy.h"
#include "server/problem.h"

static void reply_unmeant(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    const char *field = override_id(deploy->unmeant);
    char detail[400];
    if (deploy->unmeant == OVERRIDE_TRUST_RESET) {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s makes a trust reset with the keys before it; if that is "
                 "meant, deploy it with --trust-reset",
                 deploy->product, deploy->version);
        problem(request, 409, "trust-reset", detail, field);
    } else if (deploy->unmeant == OVERRIDE_NO_DEPLOY_KEY) {
        snprintf(
            detail, sizeof detail,
            "the policy of %s %s lists no deploy key: devices that run it take instructions "
            "unsigned from then on; list one with `godwit policy --from-initial` or --deploy-key "
            "and upload it again, or if that is meant, deploy it with "
            "--no-deploy-key",
            deploy->product, deploy->version);
        problem(request, 409, "no-deploy-key", detail, field);
    } else if (deploy->unmeant == OVERRIDE_NO_RETURN) {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s raises the rollback floor above the release before it: a "
                 "device that confirms it can not be sent back; if that is meant, deploy it with "
                 "--no-return",
                 deploy->product, deploy->version);
        problem(request, 409, "no-return", detail, field);
    } else {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s lists the key %s… again, which %s had dropped: if it was "
                 "stolen, the thief is trusted again; leave it out and upload it again, or "
                 "if it is meant, deploy it with --retrusted-key",
                 deploy->product, deploy->version, deploy->key, deploy->dropped_by);
        problem(request, 409, "retrusted-key", detail, field);
    }
}

/* False: it is none about the devices that are asked for. */
static bool reply_of_devices(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    char detail[400], id[13];
    device_id_text(deploy->fault_id, id);
    if (deploy->fault == DEPLOY_NO_DEVICE) {
        snprintf(detail, sizeof detail, "there is no device %s; `godwit devices` lists them", id);
        problem(request, 404, "no-device", detail, "devices");
    } else if (deploy->fault == DEPLOY_RETIRED) {
        snprintf(detail, sizeof detail,
                 "device %s is retired; take that back with `godwit retire %s --undo`, or leave it "
                 "out",
                 id, id);
        problem(request, 409, "retired", detail, "devices");
    } else if (deploy->fault == DEPLOY_NONE_FOUND) {
        snprintf(detail, sizeof detail,
                 "the filter finds no device of %s; `godwit devices FILTER` shows what it finds",
                 deploy->product);
        problem(request, 404, "no-device", detail, "filter");
    } else if (deploy->fault == DEPLOY_TOO_MANY_FOUND) {
        snprintf(detail, sizeof detail,
                 "the filter finds more than %d devices of %s; narrow it, or deploy to all",
                 DEPLOY_TARGETS_MAX, deploy->product);
        problem(request, 422, "too-many-devices", detail, "filter");
    } else if (deploy->fault == DEPLOY_NONE_FIRST) {
        problem(request, 404, "no-device",
                "none of the devices that it is for is found to come first; `godwit devices FILTER`"
                " shows what a filter finds",
                "first");
    } else if (deploy->fault == DEPLOY_TOO_MANY_FIRST) {
        snprintf(detail, sizeof detail, "more than %d devices would come first; name fewer",
                 DEPLOY_FIRST_MAX);
        problem(request, 422, "too-many-devices", detail, "first");
    } else {
        return false;
    }
    return true;
}

/* False: it is none about what would be found out too late. */
static bool reply_of_guard(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    char detail[400];
    if (deploy->fault == DEPLOY_CHIP) {
        snprintf(detail, sizeof detail,
                 "%s %s has no image for the %s of one of its devices; upload one under a new "
                 "version, deploy to the other chips alone (--to chip:…), or leave such devices as "
                 "they are with --some-chips",
                 deploy->product, deploy->version, deploy->fault_chip);
        problem(request, 409, "no-image-for-chip", detail, "version");
    } else if (deploy->fault == DEPLOY_BENCH) {
        snprintf(
            detail, sizeof detail,
            "%s is locked: no bench device (tag bench) with %s has confirmed %s and gone back; "
            "deploy it --to tag:bench, then undo that rollout",
            deploy->product, deploy->fault_chip, deploy->version);
        problem(request, 409, "bench", detail, "version");
    } else if (deploy->fault == DEPLOY_PIN_ALL) {
        problem(request, 422, "malformed", "a pin is for the devices that \"devices\" names",
                "priority");
    } else if (deploy->fault == DEPLOY_OUTRANKED) {
        snprintf(
            detail, sizeof detail,
            "none of the devices would hear of it: rollout %u has a higher priority; halt that "
            "one, lower it with `godwit rollout priority`, or deploy with --priority",
            deploy->other_rollout);
        problem(request, 409, "overlaps", detail, "priority");
    } else if (deploy->fault == DEPLOY_SAME || deploy->fault == DEPLOY_OLDER) {
        bool is_same = deploy->fault == DEPLOY_SAME;
        snprintf(detail, sizeof detail, "rollout %u brings %s to these devices now; %s",
                 deploy->other_rollout, is_same ? "the same release" : "a newer release",
                 is_same ? "`godwit rollout watch` shows how it goes"
                         : "halt it first, or deploy with --allow-downgrade");
        problem(request, 409, "overlaps", detail, "version");
    } else {
        return false;
    }
    return true;
}

/* Of the release, and all else. */
static void reply_of_release(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    char detail[400], id[13];
    device_id_text(deploy->fault_id, id);
    if (deploy->fault == DEPLOY_NO_RELEASE) {
        snprintf(detail, sizeof detail, "there is no release %s %s; upload its file first",
                 deploy->product, deploy->version);
        problem(request, 404, "no-release", detail, "version");
    } else if (deploy->fault == DEPLOY_GATES) {
        problem(request, 422, "gates-order",
                "with so few devices a gate stops no later than the one before it; leave it out, "
                "or raise it",
                "gates");
    } else if (deploy->fault == DEPLOY_UNMEANT) {
        reply_unmeant(deploy);
    } else if (deploy->fault == DEPLOY_OUT_OF_REACH) {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s lists no deploy key of this server: a device that runs it "
                 "would obey this server no more; build it with the initial policy of `godwit "
                 "claim policy`",
                 deploy->product, deploy->version);
        problem(request, 409, "deploy-key", detail, "version");
    } else {
        snprintf(detail, sizeof detail, "device %s does not belong to product %s", id,
                 deploy->product);
        problem(request, 422, "wrong-product", detail, "devices");
    }
}

void deploy_reply_fault(const struct deploy *deploy)
{
    if (!reply_of_devices(deploy) && !reply_of_guard(deploy)) reply_of_release(deploy);
}
