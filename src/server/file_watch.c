/* By inode, size and time: whoever replaces a file changes one of them. */
#include "server/file_watch.h"

bool files_have_changed(const char *const paths[], struct stat seen[], size_t count)
{
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        struct stat found = {0}, *before = &seen[i];
        if (!paths[i]) continue;
        (void)!stat(paths[i], &found);
        changed = changed || found.st_ino != before->st_ino || found.st_size != before->st_size ||
                  found.st_mtim.tv_sec != before->st_mtim.tv_sec ||
                  found.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
        *before = found;
    }
    return changed;
}
