/* Godwit played against itself: one command so far. */
#pragma once

int cmd_attack(int argc, char **argv);
