/* The texts among the kinds of files; a part of filekind.c. */
#pragma once

#include "formats/filekind.h"

/* UNKNOWN where it is no text. Bytes of the file's start; file_size as for godwit_file_kind. */
enum godwit_file_kind godwit_file_text_kind(struct godwit_span file, uint64_t file_size);
bool godwit_file_has_at(struct godwit_span file, size_t offset, const void *bytes, size_t size);
