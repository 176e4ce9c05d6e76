/* Other people's programs, asked as a person would type them. */
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* A shell command inside the folder, what it complains of behind the rest of `log` there; its exit
 * status, or -1. */
static inline int __attribute__((format(printf, 2, 3)))
shell_in(const char *folder, const char *format, ...)
{
    char command[4096], whole[4300];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "cd %s && { %s; } 2>>log", folder, command);
    int status = system(whole); /* NOLINT: fixed commands of a test */
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
