/* What the first start makes and later starts read. Order matters: what devices pin (the CA, the
 * deploy key) is made before the first account, so a directory with an account but without those
 * keys has lost them, and that is said instead of making new ones no device would trust. */
#include "server/data_dir.h"

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/account.h"
#include "server/secret.h"
#include "server/secret_files.h"
#include "server/shown_certificate.h"
#include "server/text_file.h"

/* Any: whoever made another admin may have taken the first one away. */
static bool has_account(struct app *app)
{
    return account_exists(app->db);
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

godwit_err data_open_keys(struct app *app, char *note_out, size_t note_size)
{
    app->is_data_open = secret_files_tighten(app->settings->data);
    godwit_err err = open_deploy_keys(app, note_out, note_size);
    if (!err) err = device_trust_open(app, note_out, note_size);
    return err ? err : shown_certificate_open(app, has_account(app), note_out, note_size);
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

/* A database that has people had such a file: who took it away wants to hear of the new one. */
static godwit_err make_machine_token(const char *path, bool is_first_start, char out[static 80])
{
    char line[96];
    godwit_err err = secret_token("gwa.", out);
    if (err) return err;
    snprintf(line, sizeof line, "%s\n", out);
    if (!is_first_start) GODWIT_LOG(WARN, "admin_token_renewed", "file=\"%s\"", path);
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
    if (err == GODWIT_ERR_MISSING) err = make_machine_token(path, !has_account(app), text);
    if (err) return err;
    secret_sha256(text, strlen(text), digest);
    err = token_end_user(&app->fleet, app->db, NULL, ACCOUNT_MACHINE, digest);
    fleet_lock(&app->fleet);
    struct actor actor;
    bool is_known = token_actor(&app->fleet, digest, app->started_s, &actor);
    fleet_unlock(&app->fleet);
    if (err || is_known) return err;
    const struct token_new made = {.org = FLEET_ORG,
                                   .user = ACCOUNT_MACHINE,
                                   .name = "",
                                   .product = "",
                                   .kind = TOKEN_MACHINE,
                                   .scopes = SCOPE_ALL,
                                   .token_sha256 = digest,
                                   .now_s = app->started_s};
    return token_add(&app->fleet, app->db, &made);
}

godwit_err data_open_account(struct app *app, char *note_out, size_t note_size,
                             char password_out[static 32])
{
    char hash[SECRET_HASH_MAX];
    godwit_err err = open_machine_token(app);
    if (!err && !has_account(app)) {
        err = password_make(password_out);
        if (!err) err = password_hash(password_out, hash, sizeof hash);
        const struct account_new made = {FLEET_ORG, "admin", hash, ROLE_ADMIN, app->started_s};
        if (!err) err = account_create(app->db, &made);
    }
    if (err) {
        password_out[0] = 0;
        snprintf(note_out, note_size, "the first account can not be made in %s: %s",
                 app->settings->data, godwit_err_sentence(err));
    }
    return err;
}

godwit_err app_announce(struct app *app, const char *url, const char *connect)
{
    char path[FILE_PATH_MAX], text[FILE_PATH_MAX + 640];
    bool own = !app->settings->tls_cert;
    folder_path(app->settings->data, "server.json", path, sizeof path);
    snprintf(text, sizeof text, "{\"url\": \"%s\", \"ca\": \"%s\"%s%s%s}\n", url,
             own ? "tls/ca.pem" : app->ca_path, *connect ? ", \"connect\": \"" : "", connect,
             *connect ? "\"" : "");
    return text_file_write(path, text, 0644);
}
