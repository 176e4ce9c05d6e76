/* Words for the errors of godwit_types.h. */
#pragma once

#include "godwit_types.h"

/* "NET" for GODWIT_ERR_NET, "OK" for GODWIT_OK, "?" for anything else; static strings. */
const char *godwit_err_name(godwit_err err);
/* The sentence of the list; "done" for GODWIT_OK. */
const char *godwit_err_sentence(godwit_err err);
