/* What an operator changes about a device: its name, its tags, its product, whether it is retired.
 * One reading of the request and one way to do it, for one device and for many. */
#pragma once

#include <jansson.h>

#include "fleet/tags.h"
#include "server/app.h"

enum edit_fault { EDIT_FINE, EDIT_NO_PRODUCT, EDIT_TOO_MANY_TAGS };

struct device_edit {
    bool has_name, has_retired, is_retired;
    char name[DEVICE_NAME_MAX]; /* "": it is taken away */
    char product[33];           /* "": it stays */
    struct tag_change tags;
    const char *texts[2 * TAGS_MAX]; /* the tags, in the request's arena */
};

/* From a body whose shape was checked. False: answered with 422. */
bool device_edit_read(struct http_request *request, const json_t *body,
                      struct device_edit *edit_out);
/* Whether it changes anything at all. */
bool device_edit_is_empty(const struct device_edit *edit);
/* Does it to one device; a fault changes nothing of it. Writer. */
GODWIT_MUST_USE godwit_err device_edit_do(struct app *app, const char *org,
                                          const struct device_edit *edit, struct device *device,
                                          enum edit_fault *fault_out);
/* What of a device can be edited, as it stands now, for the audit log; NULL: out of memory or the
 * database failed, and the record then goes without. Writer. */
json_t *device_edit_state(struct app *app, const struct device *device);
/* Answers with the fault. */
void device_edit_refuse(struct http_request *request, const struct device_edit *edit,
                        enum edit_fault fault);
