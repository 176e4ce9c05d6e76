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
    } else {
        snprintf(detail, sizeof detail,
                 "the policy of %s %s lists the key %s… again, which %s had dropped: if it was "
                 "stolen, the thief is trusted again; leave it out and upload it again, or "
                 "if it is meant, deploy it with --retrusted-key",
                 deploy->product, deploy->version, deploy->key, deploy->dropped_by);
        problem(request, 409, "retrusted-key", detail, field);
    }
}

void deploy_reply_fault(const struct deploy *deploy)
{
    struct http_request *request = deploy->change.request;
    char detail[256], id[13];
    device_id_text(deploy->fault_id, id);
    if (deploy->fault == DEPLOY_NO_RELEASE) {
        snprintf(detail, sizeof detail, "there is no release %s %s; upload its file first",
                 deploy->product, deploy->version);
        problem(request, 404, "no-release", detail, "version");
    } else if (deploy->fault == DEPLOY_NO_DEVICE) {
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
