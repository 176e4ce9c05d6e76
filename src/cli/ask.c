/* The terminal: echo off and on again, whatever signal comes between. */
#include "cli/ask.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios kept; /* as it was before the echo was turned off; for the handler */

/* Ctrl-C and its like: the echo comes back first, then the signal does what it always does. */
static void on_signal(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &kept);
    raise(number); /* SA_RESETHAND: no longer ours */
}

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define SIGNALS_COUNT (sizeof SIGNALS / sizeof *SIGNALS)

/* One line without echo. A stop (Ctrl-Z) has to wait: it would leave the terminal mute. The
 * question comes once the echo is off: what is typed before that is thrown away. */
static bool read_quietly(const char *question, char *line, int size_max)
{
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND},
                     before[SIGNALS_COUNT];
    struct termios quiet = kept;
    quiet.c_lflag &= (tcflag_t)~ECHO;
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        sigaction(SIGNALS[i], &ours, &before[i]);
    void (*stop)(int) = signal(SIGTSTP, SIG_IGN);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    fprintf(stderr, "%s: ", question);
    bool is_read = fgets(line, size_max, stdin);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &kept);
    signal(SIGTSTP, stop);
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        sigaction(SIGNALS[i], &before[i], NULL);
    fputc('\n', stderr);
    return is_read;
}

bool ask_is_possible(void)
{
    return isatty(STDIN_FILENO);
}

static bool ask(const char *question, bool is_quiet, char *out, int size_max)
{
    bool is_terminal = !tcgetattr(STDIN_FILENO, &kept), is_read;
    if (is_terminal && is_quiet) {
        is_read = read_quietly(question, out, size_max);
    } else {
        if (is_terminal) fprintf(stderr, "%s: ", question);
        is_read = fgets(out, size_max, stdin) != NULL;
    }
    if (is_read) out[strcspn(out, "\r\n")] = '\0';
    return is_read && out[0];
}

bool ask_secret(const char *question, char *out, int size_max)
{
    return ask(question, true, out, size_max);
}

bool ask_line(const char *question, char *out, int size_max)
{
    return ask(question, false, out, size_max);
}
