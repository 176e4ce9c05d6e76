/* `godwit backup` and `godwit restore`: the data directory carried away and back. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "options/options.h"
#include "server/backup.h"
#include "server/server.h"
#include "server/service_data.h"

#define QUIET_S 2

struct shown {
    time_t begun_s, told_s;
    bool has_line;
};

/* A line on a terminal once it takes longer than people wait without asking. */
static void show(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    struct shown *shown = ctx;
    time_t now_s = time(NULL);
    if (!isatty(STDERR_FILENO) || now_s - shown->begun_s < QUIET_S || now_s == shown->told_s)
        return;
    shown->told_s = now_s;
    shown->has_line = true;
    if (total)
        fprintf(stderr, "\r%s: %llu %%   ", what, (unsigned long long)(100 * done / total));
    else
        fprintf(stderr, "\r%s: %llu   ", what, (unsigned long long)done);
}

static int finish(const char *command, const struct backup_job *job, godwit_err err,
                  const struct shown *shown)
{
    if (shown->has_line) fputs("\r                              \r", stderr);
    if (!err) return 0;
    fprintf(stderr, "godwit %s: %s\n", command, job->note);
    return 1;
}

int cmd_backup(int argc, char **argv)
{
    struct shown shown = {.begun_s = time(NULL)};
    struct service_data place = {.data = NULL};
    struct backup_job job = {.tell = show, .ctx = &shown};
    const struct option_row rows[] = {
        SERVICE_DATA_ROWS(place, SERVICE_DATA_SENTENCE),
    };
    const struct options options = {
        "backup",
        "DIR [--data DIR | --settings FILE]",
        "Copies the data directory to the new folder DIR, also while the service runs: database,\n"
        "images, keys and certificates. The folder holds every secret of the service; keep it as\n"
        "you keep those.",
        rows,
        sizeof rows / sizeof *rows,
        &job.to,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status < 0) status = service_data_find(&options, &place);
    if (status >= 0) return status;
    job.from = place.data;
    status = finish("backup", &job, backup_make(&job), &shown);
    if (!status)
        printf("%s holds the database, %llu images (%.1f MiB) and %llu files\n", job.to,
               (unsigned long long)job.report.blobs, (double)job.report.blob_bytes / (1 << 20),
               (unsigned long long)job.report.files);
    return status;
}

/* What people must know who are let in, or no more. */
static void tell_tokens(const struct backup_report *report)
{
    if (report->tokens_ended)
        printf("%llu API tokens are over: make others (--keep-tokens keeps them)\n",
               (unsigned long long)report->tokens_ended);
    if (report->tokens_kept)
        printf("%llu API tokens are valid: revoke those again that were revoked since\n",
               (unsigned long long)report->tokens_kept);
    puts("users, passwords and claim tokens are those of that day: end again what was ended since");
}

int cmd_restore(int argc, char **argv)
{
    struct shown shown = {.begun_s = time(NULL)};
    struct service_data place = {.data = NULL};
    struct backup_job job = {.tell = show, .ctx = &shown};
    const struct option_row rows[] = {
        SERVICE_DATA_ROWS(place, "the data directory to make; it must be missing or empty (default "
                                 "GODWIT_DATA, else ./godwit-data)"),
        {"--keep-tokens", OPTION_FLAG, &job.keeps_tokens, NULL,
         "API tokens stay valid, those too that were revoked after the backup was made"},
    };
    const struct options options = {
        "restore",
        "DIR [--data DIR | --settings FILE] [--keep-tokens]",
        "Makes a data directory of the backup DIR and checks every byte of it. Devices that\n"
        "joined after the backup was made are unknown to it and must join again; all others go\n"
        "on where they are. Sessions and API tokens end, for nobody knows which of them were\n"
        "ended since; users, their passwords and claim tokens are those of the backup.",
        rows,
        sizeof rows / sizeof *rows,
        &job.from,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status < 0) status = service_data_find(&options, &place);
    if (status >= 0) return status;
    job.to = place.data;
    status = finish("restore", &job, backup_restore(&job), &shown);
    char made[32];
    if (status) return status;
    strftime(made, sizeof made, "%Y-%m-%d %H:%M", localtime(&(time_t){job.report.made_s}));
    printf("%s is the service of %s (godwit %s); run `godwit serve --data %s`\n", job.to, made,
           job.report.made_with, job.to);
    tell_tokens(&job.report);
    return status;
}
