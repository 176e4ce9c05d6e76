/* `godwit serve`: open, listen, run until a signal, drain. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "fleet/counts.h"
#include "rt/log_writer.h"
#include "server/secret_files.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/shown_certificate.h"
#include "server/text_file.h"

#define TICK_S 2
#define WEB_CONNECTIONS 1024
#define DRAIN_MS 5000
#define LARGE_BLOCK                                                                              \
    (1 << 20)                 /* from here memory goes back to the system at once: hashes, lists \
                               */
#define REPLY_MAX (64U << 20) /* all devices in one list: a quarter of a million */

static int complain(const char *note)
{
    fprintf(stderr, "godwit serve: %s\n", note);
    return 1;
}

/* Also when the start fails further on: the account is there from now on. */
static void print_password(const char *password)
{
    if (!*password) return;
    printf("user           admin\n");
    printf("password       %s (printed this once; keep it)\n", password);
    fflush(stdout);
}

static void greet(const struct app *app, const char *url, const char *password)
{
    char hex[65];
    godwit_hex_encode(app->ca_sha256, sizeof app->ca_sha256, hex);
    printf("Godwit " GODWIT_VERSION " serves %s\n", url);
    printf("data           %s%s\n", app->settings->data,
           app->is_data_open ? " (other users can look into it; chmod 700 closes it)" : "");
    printf("CA fingerprint %s (SHA-256 of its key)\n", hex);
    print_password(password);
    fflush(stdout);
}

static void wait_for_signal(struct app *app, struct http_server *server, const sigset_t *signals)
{
    const struct timespec tick = {.tv_sec = TICK_S};
    for (;;) {
        int signal_number = sigtimedwait(signals, NULL, &tick);
        if (signal_number == SIGINT || signal_number == SIGTERM) return;
        app_tick(app);
        shown_certificate_tick(app, server, signal_number == SIGHUP);
        device_trust_tick(app, server, signal_number == SIGHUP);
        http_tick(server);
    }
}

/* No start goes on with open secrets. A first start makes nothing before it is sure of what it was
 * told, the port and the certificate, and of room for what it makes. */
static bool rehearse(const struct settings *settings, char *note, size_t note_size)
{
    char path[512], address[64];
    struct http_options options = {.key = settings->tls_key, .address = address, .loops = 1};
    if (secret_files_check(settings->data, settings->tls_key, note, note_size)) return false;
    if (secret_files_check(settings->data, settings->web_key, note, note_size)) return false;
    folder_path(settings->data, "godwit.db", path, sizeof path);
    if (path_exists(path)) return true;
    if (!path_has_room(settings->data, APP_ROOM_MIN)) {
        app_note_full(settings->data, note, note_size);
        return false;
    }
    struct given_chain chain = {0};
    struct http_clients *clients = NULL;
    bool is_trusted = !device_trust_read(settings, &clients, note, note_size);
    http_clients_close(clients);
    bool is_good = is_trusted &&
                   !settings_listen(settings->listen, address, sizeof address, &options.port) &&
                   (!settings->tls_cert ||
                    !given_chain_load(settings->tls_cert, settings->ca, &chain, note, note_size));
    options.certificate = chain.pem;
    is_good = is_good && !http_check(&options, note, note_size);
    given_chain_free(&chain);
    return is_good;
}

/* For people, apart from devices; few connections, for files are shared. */
static bool open_web(struct app *app, char *note, size_t note_size)
{
    const struct settings *settings = app->settings;
    char address[64];
    struct http_options options = {
        .certificate = settings->web_cert,
        .key = settings->web_key,
        .address = address,
        .loops = 1,
        .limits = {.connections_max = WEB_CONNECTIONS, .arena_max = REPLY_MAX}};
    if (!settings->web_listen) return true;
    routes_serve(app, &options);
    (void)!settings_listen(settings->web_listen, address, sizeof address, &options.port);
    return !http_open(&options, note, note_size, &app->web);
}

static void print_pages(const struct app *app)
{
    char address[64];
    uint16_t port;
    if (!app->web || settings_listen(app->settings->web_listen, address, sizeof address, &port))
        return;
    printf(strchr(address, ':') ? "pages          %s://[%s]:%u\n" : "pages          %s://%s:%u\n",
           app->settings->web_cert ? "https" : "http", address, http_port(app->web));
    fflush(stdout);
}

/* Those that the database holds; some of them may not be in memory. */
static bool count_devices(struct app *app, int64_t *count_out)
{
    struct db *db = app_reader_take(app);
    bool is_good = db && !counts_devices(db, count_out);
    if (db) app_reader_give(app, db);
    return is_good;
}

static int serve(struct app *app, const char *password, const sigset_t *signals)
{
    struct http_server *server = NULL;
    char address[64], note[512], url[320], connect[96];
    struct http_options options = {.certificate = shown_certificate_pem(app),
                                   .key = app->key_path,
                                   .address = address,
                                   .loops = app->settings->loops,
                                   .web_certificate = app->settings->web_cert,
                                   .web_key = app->settings->web_key,
                                   .clients = app->device_trust.clients,
                                   .limits.arena_max = REPLY_MAX};
    routes_serve(app, &options);
    (void)!settings_listen(app->settings->listen, address, sizeof address, &options.port);
    int64_t devices_count = 0;
    if (!count_devices(app, &devices_count)) {
        print_password(password);
        return complain("the devices in the database can not be counted");
    }
    if (http_open(&options, note, sizeof note, &server)) {
        print_password(password);
        return complain(note);
    }
    atomic_store(&app->http, server);
    shown_certificate_url(app, http_port(server), url, connect);
    if (!open_web(app, note, sizeof note)) {
        http_close(server, 0);
        print_password(password);
        return complain(note);
    }
    int status =
        app_announce(app, url, connect)
            ? complain("server.json in the data directory can not be written; is the disk full?")
            : 0;
    if (!status) {
        greet(app, url, password);
        print_pages(app);
        GODWIT_LOG(INFO, "serving", "url=%s devices=%lld", url, (long long)devices_count);
        wait_for_signal(app, server, signals);
        GODWIT_LOG(INFO, "stopping", "drain_ms=%d", DRAIN_MS);
    }
    http_close(app->web, DRAIN_MS);
    atomic_store(&app->http, NULL);
    http_close(server, DRAIN_MS);
    return status;
}

static int run(const struct settings *settings, const sigset_t *signals)
{
    static struct app app; /* large; one per program */
    char note[600], password[32];
    int status;
    if (!rehearse(settings, note, sizeof note)) return complain(note);
    if (app_open(&app, settings, note, sizeof note, password)) {
        print_password(password);
        status = complain(note);
    } else {
        status = serve(&app, password, signals);
    }
    app_close(&app);
    return status;
}

/* What led to an abort of our own is still in the log's buffer. */
static struct log_writer *log_writer;

static void on_abort(int number)
{
    (void)number;
    log_writer_flush(log_writer); /* NOLINT(bugprone-signal-handler): bounded, and then we die */
}

int cmd_serve(int argc, char **argv)
{
    struct settings settings;
    int status = settings_parse(argc, argv, &settings);
    if (status >= 0) return status;
    /* Before the first thread, so that all of them leave these signals to the wait above. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK); /* fixed: by default it grows with what was freed */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (log_writer_open(STDERR_FILENO, GODWIT_LOG_INFO, &clock_real, 1, &log_writer))
        return complain("a thread can not be started; raise the limit on threads");
    signal(SIGABRT, on_abort);
    godwit_log_set(log_writer_add, log_writer);
    status = run(&settings, &signals);
    settings_free(&settings);
    signal(SIGABRT, SIG_DFL);
    godwit_log_set(NULL, NULL);
    log_writer_close(log_writer);
    return status;
}
