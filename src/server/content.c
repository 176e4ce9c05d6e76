/* Image bytes to devices: only to a device whose present decision names them. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/device.h"
#include "fleet/silence.h"
#include "server/device_certificate.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"

enum access { ACCESS_ALLOWED, ACCESS_UNKNOWN, ACCESS_OTHER, ACCESS_NO_FILE, ACCESS_NOT_OFFERED };

/* proof: the device's certificate; NULL: it has none. */
static enum access check(struct app *app, const uint8_t token_sha256[static 32],
                         const struct device_proof *proof, const uint8_t digest[static 32])
{
    enum access access = ACCESS_ALLOWED;
    app_fetch_device(app, NULL, NULL, token_sha256);
    fleet_lock(&app->fleet);
    struct device *device = device_find_by_token(&app->fleet, token_sha256);
    bool is_other = device && proof && memcmp(device->device_id, proof->device_id, 16);
    if (device && !is_other) device_is_seen(&app->fleet, device, clock_unix_s(app->clock));
    if (!device)
        access = ACCESS_UNKNOWN;
    else if (is_other)
        access = ACCESS_OTHER;
    else if (!file_find(&app->fleet.catalogue, device->product->org->name, digest))
        access = ACCESS_NO_FILE;
    else if (!device_may_download(&app->fleet, device, digest))
        access = ACCESS_NOT_OFFERED;
    fleet_unlock(&app->fleet);
    return access;
}

static void reply_file(struct http_request *request, const uint8_t digest[static 32])
{
    struct app *app = request->app;
    request->authenticated = true;
    struct http_file file = {.content_type = "application/octet-stream"};
    godwit_err err = blob_open(&app->blobs, digest, &file.fd, &file.size);
    if (err) {
        char hex[65];
        godwit_hex_encode(digest, 32, hex);
        GODWIT_LOG(ERROR, "file_not_read", "file=%s error=%s", hex, godwit_err_name(err));
        problem(request, 500, "storage", "the file is known but can not be read; see the log",
                NULL);
        return;
    }
    char etag[67] = "\"";
    godwit_hex_encode(digest, 32, etag + 1);
    etag[65] = '"', etag[66] = 0;
    file.etag = etag;
    http_reply_header(request, "Cache-Control", "private, immutable");
    http_reply_file(request, &file);
}

void handle_image(struct http_request *request)
{
    const char *hex = http_param(request, "digest");
    uint8_t digest[32];
    bool is_digest = hex && !godwit_hex_decode(hex, strlen(hex), digest, sizeof digest);
    if (!is_digest) memset(digest, 0, sizeof digest);
    switch (check(request->app, permission_digest(request), permission_proof(request), digest)) {
    case ACCESS_ALLOWED:
        reply_file(request, digest);
        return;
    case ACCESS_UNKNOWN:
        problem(request, 401, "unknown-token", "no device has this token; claim it first", NULL);
        return;
    case ACCESS_OTHER:
        certificate_refuse(request, CERTIFICATE_OTHER);
        return;
    case ACCESS_NO_FILE:
        problem(request, 404, "no-file", "there is no such file", NULL);
        return;
    case ACCESS_NOT_OFFERED:
        problem(request, 409, "not-offered",
                "this is not what the device is offered now; check in again", NULL);
    }
}
