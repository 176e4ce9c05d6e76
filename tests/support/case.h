/* At which case of a loop a test is: an assertion that fails prints it, and a single case can be
 * tried alone.
 *
 *     for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
 *         CASE(i);
 *         assert_int_equal(f(rows[i].input), rows[i].output);
 *     }
 *
 * prints "case of test_f: i = 3" below the failure. Cheap enough for loops of millions. */
#pragma once

/* An integer of the innermost loops; those of another function are forgotten. */
#define CASE(number) case_note(__func__, #number, (long long)(number))

void case_note(const char *function, const char *name, long long number);
