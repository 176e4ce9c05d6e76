/* What can not be used is said, and the one that was shown before stays. */
#include "server/shown_certificate.h"

#include <stdio.h>

#include "base/log.h"
#include "server/app.h"
#include "server/certificate.h"
#include "server/certificate_names.h"
#include "server/secret_files.h"
#include "server/settings.h"
#include "server/text_file.h"

#define RENEW_EVERY_MS 60000

static void listen_address(const struct app *app, char out[static 64])
{
    uint16_t port;
    const char *listen = app->settings->listen;
    if (!listen || settings_listen(listen, out, 64, &port)) snprintf(out, 64, "127.0.0.1");
}

static void tls_folder(const struct app *app, char out[static FILE_PATH_MAX - 32])
{
    folder_path(app->settings->data, "tls", out, FILE_PATH_MAX - 32);
}

/* Whether a file is another than when it was last looked at. */
static bool has_changed(struct app *app)
{
    const char *const paths[] = {app->cert_path, app->key_path, app->ca_path,
                                 app->settings->web_cert, app->settings->web_key};
    return files_have_changed(paths, app->shown.files, sizeof paths / sizeof *paths);
}

/* ---- ours ---- */

/* With the CA's key away, as in a safe, what the present one lacks is no reason not to serve. */
static godwit_err ensure_own(const struct app *app)
{
    char folder[FILE_PATH_MAX - 32], address[64], names[CERTIFICATE_NAMES_MAX];
    tls_folder(app, folder);
    listen_address(app, address);
    certificate_names(address, app->settings->name, false, names);
    godwit_err err = certificate_ensure(folder, names);
    if (err != GODWIT_ERR_MISSING) return err;
    certificate_names(address, app->settings->name, true, names);
    err = certificate_ensure(folder, names);
    if (!err) GODWIT_LOG(WARN, "certificate_lacks_names", "file=\"%s\"", app->cert_path);
    return err;
}

static godwit_err open_own(struct app *app, bool has_account, char *note, size_t note_size)
{
    char folder[FILE_PATH_MAX - 32];
    tls_folder(app, folder);
    folder_path(folder, "ca.pem", app->ca_path, sizeof app->ca_path);
    folder_path(folder, "server.pem", app->cert_path, sizeof app->cert_path);
    folder_path(folder, "server-key.pem", app->key_path, sizeof app->key_path);
    bool is_lost = has_account && !path_exists(app->ca_path);
    godwit_err err = is_lost ? GODWIT_ERR_MISSING : ensure_own(app);
    (void)has_changed(app);
    if (!err) err = certificate_announced(folder, app->next_ca);
    if (!err) err = certificate_ca_digest(app->ca_path, app->ca_sha256);
    if (err == GODWIT_ERR_MISSING)
        snprintf(note, note_size,
                 "%s/ca.pem or ca-key.pem is missing; put it back from a backup, for devices trust "
                 "no other",
                 folder);
    else if (err)
        snprintf(note, note_size, "the certificate in %s can not be made: %s", folder,
                 godwit_err_sentence(err));
    return err;
}

/* ---- given ---- */

static godwit_err open_given(struct app *app, char *note, size_t note_size)
{
    const struct settings *settings = app->settings;
    snprintf(app->cert_path, sizeof app->cert_path, "%s", settings->tls_cert);
    snprintf(app->key_path, sizeof app->key_path, "%s", settings->tls_key);
    snprintf(app->ca_path, sizeof app->ca_path, "%s",
             settings->ca ? settings->ca : settings->tls_cert);
    (void)has_changed(app); /* before they are read: what changes meanwhile is read again */
    godwit_err err = given_chain_load(app->cert_path, settings->ca, &app->chain, note, note_size);
    memcpy(app->ca_sha256, app->chain.ca_sha256, sizeof app->ca_sha256);
    return err;
}

godwit_err shown_certificate_open(struct app *app, bool has_account, char *note_out,
                                  size_t note_size)
{
    app->shown.renew_ms = clock_now_ms(app->clock) + RENEW_EVERY_MS;
    return app->settings->tls_cert ? open_given(app, note_out, note_size)
                                   : open_own(app, has_account, note_out, note_size);
}

const char *shown_certificate_pem(const struct app *app)
{
    return app->chain.pem ? app->chain.pem : app->cert_path;
}

/* ---- while it runs ---- */

/* `godwit ca --switch` puts another CA into the folder; that counts from the next start on. */
static bool is_same_ca(const struct app *app)
{
    uint8_t digest[32];
    return !certificate_ca_digest(app->ca_path, digest) &&
           !memcmp(digest, app->ca_sha256, sizeof digest);
}

static void renew(struct app *app)
{
    godwit_err err = is_same_ca(app) ? ensure_own(app) : GODWIT_OK;
    if (err && err != app->shown.renew_err)
        GODWIT_LOG(ERROR, "certificate_not_renewed", "file=\"%s\" error=%s", app->cert_path,
                   godwit_err_name(err));
    app->shown.renew_err = err;
}

static godwit_err load_given(struct app *app, struct given_chain *chain, char *note,
                             size_t note_size)
{
    const struct settings *settings = app->settings;
    godwit_err err = secret_files_check(settings->data, settings->tls_key, note, note_size);
    if (!err) err = given_chain_load(app->cert_path, settings->ca, chain, note, note_size);
    if (!err && memcmp(chain->ca_sha256, app->ca_sha256, sizeof app->ca_sha256)) {
        snprintf(note, note_size,
                 "it leads to another CA than devices know; restart where that is meant");
        err = GODWIT_ERR_TRUST;
    }
    return err;
}

static void reload(struct app *app, struct http_server *server)
{
    char note[600] = "";
    struct given_chain chain = {0};
    godwit_err err =
        app->settings->tls_cert ? load_given(app, &chain, note, sizeof note) : GODWIT_OK;
    if (!err)
        err = http_certificate(server, chain.pem ? chain.pem : app->cert_path, app->key_path, note,
                               sizeof note);
    if (!err && app->web && app->settings->web_cert)
        err = http_certificate(app->web, app->settings->web_cert, app->settings->web_key, note,
                               sizeof note);
    if (err) {
        GODWIT_LOG(ERROR, "certificate_refused", "file=\"%s\" note=\"%s\"", app->cert_path, note);
        given_chain_free(&chain);
        return;
    }
    GODWIT_LOG(INFO, "certificate_loaded", "file=\"%s\" ends=%s", app->cert_path, chain.ends);
    given_chain_free(&app->chain);
    app->chain = chain;
}

void shown_certificate_tick(struct app *app, struct http_server *server, bool is_asked)
{
    uint64_t now_ms = clock_now_ms(app->clock);
    if (!app->settings->tls_cert && (is_asked || now_ms >= app->shown.renew_ms)) {
        app->shown.renew_ms = now_ms + RENEW_EVERY_MS;
        renew(app);
    }
    if (has_changed(app) || is_asked) reload(app, server);
}

/* ---- its address ---- */

void shown_certificate_url(const struct app *app, uint16_t port, char url_out[static 320],
                           char connect_out[static 96])
{
    char address[64];
    listen_address(app, address);
    if (is_any_address(address)) snprintf(address, sizeof address, "127.0.0.1");
    const char *host = address;
    bool is_v6 = strchr(address, ':');
    bool is_certified = !app->chain.pem || given_chain_covers(&app->chain, address);
    if (!is_certified && app->chain.host[0]) host = app->chain.host;
    snprintf(url_out, 320, host == address && is_v6 ? "https://[%s]:%u" : "https://%s:%u", host,
             port);
    *connect_out = 0;
    if (host != address) snprintf(connect_out, 96, is_v6 ? "[%s]:%u" : "%s:%u", address, port);
}
