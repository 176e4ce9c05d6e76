/* Assertions without their text, as ESP-IDF builds them with
 * CONFIG_COMPILER_OPTIMIZATION_ASSERTIONS_SILENT: they still restart the chip. */
#pragma once

_Noreturn void abort(void);

#define static_assert _Static_assert
#define assert(expression) ((expression) ? (void)0 : abort())
