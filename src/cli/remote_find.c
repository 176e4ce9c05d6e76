/* Where the server is: flags, a data directory on this computer, or the kept session. */
#include "cli/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk.h"

#define TEXT_FILE_MAX (256u << 10)

/* The whole of a small text file, malloc'ed; NULL when it can not be read. */
static char *text_read(const char *path)
{
    uint8_t *text;
    size_t size;
    return disk_read(path, TEXT_FILE_MAX, &text, &size) ? NULL : (char *)text;
}

static void url_set(struct remote *remote, const char *url)
{
    snprintf(remote->url, sizeof remote->url, "%s", url);
    size_t size = strlen(remote->url);
    while (size && remote->url[size - 1] == '/')
        remote->url[--size] = '\0';
}

static const char *data_directory(void)
{
    const char *data = getenv("GODWIT_DATA");
    return data && data[0] ? data : "godwit-data";
}

enum find { FIND_NONE, FIND_GOOD, FIND_DAMAGED };

static void complain_damaged(const char *path, const char *cure)
{
    fprintf(stderr, "godwit: %s is damaged or can not be read; %s\n", path, cure);
}

/* What is in a JSON file that must name a server; NULL: result_out says whether it is there. */
static json_t *file_load(const char *path, enum find *result_out)
{
    json_t *json = json_load_file(path, 0, NULL);
    bool is_good = json && json_text(json, "url")[0];
    *result_out = is_good ? FIND_GOOD : access(path, F_OK) ? FIND_NONE : FIND_DAMAGED;
    if (is_good) return json;
    json_decref(json);
    return NULL;
}

/* server.json names the CA's file, relative to the data directory or absolute. */
static enum find find_local(struct remote *remote, bool is_quiet)
{
    char path[PATH_MAX];
    const char *data = data_directory();
    enum find result;
    snprintf(path, sizeof path, "%s/server.json", data);
    json_t *server = file_load(path, &result);
    if (result == FIND_DAMAGED && !is_quiet)
        complain_damaged(path, "start `godwit serve` with this data directory again, which writes "
                               "it anew, or name the server with --server URL");
    if (!server) return result;
    url_set(remote, json_text(server, "url"));
    snprintf(remote->connect, sizeof remote->connect, "%s", json_text(server, "connect"));
    const char *ca = json_text(server, "ca");
    snprintf(path, sizeof path, "%s%s%s", ca[0] == '/' ? "" : data, ca[0] == '/' ? "" : "/", ca);
    remote->ca_pem = ca[0] ? text_read(path) : NULL;
    if (ca[0] && !remote->ca_pem) remote->ca_pem = text_read(ca);
    snprintf(remote->ca_file, sizeof remote->ca_file, "%s", path);
    json_decref(server);

    snprintf(path, sizeof path, "%s/admin-token", data);
    char *token = text_read(path);
    if (token)
        snprintf(remote->token, sizeof remote->token, "%.*s", (int)strcspn(token, "\r\n"), token);
    free(token);
    return FIND_GOOD;
}

static bool session_path(char *path, size_t size, bool make_folders)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char folder[PATH_MAX];
    if (config && config[0])
        snprintf(folder, sizeof folder, "%s", config);
    else if (home && home[0])
        snprintf(folder, sizeof folder, "%s/.config", home);
    else
        return false;
    if (make_folders) mkdir(folder, 0700);
    size_t used = strlen(folder);
    snprintf(folder + used, sizeof folder - used, "/godwit");
    if (make_folders) mkdir(folder, 0700);
    return snprintf(path, size, "%s/session.json", folder) < (int)size;
}

static enum find find_session(struct remote *remote, bool is_quiet)
{
    char path[PATH_MAX];
    enum find result;
    if (!session_path(path, sizeof path, false)) return FIND_NONE;
    json_t *session = file_load(path, &result);
    if (result == FIND_DAMAGED && !is_quiet)
        complain_damaged(path, "log in again with `godwit login URL`, which writes it again");
    if (!session) return result;
    url_set(remote, json_text(session, "url"));
    snprintf(remote->token, sizeof remote->token, "%s", json_text(session, "token"));
    snprintf(remote->known, sizeof remote->known, "%s", json_text(session, "known"));
    const char *pem = json_text(session, "ca_pem");
    remote->ca_pem = pem[0] ? strdup(pem) : NULL;
    snprintf(remote->ca_file, sizeof remote->ca_file, "%s", path);
    json_decref(session);
    return FIND_GOOD;
}

/* What a login from here has brought counts on the server's own machine too. */
static void find_mark(struct remote *remote)
{
    struct remote session = {0};
    if (find_session(&session, true) == FIND_GOOD && !strcmp(session.url, remote->url))
        memcpy(remote->known, session.known, sizeof remote->known);
    remote_close(&session);
}

/* A server named by hand: what is known about that very address (CA, token) still holds. */
static void find_known(struct remote *remote, const char *server)
{
    enum find (*const finders[])(struct remote *, bool) = {find_local, find_session};
    char wanted[sizeof remote->url];
    url_set(remote, server);
    memcpy(wanted, remote->url, sizeof wanted);
    for (size_t i = 0; i < sizeof finders / sizeof *finders; i++) {
        struct remote found = {0};
        if (finders[i](&found, true) == FIND_GOOD && !strcmp(found.url, wanted)) {
            if (finders[i] == find_local) find_mark(&found);
            *remote = found;
            return;
        }
        remote_close(&found);
    }
}

/* Of no flag: the data directory here, else the kept session. A damaged file ends the search: what
 * it named must not be another server. */
static bool find_default(struct remote *remote)
{
    enum find found = find_local(remote, false);
    if (found == FIND_NONE) found = find_session(remote, false);
    if (found == FIND_NONE)
        fprintf(stderr, "godwit: no server is known here; name one with --server URL, log in "
                        "with `godwit login URL`, or start one with `godwit serve`\n");
    return found == FIND_GOOD;
}

/* --ca FILE instead of what was found. */
static bool ca_take(struct remote *remote, const char *file)
{
    free(remote->ca_pem);
    remote->ca_pem = text_read(file);
    snprintf(remote->ca_file, sizeof remote->ca_file, "%s", file);
    if (!remote->ca_pem)
        fprintf(stderr, "godwit: the CA file %s can not be read: %s\n", file, strerror(errno));
    return remote->ca_pem;
}

bool remote_open(struct remote *remote, const struct remote_flags *flags)
{
    memset(remote, 0, sizeof *remote);
    if (flags->server)
        find_known(remote, flags->server);
    else if (!find_default(remote))
        return false;
    remote->is_raw = flags->json;
    snprintf(remote->org, sizeof remote->org, "%s", flags->org ? flags->org : "");
    bool is_good = !strncmp(remote->url, "https://", 8);
    if (!is_good)
        fprintf(stderr, "godwit: '%s': the server's address must begin with https://\n",
                remote->url);
    if (is_good && flags->ca) is_good = ca_take(remote, flags->ca);
    if (is_good && remote->ca_pem && !strstr(remote->ca_pem, "-----BEGIN CERTIFICATE-----")) {
        complain_ca(remote->ca_file);
        is_good = false;
    }
    if (!is_good) remote_close(remote);
    return is_good;
}

bool remote_open_session(struct remote *remote)
{
    memset(remote, 0, sizeof *remote);
    enum find found = find_session(remote, false);
    if (found == FIND_GOOD && remote->token[0]) return true;
    if (found != FIND_DAMAGED) fputs("godwit: no session is kept here\n", stderr);
    remote_close(remote);
    return false;
}

void remote_close(struct remote *remote)
{
    free(remote->ca_pem);
    memset(remote, 0, sizeof *remote);
}

bool remote_session_save(const struct remote *remote)
{
    char path[PATH_MAX];
    if (!session_path(path, sizeof path, true)) {
        fputs("godwit: HOME is not set, so the session can not be kept\n", stderr);
        return false;
    }
    json_t *session =
        json_pack("{s:s, s:s, s:s, s:s}", "url", remote->url, "token", remote->token, "known",
                  remote->known, "ca_pem", remote->ca_pem ? remote->ca_pem : "");
    unlink(path); /* a file of other rights does not keep them */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    bool is_good = session && fd >= 0 && !json_dumpfd(session, fd, JSON_INDENT(2));
    if (fd >= 0 && close(fd)) is_good = false;
    if (!is_good) fprintf(stderr, "godwit: %s can not be written: %s\n", path, strerror(errno));
    json_decref(session);
    return is_good;
}

bool remote_session_end(struct remote *remote)
{
    remote->token[0] = '\0';
    return remote_session_save(remote);
}
