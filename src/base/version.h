/* The version of Godwit, its only home: the build, the program, the service and the agent read it
 * here. A header and not the build, because a device is built by another one. */
#pragma once

#define GODWIT_VERSION "0.2.0"
