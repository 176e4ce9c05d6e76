/* What is printed of the files in shell/, embedded at build time: functions that complete a filter,
 * which the completions of their shell call. */
#pragma once

extern const char FILTER_BASH[], FILTER_ZSH[], FILTER_FISH[];
