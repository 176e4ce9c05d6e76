/* Asks for the password without echo, trades it for a token, keeps the session. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/remote.h"

/* The password from GODWIT_PASSWORD, the terminal, or the first line of stdin. */
static bool password_prompt(const char *user, char *password, int size_max)
{
    const char *given = getenv("GODWIT_PASSWORD");
    if (given) return snprintf(password, (size_t)size_max, "%s", given) < size_max;
    struct termios kept, quiet;
    bool is_terminal = !tcgetattr(0, &kept);
    if (is_terminal) {
        fprintf(stderr, "password of %s: ", user);
        quiet = kept;
        quiet.c_lflag &= (tcflag_t)~ECHO;
        tcsetattr(0, TCSAFLUSH, &quiet);
    }
    bool is_read = fgets(password, size_max, stdin);
    if (is_terminal) {
        tcsetattr(0, TCSAFLUSH, &kept);
        fputc('\n', stderr);
    }
    if (is_read) password[strcspn(password, "\r\n")] = '\0';
    return is_read;
}

static int login(struct remote *remote, const char *user)
{
    char password[256];
    if (!password_prompt(user, password, sizeof password)) {
        fputs("godwit: no password was given; type it, or set GODWIT_PASSWORD\n", stderr);
        return 1;
    }
    json_t *body = json_pack("{s:s, s:s}", "user", user, "password", password), *reply;
    memset(password, 0, sizeof password);
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
    const struct option_row rows[] = {
        {"--user", OPTION_TEXT, &user, "NAME", "who you are there (default admin)"},
        {"--ca", OPTION_TEXT, &flags.ca, "FILE",
         "PEM certificate that the server's is signed by (its data directory has tls/ca.pem)"},
    };
    const struct options options = {"login",
                                    "URL [--user NAME] [--ca FILE]",
                                    "Keeps a session with a server for the next commands. The "
                                    "password is asked for, or taken from GODWIT_PASSWORD.",
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
    status = login(&remote, user);
    remote_close(&remote);
    return status;
}
