/* The service: one command. */
#pragma once

#define GODWIT_VERSION "0.1.0"

int cmd_serve(int argc, char **argv);
