/* Whoever waits for a prompt shall not wait for a name server or a firewall: the answer without a
 * server is made first, and a timer prints it, whatever hangs then. */
#include "cli/complete.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/exchange.h"
#include "cli/filter_help.h"
#include "filter/filter.h"

#define LINE_MAX_SIZE (FILTER_TEXT_MAX + 256)
#define PATH_MAX_SIZE (3 * FILTER_TEXT_MAX + 64)

static char without_server[FILTER_CANDIDATES_MAX * LINE_MAX_SIZE];
static size_t without_server_size;

static void on_deadline(int number)
{
    (void)number;
    ssize_t written = write(STDOUT_FILENO, without_server, without_server_size);
    _exit(written < 0);
}

static void begin_to_wait(void)
{
    const struct itimerval wait = {
        .it_value = {COMPLETE_WAIT_MS / 1000, COMPLETE_WAIT_MS % 1000 * 1000L}};
    signal(SIGALRM, on_deadline);
    setitimer(ITIMER_REAL, &wait, NULL);
}

static void end_to_wait(void)
{
    signal(SIGALRM, SIG_IGN);
}

/* A name or a tag is what somebody else chose: it shall not become a command by being completed. */
static bool is_plain(const char *text)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \"-._:=,+%@/<>";
    for (; *text; text++)
        if (!strchr(PLAIN, *text) && (unsigned char)*text < 0x80) return false;
    return true;
}

/* The size of the line, 0 where it is not for shells. */
static size_t line_write(char *out, size_t size_max, const char *text, size_t from,
                         const char *candidate, const char *sentence)
{
    if (!is_plain(candidate)) return 0;
    int size = snprintf(out, size_max, "%.*s%s\t%s\n", (int)from, text, candidate, sentence);
    return size < 0 || (size_t)size >= size_max ? 0 : (size_t)size;
}

static void make_without_server(const char *text)
{
    static struct filter_completion completion;
    static const struct filter_world world = {0};
    filter_complete(text, strlen(text), &world, &completion);
    for (size_t i = 0; i < completion.count; i++)
        without_server_size += line_write(
            without_server + without_server_size, sizeof without_server - without_server_size, text,
            completion.from, completion.candidates[i].text, completion.candidates[i].sentence);
}

/* False: there is no server, or none that can say. */
static bool print_of_server(const struct remote_flags *flags, const char *text)
{
    char path[PATH_MAX_SIZE] = "/api/v1/filters/complete", line[LINE_MAX_SIZE];
    struct remote remote;
    json_t *reply, *one;
    size_t index;
    if (!remote_open(&remote, flags)) return false;
    query_add(path, sizeof path, "text", text);
    struct exchange exchange = {.method = "GET", .path = path};
    bool is_good = exchange_json(&remote, &exchange, &reply);
    remote_close(&remote);
    if (!is_good) return false;
    end_to_wait();
    size_t from = (size_t)json_number(reply, "from"), size = strlen(text);
    json_array_foreach(json_object_get(reply, "candidates"), index, one)
    {
        if (line_write(line, sizeof line, text, from < size ? from : size, json_text(one, "text"),
                       json_text(one, "sentence")))
            fputs(line, stdout);
    }
    json_decref(reply);
    return true;
}

int complete_print(const struct remote_flags *flags, const char *text)
{
    if (strlen(text) > FILTER_TEXT_MAX || strpbrk(text, "\t\r\n")) return 0;
    if (!freopen("/dev/null", "w", stderr)) return 0;
    make_without_server(text);
    begin_to_wait();
    if (!print_of_server(flags, text)) {
        end_to_wait();
        fwrite(without_server, 1, without_server_size, stdout);
    }
    return 0;
}
