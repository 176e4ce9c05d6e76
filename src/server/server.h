/* The service: one command. */
#pragma once

int cmd_serve(int argc, char **argv);
