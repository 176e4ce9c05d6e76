/* The JSON form of records and checkpoints: what the API answers, and, one to a line, what
 * `godwit audit export` writes: {"record":{…}} or {"checkpoint":{…}}, each checkpoint behind its
 * record. */
#pragma once

#include <jansson.h>

#include "audit/record.h"

json_t *audit_record_json(const struct audit_record *record);
json_t *audit_checkpoint_json(const struct audit_checkpoint *checkpoint);
/* False: not such an object, or a member is missing, of another kind, or too long. */
bool audit_record_parse(const json_t *json, struct audit_record *out);
bool audit_checkpoint_parse(const json_t *json, struct audit_checkpoint *out);
