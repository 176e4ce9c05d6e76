/* Files that others replace while the service runs. They are looked at every tick, for nothing
 * tells a service in a simple way that another program has changed one (inotify loses a file that
 * is replaced by a rename). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Whether one of the files is another than when it was looked at last: as seen says, which is
 * updated. NULL paths are passed over. */
bool files_have_changed(const char *const paths[], struct stat seen[], size_t count);
