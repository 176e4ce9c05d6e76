/* One upload while it is taken; a part of upload.c. */
#pragma once

#include <jansson.h>

#include "files/file_check.h"
#include "fleet/release.h"
#include "server/app.h"

#define UPLOAD_FILE_MAX (GODWIT_IMAGE_SIZE_MAX + GODWIT_SIGSECTOR_SIZE)

struct job {
    struct change change; /* first: a change is an upload */
    void *caller;         /* what the gate left in the request, until it is asked again */
    struct blob_writer blob;
    godwit_err blob_err;
    bool named;             /* the blob has its name */
    char org[33], only[33]; /* of the caller; only: the one product of its token, or "" */
    char product[sizeof((struct product *)0)->name];
    struct upload upload; /* its org and product are those above */
    struct upload_verdict verdict;
    struct file_check check; /* last: its end is not cleared */
};

/* Whether so many bytes more leave what is reserved for devices. */
bool upload_has_room(const struct app *app, uint64_t size);
/* The same while bytes come, asked once in a megabyte: those from `before` to `now` have come. */
bool upload_has_room_yet(const struct app *app, uint64_t before, uint64_t now);
/* A whole file that has come already, in place of a body; replies. The descriptor stays the
 * caller's.
 */
void upload_take_file(struct http_request *request, int fd);

/* What the server understood of a file that was taken, what to know of it, and what a deploy of it
 * asks for. The caller owns the result. */
json_t *upload_reply_json(const struct job *job);
