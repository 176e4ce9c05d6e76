/* One row of the table a verdict; what is refused says what to do, and no word of tokens. */
#include "server/device_certificate.h"

#include "server/problem.h"

static const struct {
    int status;
    const char *type, *detail;
} ROWS[CERTIFICATE_COUNT] = {
    [CERTIFICATE_ABSENT] = {0, "", ""},
    [CERTIFICATE_GOOD] = {0, "", ""},
    [CERTIFICATE_NEEDED] = {403, "certificate-needed",
                            "devices come here with a certificate of their maker only; give the "
                            "device one that a CA of --device-ca signed"},
    [CERTIFICATE_UNTRUSTED] = {403, "certificate-untrusted",
                               "no CA in --device-ca signed the device's certificate; is its "
                               "maker's CA there, and does the device send the CAs in between?"},
    [CERTIFICATE_REVOKED] = {403, "certificate-revoked",
                             "the device's certificate is on the revocation list of its maker"},
    [CERTIFICATE_PURPOSE] = {403, "certificate-purpose",
                             "the device's certificate is a CA's or not for TLS clients; give it "
                             "one with the extended key usage clientAuth, or none"},
    [CERTIFICATE_NAMELESS] = {403, "certificate-nameless",
                              "the device's certificate names no device, or several; its common "
                              "name is the device's id, 12 hex digits"},
    [CERTIFICATE_EARLY] = {403, "certificate-early",
                           "the device's certificate is not valid yet; compare the clocks of this "
                           "server and of its maker"},
    [CERTIFICATE_EXPIRED] = {403, "certificate-expired",
                             "the device's certificate is no longer valid; its maker has to give "
                             "it another"},
    [CERTIFICATE_OTHER] = {403, "certificate-other",
                           "the certificate of this connection is another device's; a device "
                           "comes under its own id, with its own token"},
    [CERTIFICATE_STALE] = {503, "certificate-stale",
                           "the CAs of devices or their revocations have changed since this "
                           "connection began; connect again"},
};

enum certificate_verdict certificate_judge(const struct certificate_facts *facts)
{
    static const enum certificate_verdict OF_STATE[] = {
        [CLIENT_NONE] = CERTIFICATE_ABSENT,         [CLIENT_GOOD] = CERTIFICATE_GOOD,
        [CLIENT_UNTRUSTED] = CERTIFICATE_UNTRUSTED, [CLIENT_REVOKED] = CERTIFICATE_REVOKED,
        [CLIENT_PURPOSE] = CERTIFICATE_PURPOSE,     [CLIENT_NAMELESS] = CERTIFICATE_NAMELESS,
        [CLIENT_STALE] = CERTIFICATE_STALE,
    };
    const struct http_client *client = facts->client;
    if (client->state == CLIENT_NONE && facts->is_required) return CERTIFICATE_NEEDED;
    if (client->state != CLIENT_GOOD || facts->is_clock_doubted) return OF_STATE[client->state];
    if (facts->now_s < client->from_s) return CERTIFICATE_EARLY;
    return facts->now_s > client->until_s ? CERTIFICATE_EXPIRED : CERTIFICATE_GOOD;
}

const char *certificate_type(enum certificate_verdict verdict)
{
    return ROWS[verdict].type;
}

void certificate_refuse(struct http_request *request, enum certificate_verdict verdict)
{
    problem(request, ROWS[verdict].status, ROWS[verdict].type, ROWS[verdict].detail, NULL);
}
