/* Godwit played against itself: the program `godwit-attack`. */
#pragma once

int cmd_attack(int argc, char **argv);
