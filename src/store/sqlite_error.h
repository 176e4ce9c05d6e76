/* What a result of SQLite's is in our own errors. */
#pragma once

#include "base/err.h"

/* SPACE: the disk is full; BUSY: another holds it; POLICY: a constraint; FORMAT: it is no database,
 * or a damaged one; else IO. Extended codes are fine. */
godwit_err sqlite_error(int code);
