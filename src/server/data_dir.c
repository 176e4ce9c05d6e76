/* What the first start makes and later starts read. Order matters: what devices pin (the CA, the
 * deploy key) is made before the first account, so a directory with an account but without those
 * keys has lost them, and that is said instead of making new ones no device would trust. */
#include "server/data_dir.h"
#include "fleet/account.h"

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/account.h"
#include "server/certificate.h"
#include "server/secret.h"
#include "server/secret_files.h"
#include "server/text_file.h"

static bool has_account(struct app *app)
{
    char hash[SECRET_HASH_MAX];
    return account_password(app->db, "admin", hash, sizeof hash) == GODWIT_OK;
}

static godwit_err open_deploy_keys(struct app *app, char *note, size_t note_size)
{
    struct deploy_keys *keys = &app->deploy_keys;
    godwit_err err =
        deploy_keys_open(app->settings->data, !has_account(app), keys, note, note_size);
    app->fleet.catalogue.deploy_keys_count = keys->count;
    memcpy(app->fleet.catalogue.deploy_keys, keys->points, sizeof keys->points);
    return err;
}

static godwit_err open_own_certificate(struct app *app, char *note, size_t note_size)
{
    char folder[FILE_PATH_MAX - 32];
    folder_path(app->settings->data, "tls", folder, sizeof folder);
    folder_path(folder, "ca.pem", app->ca_path, sizeof app->ca_path);
    folder_path(folder, "server.pem", app->cert_path, sizeof app->cert_path);
    folder_path(folder, "server-key.pem", app->key_path, sizeof app->key_path);
    godwit_err err = GODWIT_OK;
    bool lost = has_account(app) && !path_exists(app->ca_path);
    if (!lost) err = certificate_ensure(folder, app->settings->name);
    if (!lost && !err) return certificate_announced(folder, app->next_ca);
    if (lost || err == GODWIT_ERR_MISSING)
        snprintf(note, note_size,
                 "%s/ca.pem or ca-key.pem is missing; put it back from a backup, for devices trust "
                 "no other",
                 folder);
    else
        snprintf(note, note_size, "the certificate in %s can not be made: %s", folder,
                 godwit_err_sentence(err));
    return lost ? GODWIT_ERR_MISSING : err;
}

static godwit_err open_given_certificate(struct app *app, char *note, size_t note_size)
{
    const struct settings *settings = app->settings;
    const char *const paths[] = {settings->tls_cert, settings->tls_key};
    for (size_t i = 0; i < 2; i++)
        if (!path_exists(paths[i])) {
            snprintf(note, note_size, "there is no file %s; check --tls-cert and --tls-key",
                     paths[i]);
            return GODWIT_ERR_MISSING;
        }
    snprintf(app->cert_path, sizeof app->cert_path, "%s", settings->tls_cert);
    snprintf(app->key_path, sizeof app->key_path, "%s", settings->tls_key);
    snprintf(app->ca_path, sizeof app->ca_path, "%s", settings->tls_cert);
    return GODWIT_OK;
}

godwit_err data_open_keys(struct app *app, char *note_out, size_t note_size)
{
    bool given = app->settings->tls_cert != NULL;
    app->is_data_open = secret_files_tighten(app->settings->data);
    godwit_err err = open_deploy_keys(app, note_out, note_size);
    if (!err)
        err = given ? open_given_certificate(app, note_out, note_size)
                    : open_own_certificate(app, note_out, note_size);
    if (err) return err;
    err = certificate_ca_digest(app->ca_path, app->ca_sha256);
    if (err) snprintf(note_out, note_size, "%s holds no certificate (PEM)", app->ca_path);
    return err;
}

/* "gwa." and 64 hex digits, without the line's end; MISSING where the file holds no such text. */
static godwit_err read_machine_token(const char *path, char *out, size_t size_max)
{
    uint8_t secret[32];
    godwit_err err = text_file_read(path, out, size_max);
    if (err == GODWIT_ERR_SPACE) return GODWIT_ERR_MISSING;
    if (err) return err;
    out[strcspn(out, "\r\n")] = 0;
    bool is_token = !strncmp(out, "gwa.", 4) &&
                    !godwit_hex_decode(out + 4, strlen(out + 4), secret, sizeof secret);
    return is_token ? GODWIT_OK : GODWIT_ERR_MISSING;
}

static godwit_err make_machine_token(const char *path, char out[static 80])
{
    char hex[65], line[80];
    uint8_t secret[32];
    godwit_err err = secret_random(secret, sizeof secret);
    if (err) return err;
    godwit_hex_encode(secret, sizeof secret, hex);
    snprintf(out, 80, "gwa.%s", hex);
    snprintf(line, sizeof line, "gwa.%s\n", hex);
    if (path_exists(path)) LOG(WARN, "admin_token_renewed", "file=\"%s\"", path);
    return text_file_write(path, line, 0600);
}

/* The token of the command line on this machine is what its file holds, and nothing else: whatever
 * the file held before ends here. It is made where there is none. */
static godwit_err open_machine_token(struct app *app)
{
    char path[FILE_PATH_MAX], text[80];
    uint8_t digest[32];
    folder_path(app->settings->data, "admin-token", path, sizeof path);
    godwit_err err = read_machine_token(path, text, sizeof text);
    if (err == GODWIT_ERR_MISSING) err = make_machine_token(path, text);
    if (err) return err;
    secret_sha256(text, strlen(text), digest);
    err = account_end_user(&app->fleet, app->db, ACCOUNT_MACHINE, digest);
    fleet_lock(&app->fleet);
    bool is_known = account_token_is_good(&app->fleet, digest, app->started_s);
    fleet_unlock(&app->fleet);
    if (err || is_known) return err;
    return account_add_token(&app->fleet, app->db, ACCOUNT_MACHINE, digest, app->started_s, 0);
}

godwit_err data_open_account(struct app *app, char *note_out, size_t note_size,
                             char password_out[static 32])
{
    char hash[SECRET_HASH_MAX];
    godwit_err err = open_machine_token(app);
    if (!err && !has_account(app)) {
        err = password_make(password_out);
        if (!err) err = password_hash(password_out, hash, sizeof hash);
        if (!err) err = account_create(app->db, "admin", hash, app->started_s);
    }
    if (err) {
        password_out[0] = 0;
        snprintf(note_out, note_size, "the first account can not be made in %s: %s",
                 app->settings->data, godwit_err_sentence(err));
    }
    return err;
}

godwit_err app_announce(struct app *app, const char *url)
{
    char path[FILE_PATH_MAX], text[FILE_PATH_MAX + 256];
    bool own = !app->settings->tls_cert;
    folder_path(app->settings->data, "server.json", path, sizeof path);
    snprintf(text, sizeof text, "{\"url\": \"%s\", \"ca\": \"%s\"}\n", url,
             own ? "tls/ca.pem" : app->ca_path);
    return text_file_write(path, text, 0644);
}
