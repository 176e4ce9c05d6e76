/* Uploads in parts: a file that is known by its SHA-256 before it comes, and by what has come of it
 * so far. Why this and not tus: docs/decisions.
 *
 * Each unfinished file lies in the folder `uploads` of the data directory, and its size is the
 * whole state, so it outlives a restart. The last part hands the file to the judgement of every
 * upload. */
#pragma once

#include "server/app.h"

#define UPLOAD_PARTS_MAX 64     /* unfinished files on a server … */
#define UPLOAD_PARTS_ORG_MAX 16 /* … and of one organisation */
#define UPLOAD_PART_AGE_S (24 * 3600)

/* Makes the folder. */
GODWIT_MUST_USE godwit_err upload_parts_open(struct app *app);
void upload_parts_close(struct app *app);
/* Drops those to which nothing was added for a day. */
void upload_parts_sweep(struct app *app);
