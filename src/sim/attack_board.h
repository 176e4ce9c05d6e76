/* Transport 1: an emulated board in the same process, its time as fast as it goes. */
#pragma once

#include "sim/attack.h"

/* Plays a case on a copy of its base's board, which is made the first time it is asked for. */
void attack_board_play(struct attack_fixture *fixture, const struct attack_case *row, bool is_loud,
                       struct attack_result *result);
/* Several cases after one another on one board, each for a random time, some cut by a power loss;
 * the seed says which. Whatever they are, nothing runs that must not, and the board recovers. */
void attack_board_medley(struct attack_fixture *fixture, uint32_t seed, bool is_loud,
                         struct attack_result *result);
/* Makes the board of a base: honest history up to where the cases begin. */
void attack_board_make(struct attack_fixture *fixture, enum attack_base base);
