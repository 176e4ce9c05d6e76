/* The emulated ESP32 on this computer's network: commands, and the network port over libcurl. */
#pragma once

int cmd_device(int argc, char **argv);
int cmd_fleet(int argc, char **argv);
