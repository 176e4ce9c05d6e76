/* Each command prints its own part (options/help.h), because its table of options lives in it; what
 * stands before, between and behind is here, one row a format. */
#include "program/manual.h"

#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "options/help.h"
#include "program/shell.h"

/* ---- the manual page ---- */

static void man_begin(const struct command *commands, size_t count)
{
    puts(".TH GODWIT 1 \"\" \"godwit " GODWIT_VERSION "\" \"Godwit\"\n"
         ".SH NAME\ngodwit \\- updates ESP32 devices over the air\n"
         ".SH SYNOPSIS\n.B godwit\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n.SH DESCRIPTION");
    for (size_t i = 0; i < count; i++) {
        if (!commands[i].name) {
            printf(".PP\n\\fB%s\\fR\n", commands[i].sentence);
            continue;
        }
        printf(".TP\n\\fB%s\\fR\n", commands[i].name);
        options_print_man(commands[i].sentence);
        putchar('\n');
    }
    puts(".SH COMMANDS");
}

static void man_end(void)
{
    puts(".SH ENVIRONMENT\n.TP\n\\fBGODWIT_DATA\\fR\nThe data directory of a service on this "
         "machine, which commands speak to.\n.TP\n\\fBGODWIT_\\fISETTING\\fR\nA setting of\n"
         ".B godwit serve\nwhere its option is not given.\n.SH EXIT STATUS\n"
         "0 where it did what was asked, 1 where not, 2 where it was not understood.");
}

/* ---- shells ---- */

static void print_names(const struct command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (commands[i].name) printf("%s ", commands[i].name);
    fputs("help", stdout);
}

static void bash_begin(const struct command *commands, size_t count)
{
    fputs(FILTER_BASH, stdout);
    fputs("\n_godwit() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words= has_filter= filters= valued=\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W \"",
          stdout);
    print_names(commands, count);
    puts("\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in");
}

static void bash_end(void)
{
    puts("    esac\n    _godwit_try_filter \"$2\" && return\n    case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
         "complete -o filenames -F _godwit godwit");
}

static void zsh_begin(const struct command *commands, size_t count)
{
    printf("#compdef godwit\n%s", FILTER_ZSH);
    puts("_godwit() {\n    local _godwit_program=$words[1]\n    local -a commands=(");
    for (size_t i = 0; i < count; i++) {
        if (!commands[i].name) continue;
        printf("        '%s:", commands[i].name);
        options_print_quoted(commands[i].sentence);
        puts("'");
    }
    puts("        'help:say more of a command'\n    )\n    if (( CURRENT == 2 )); then\n"
         "        _describe command commands\n        return\n    fi\n"
         "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
         "    case $command in");
}

static void zsh_end(void)
{
    puts("    *) _files ;;\n    esac\n}\n_godwit \"$@\"");
}

static void fish_begin(const struct command *commands, size_t count)
{
    fputs(FILTER_FISH, stdout);
    for (size_t i = 0; i < count; i++) {
        if (!commands[i].name) continue;
        printf("complete -c godwit -n __fish_use_subcommand -f -a %s -d '", commands[i].name);
        options_print_quoted(commands[i].sentence);
        puts("'");
    }
}

static const struct {
    const char *name;
    void (*begin)(const struct command *commands, size_t count);
    void (*end)(void);
} FORMATS[] = {
    {"man", man_begin, man_end},
    {"bash", bash_begin, bash_end},
    {"zsh", zsh_begin, zsh_end},
    {"fish", fish_begin, NULL},
};

int manual_print(const char *format, const struct command *commands, size_t count)
{
    char option[24];
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (strcmp(FORMATS[i].name, format) != 0) continue;
        snprintf(option, sizeof option, "--help=%s", format);
        FORMATS[i].begin(commands, count);
        for (size_t j = 0; j < count; j++)
            if (commands[j].name)
                (void)commands[j].run(2, (char *[]){(char *)commands[j].name, option, NULL});
        if (FORMATS[i].end) FORMATS[i].end();
        return 0;
    }
    fprintf(stderr, "godwit: help is printed as man, bash, zsh or fish, not as '%s'\n", format);
    return 2;
}
