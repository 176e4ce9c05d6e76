/* Trades a password for a session, and keeps it; ends it again. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/credentials.h"

struct wanted {
    const char *user, *org, *code;
    struct option_secret password;
};

static json_t *login_body(const struct remote *remote, struct wanted *wanted)
{
    json_t *body = json_pack("{s:s, s:s}", "user", wanted->user, "password", wanted->password.text);
    if (body && wanted->org) json_object_set_new(body, "org", json_string(wanted->org));
    if (body && wanted->code) json_object_set_new(body, "code", json_string(wanted->code));
    if (body && remote->known[0]) json_object_set_new(body, "known", json_string(remote->known));
    if (!body) fputs("godwit: user or password is no UTF-8 text\n", stderr);
    explicit_bzero(&wanted->password, sizeof wanted->password);
    return body;
}

static void say(const struct remote *remote, const struct wanted *wanted, const json_t *reply)
{
    printf("logged in to %s as %s, %s of %s\n", remote->url, wanted->user, json_text(reply, "role"),
           json_text(reply, "org"));
    if (json_is_true(json_object_get(reply, "needs_second_factor")))
        puts("your organisation asks for a second factor; set one up with `godwit user factor`, "
             "then log in again");
}

static int login(struct remote *remote, struct wanted *wanted)
{
    char question[80];
    struct option_secret *password = &wanted->password;
    snprintf(question, sizeof question, "password of %s", wanted->user);
    if (!password->text[0] && !ask_secret(question, password->text, sizeof password->text)) {
        fputs("godwit: no password was given; type it, or give it with --password @FILE\n", stderr);
        return 1;
    }
    remote->token[0] = '\0';
    json_t *body = login_body(remote, wanted), *reply;
    bool is_good = body && credentials_send(remote, "/api/v1/login", body, &reply);
    json_decref(body);
    if (!is_good) return 1;
    snprintf(remote->token, sizeof remote->token, "%s", json_text(reply, "token"));
    const char *known = json_text(reply, "known");
    if (known[0]) snprintf(remote->known, sizeof remote->known, "%s", known);
    is_good = remote_session_save(remote);
    if (is_good) say(remote, wanted, reply);
    json_decref(reply);
    return is_good ? 0 : 1;
}

int cmd_login(int argc, char **argv)
{
    struct remote_flags flags = {0};
    struct wanted wanted = {.user = "admin"};
    const char *arguments[1] = {NULL};
    const struct option_row rows[] = {
        {"--user", OPTION_TEXT, &wanted.user, "NAME", "who you are there (default admin)"},
        {"--password", OPTION_SECRET, &wanted.password, "@FILE",
         "the file's first line; - for standard input; or GODWIT_PASSWORD"},
        {"--code", OPTION_TEXT, &wanted.code, "CODE",
         "of the second factor, or a recovery code (asked for on a terminal where it is needed)"},
        {"--org", OPTION_TEXT, &wanted.org, "NAME", "the organisation, where you have several"},
        {"--ca", OPTION_TEXT, &flags.ca, "FILE",
         "PEM certificate that the server's is signed by (its data directory has tls/ca.pem)"},
    };
    const struct options options = {
        "login",
        "URL [--user NAME] [--password @FILE] [--code CODE] [--org NAME] [--ca FILE]",
        "Keeps a session with a server for the next commands. The password is asked for where it "
        "is not given.",
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
    status = login(&remote, &wanted);
    remote_close(&remote);
    return status;
}

/* One that the server has ended already is as good. */
static int logout(struct remote *remote)
{
    bool is_over;
    json_t *reply = NULL;
    bool is_good =
        remote_try(remote, "POST", "/api/v1/logout", NULL, "unauthorized", &is_over, &reply);
    json_decref(reply);
    if (!is_good && !is_over) return 1;
    if (!remote_session_end(remote)) return 1;
    printf("logged out of %s\n", remote->url);
    return 0;
}

int cmd_logout(int argc, char **argv)
{
    const struct options options = {
        "logout", "", "Ends the session that `godwit login` keeps, here and on the server.",
        NULL,     0,  NULL,
        0,        0};
    struct remote remote;
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!remote_open_session(&remote)) return 1;
    status = logout(&remote);
    remote_close(&remote);
    return status;
}
