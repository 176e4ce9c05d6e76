/* The lists are one object that all loops share. Read anew, they are taken over whole or not at
 * all, and a file that says the same as before drops nobody's session. */
#include "server/device_trust.h"

#include <stdio.h>

#include "base/log.h"
#include "server/app.h"

/* "7cdfa1000001", as in all paths and lists. */
static bool is_device_name(const char *name, uint8_t id_out[static 16])
{
    return device_id_parse(name, id_out) == GODWIT_OK;
}

static bool has_changed(struct app *app)
{
    const char *const paths[] = {app->settings->device_ca, app->settings->device_crl};
    return files_have_changed(paths, app->device_trust.files, sizeof paths / sizeof *paths);
}

godwit_err device_trust_read(const struct settings *settings, struct http_clients **clients_out,
                             char *note_out, size_t note_size)
{
    *clients_out = NULL;
    if (!settings->device_ca) return GODWIT_OK;
    return http_clients_open(settings->device_ca, settings->device_crl, is_device_name, note_out,
                             note_size, clients_out);
}

/* Its maker has not made another one in time; what it says counts on. */
static void warn_overdue(const struct app *app)
{
    const struct http_clients *clients = app->device_trust.clients;
    if (clients && http_clients_are_overdue(clients))
        GODWIT_LOG(WARN, "device_crl_overdue", "file=\"%s\"", app->settings->device_crl);
}

godwit_err device_trust_open(struct app *app, char *note_out, size_t note_size)
{
    struct device_trust *trust = &app->device_trust;
    (void)has_changed(app); /* before they are read: what changes meanwhile is read again */
    godwit_err err = device_trust_read(app->settings, &trust->clients, note_out, note_size);
    if (err || !trust->clients) return err;
    atomic_store(&trust->generation, http_clients_generation(trust->clients));
    warn_overdue(app);
    return GODWIT_OK;
}

void device_trust_close(struct app *app)
{
    http_clients_close(app->device_trust.clients);
    app->device_trust.clients = NULL;
}

void device_trust_tick(struct app *app, struct http_server *server, bool is_asked)
{
    struct device_trust *trust = &app->device_trust;
    struct http_clients *clients;
    char note[600];
    if (!trust->clients || !(has_changed(app) || is_asked)) return;
    if (device_trust_read(app->settings, &clients, note, sizeof note)) {
        GODWIT_LOG(ERROR, "device_ca_refused", "note=\"%s\"", note);
        return;
    }
    if (http_clients_are_same(clients, trust->clients)) { /* nobody has to connect again */
        http_clients_close(clients);
        return;
    }
    http_clients_change(server, clients);
    atomic_store(&trust->generation, http_clients_generation(clients));
    http_clients_close(trust->clients);
    trust->clients = clients;
    GODWIT_LOG(INFO, "device_ca_loaded", "file=\"%s\"", app->settings->device_ca);
    warn_overdue(app);
}
