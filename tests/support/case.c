/* Stands in front of cmocka's _fail, which every assertion calls: a program's own symbol comes
 * before that of a shared library. Wrapping each assertion was rejected: helpers assert, too. */
#include "case.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOTES_MAX 8

static struct {
    const char *name;
    long long number;
} notes[NOTES_MAX];
static unsigned notes_count;
static const char *notes_function;

void cm_print_error(const char *format, ...); /* exported by cmocka, but in no header of it */

void case_note(const char *function, const char *name, long long number)
{
    unsigned i = 0;
    if (function != notes_function) notes_count = 0;
    notes_function = function;
    while (i < notes_count && notes[i].name != name)
        i++;
    if (i == NOTES_MAX) return;
    if (i == notes_count) notes_count++;
    notes[i].name = name;
    notes[i].number = number;
}

/* cmocka's, which does not return. */
void _fail(const char *const file, const int line)
{
    static void (*fail_of_cmocka)(const char *, int);
    if (!fail_of_cmocka) *(void **)&fail_of_cmocka = dlsym(RTLD_NEXT, "_fail");
    if (notes_count) cm_print_error("case of %s:", notes_function);
    for (unsigned i = 0; i < notes_count; i++)
        cm_print_error("%s %s = %lld", i ? "," : "", notes[i].name, notes[i].number);
    if (notes_count) cm_print_error("\n");
    notes_count = 0;
    fail_of_cmocka(file, line);
    abort();
}
