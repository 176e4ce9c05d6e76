/* One log event as text: logfmt, one line, whatever the values hold. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* printf for the pairs behind an event's name: conversions %s %d %u %x %c with l, ll, z and a
 * width. What a %s brings can not leave its place: control characters, quotes and backslashes are
 * escaped
 * (\n, \", \\, \x1b), and a value that is not between quotes already gets them where it has spaces.
 * Cut at size - 1 bytes; returns the length. UTF-8 passes as it is. */
size_t log_line_format(char *out, size_t size, const char *format, va_list args);
