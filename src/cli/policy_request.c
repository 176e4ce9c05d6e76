/* Every refusal of `godwit policy` is one line that begins alike. */
#include "cli/policy_request.h"

#include <stdarg.h>
#include <stdio.h>

bool policy_refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("godwit policy: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}
