/* `godwit doctor`: what could keep this service from working, each with what to do. One row of the
 * table a check; a check looks and changes nothing, also beside a service that runs. */
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "options/options.h"
#include "server/secret_files.h"
#include "server/server.h"
#include "server/service_data.h"
#include "server/settings.h"
#include "server/text_file.h"
#include "store/store.h"

#define ROOM_LOW (256U << 20)
#define FILES_LOW 4096
#define CERTIFICATE_LOW_S (14 * 86400)
#define CLOCK_SLACK_S 300
#define URL_MAX 300

enum finding { WELL, WARNING, WRONG };

struct patient {
    const char *data;
    struct db *db; /* read-only; NULL: there is none to look into */
    char said[700];
};

__attribute__((format(printf, 3, 4))) static enum finding
say(struct patient *patient, enum finding finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(patient->said, sizeof patient->said, format, args);
    va_end(args);
    return finding;
}

static enum finding check_data(struct patient *patient)
{
    if (access(patient->data, R_OK | W_OK | X_OK))
        return say(patient, WRONG,
                   "%s can not be read and written; name the service's with --data, and run this "
                   "as its user",
                   patient->data);
    return say(patient, WELL, "%s", patient->data);
}

static enum finding check_secrets(struct patient *patient)
{
    char note[FILE_PATH_MAX + 200];
    if (secret_files_check(patient->data, NULL, note, sizeof note))
        return say(patient, WRONG, "%s", note);
    return say(patient, WELL, "closed to other users");
}

static enum finding check_room(struct patient *patient)
{
    if (path_has_room(patient->data, ROOM_LOW))
        return say(patient, WELL, "more than %u MiB are free", ROOM_LOW >> 20);
    return say(patient, WARNING,
               "%llu MiB are free; below %u MiB (serve --reserve) uploads are refused, so that "
               "devices are still written down: free some, or move the data directory",
               (unsigned long long)(path_room(patient->data) >> 20), RESERVE_MIB);
}

static enum finding check_files(struct patient *patient)
{
    struct rlimit limit = {0};
    (void)!getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max >= FILES_LOW)
        return say(patient, WELL, "%llu may be open", (unsigned long long)limit.rlim_max);
    return say(patient, WARNING,
               "only %llu may be open, and each device that is connected is one; raise the limit "
               "(LimitNOFILE=65536 in a systemd unit, `ulimit -Hn`)",
               (unsigned long long)limit.rlim_max);
}

static enum finding check_database(struct patient *patient)
{
    char path[FILE_PATH_MAX], note[300];
    folder_path(patient->data, "godwit.db", path, sizeof path);
    if (!path_exists(path))
        return say(patient, WRONG, "there is none; `godwit serve` makes it at its first start");
    godwit_err err = db_check(path, note, sizeof note);
    if (!err) err = db_open(path, true, &patient->db, note, sizeof note);
    if (err)
        return say(patient, WRONG, "%s: %s; restore the last backup with `godwit restore`", path,
                   note);
    return say(patient, WELL, "sound");
}

/* The first number of the first row; 0 where there is none. */
static int64_t number_of(struct patient *patient, const char *sql)
{
    struct db_rows rows;
    int64_t number = 0;
    if (!db_query(patient->db, &rows, sql, NULL, 0) && !db_next(&rows))
        number = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return number;
}

static enum finding check_clock(struct patient *patient)
{
    if (!patient->db) return say(patient, WARNING, "not compared: there is no database");
    int64_t now_s = time(NULL), seen_s;
    seen_s = number_of(patient, "select coalesce(max(last_seen), 0) from devices");
    if (seen_s > now_s + CLOCK_SLACK_S)
        return say(patient, WRONG,
                   "it is %lld s behind a device's last check-in; set it (timedatectl set-ntp "
                   "true): sessions and certificates go by it",
                   (long long)(seen_s - now_s));
    return say(patient, WELL, "not behind what the database knows");
}

static enum finding check_images(struct patient *patient)
{
    struct db_rows rows;
    uint8_t sha256[32];
    unsigned count = 0, missing = 0;
    char path[FILE_PATH_MAX], name[80];
    if (!patient->db) return say(patient, WARNING, "not looked at: there is no database");
    godwit_err err =
        db_query(patient->db, &rows, "select distinct file_sha256 from files", NULL, 0);
    while (!err && !(err = db_next(&rows))) {
        db_column_blob(&rows, 0, sha256, sizeof sha256);
        memcpy(name, "blobs/", 6);
        godwit_hex_encode(sha256, sizeof sha256, name + 6);
        folder_path(patient->data, name, path, sizeof path);
        count++;
        missing += !path_exists(path);
    }
    db_rows_close(&rows);
    if (missing)
        return say(patient, WRONG,
                   "%u of %u are missing in blobs/; upload them again, or restore a backup",
                   missing, count);
    return say(patient, WELL, "all %u are there", count);
}

static enum finding check_certificate(struct patient *patient)
{
    char path[FILE_PATH_MAX];
    folder_path(patient->data, "tls/server.pem", path, sizeof path);
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    int days = 0, seconds = 0;
    if (file) fclose(file);
    if (!certificate)
        return say(patient, WARNING, "%s is not there; `godwit serve` makes it at a start", path);
    bool is_read = ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) == 1;
    X509_free(certificate);
    if (is_read && (int64_t)days * 86400 + seconds > CERTIFICATE_LOW_S)
        return say(patient, WELL, "the server's own lasts %d days more", days);
    return say(patient, WARNING,
               "the server's own ends in %d days; a running `godwit serve` renews it: does it run, "
               "and is tls/ca-key.pem there?",
               days);
}

/* The members of server.json that say where it listens: "host:port" of the url. */
static bool address_of(const char *data, char *host, size_t size, char port[static 8])
{
    char path[FILE_PATH_MAX], text[1024];
    folder_path(data, "server.json", path, sizeof path);
    if (text_file_read(path, text, sizeof text)) return false;
    const char *at = strstr(text, "\"connect\": \"");
    at = at ? at + 12 : strstr(text, "https://");
    if (!at) return false;
    if (!strncmp(at, "https://", 8)) at += 8;
    size_t length = strcspn(at, "\"/"), colon = length;
    while (colon && at[colon - 1] != ':')
        colon--;
    if (!colon || colon > size || length - colon >= 8) return false;
    bool is_v6 = at[0] == '[';
    snprintf(host, size, "%.*s", (int)(colon - 1) - 2 * is_v6, at + is_v6);
    snprintf(port, 8, "%.*s", (int)(length - colon), at + colon);
    return true;
}

static enum finding check_reach(struct patient *patient)
{
    char host[URL_MAX], port[8];
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    if (!address_of(patient->data, host, sizeof host, port))
        return say(patient, WARNING, "it never listened from here; start `godwit serve`");
    if (getaddrinfo(host, port, &hints, &found))
        return say(patient, WRONG, "the name %s is not known here; correct --name or your DNS",
                   host);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = fd >= 0 && !connect(fd, found->ai_addr, found->ai_addrlen);
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    if (is_there) return say(patient, WELL, "%s port %s takes connections", host, port);
    return say(patient, WRONG, "nothing listens at %s port %s; is `godwit serve` running?", host,
               port);
}

static const struct {
    const char *name;
    enum finding (*check)(struct patient *patient);
} CHECKS[] = {
    {"data directory", check_data}, {"secrets", check_secrets},         {"disk", check_room},
    {"open files", check_files},    {"database", check_database},       {"images", check_images},
    {"clock", check_clock},         {"certificate", check_certificate}, {"service", check_reach},
};

int cmd_doctor(int argc, char **argv)
{
    static const char *const WORDS[] = {"well", "warning", "WRONG"};
    struct patient patient = {0};
    struct service_data place = {.data = NULL};
    unsigned counts[3] = {0};
    const struct option_row rows[] = {
        SERVICE_DATA_ROWS(place, SERVICE_DATA_SENTENCE),
    };
    const struct options options = {
        "doctor",
        "[--data DIR | --settings FILE]",
        "Looks for what could keep the service from working, and says what to do. Changes\n"
        "nothing. Exit status 1 where something is wrong.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&options, argc, argv, NULL);
    if (status < 0) status = service_data_find(&options, &place);
    if (status >= 0) return status;
    patient.data = place.data;
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        printf("%-15s ", CHECKS[i].name);
        fflush(stdout); /* a large database takes its time, and the reader sees what is looked at */
        enum finding finding = CHECKS[i].check(&patient);
        counts[finding]++;
        printf("%-8s %s\n", WORDS[finding], patient.said);
    }
    db_close(patient.db);
    printf("%u well, %u warnings, %u wrong\n", counts[WELL], counts[WARNING], counts[WRONG]);
    return counts[WRONG] > 0;
}
