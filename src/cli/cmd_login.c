/* Asks for the password without echo, trades it for a token, keeps the session. */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/remote.h"

/* ── the terminal ──────────────────────────────────────────────────────────────────────────── */

static struct termios kept; /* as it was before the echo was turned off; for the handler */

/* Ctrl-C and its like: the echo comes back first, then the signal does what it always does. */
static void on_signal(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &kept);
    raise(number); /* SA_RESETHAND: no longer ours */
}

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define SIGNALS_COUNT (sizeof SIGNALS / sizeof *SIGNALS)

/* One line without echo. A stop (Ctrl-Z) has to wait: it would leave the terminal mute. */
static bool read_quietly(char *line, int size_max)
{
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND},
                     before[SIGNALS_COUNT];
    struct termios quiet = kept;
    quiet.c_lflag &= (tcflag_t)~ECHO;
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        sigaction(SIGNALS[i], &ours, &before[i]);
    void (*stop)(int) = signal(SIGTSTP, SIG_IGN);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool is_read = fgets(line, size_max, stdin);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &kept);
    signal(SIGTSTP, stop);
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        sigaction(SIGNALS[i], &before[i], NULL);
    fputc('\n', stderr);
    return is_read;
}

/* From the terminal, or the first line of what stands in its place. */
static bool password_prompt(const char *user, char *password, int size_max)
{
    bool is_terminal = !tcgetattr(STDIN_FILENO, &kept);
    if (is_terminal) fprintf(stderr, "password of %s: ", user);
    bool is_read =
        is_terminal ? read_quietly(password, size_max) : fgets(password, size_max, stdin) != NULL;
    if (is_read) password[strcspn(password, "\r\n")] = '\0';
    return is_read && password[0];
}

/* ── the session ───────────────────────────────────────────────────────────────────────────── */

static int login(struct remote *remote, const char *user, struct option_secret *password)
{
    if (!password->text[0] && !password_prompt(user, password->text, sizeof password->text)) {
        fputs("godwit: no password was given; type it, or give it with --password @FILE\n", stderr);
        return 1;
    }
    json_t *body = json_pack("{s:s, s:s}", "user", user, "password", password->text), *reply;
    explicit_bzero(password, sizeof *password);
    remote->token[0] = '\0';
    bool is_good = body && remote_call(remote, "POST", "/api/v1/login", body, &reply);
    json_decref(body);
    if (!is_good) return 1;
    snprintf(remote->token, sizeof remote->token, "%s", json_text(reply, "token"));
    json_decref(reply);
    if (!remote_session_save(remote)) return 1;
    printf("logged in to %s as %s\n", remote->url, user);
    return 0;
}

int cmd_login(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *user = "admin", *arguments[1] = {NULL};
    struct option_secret password = {0};
    const struct option_row rows[] = {
        {"--user", OPTION_TEXT, &user, "NAME", "who you are there (default admin)"},
        {"--password", OPTION_SECRET, &password, "@FILE",
         "the file's first line; - for standard input; or GODWIT_PASSWORD"},
        {"--ca", OPTION_TEXT, &flags.ca, "FILE",
         "PEM certificate that the server's is signed by (its data directory has tls/ca.pem)"},
    };
    const struct options options = {"login",
                                    "URL [--user NAME] [--password @FILE] [--ca FILE]",
                                    "Keeps a session with a server for the next commands. The "
                                    "password is asked for where it is not given.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    flags.server = arguments[0];
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = login(&remote, user, &password);
    remote_close(&remote);
    return status;
}
