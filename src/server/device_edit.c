/* Reading and doing what an operator changes about devices. What is asked for is checked before the
 * first row is written, so that a device is never changed by half. */
#include "server/device_edit.h"

#include <stdio.h>

#include "fleet/device.h"
#include "fleet/guard_tags.h"
#include "fleet/retire.h"
#include "server/permission.h"
#include "server/problem.h"

static bool refuse_text(struct http_request *request, const char *what, const char *fault,
                        const char *field)
{
    char detail[160];
    snprintf(detail, sizeof detail, "the %s %s", what, fault);
    problem(request, 422, "malformed", detail, field);
    return false;
}

static bool read_name(struct http_request *request, const json_t *member, struct device_edit *edit)
{
    if (!member) return true;
    const char *name = json_is_null(member) ? "" : json_string_value(member);
    const char *fault = json_is_null(member) ? NULL : device_name_fault(name);
    if (fault) return refuse_text(request, "name", fault, "name");
    edit->has_name = true;
    snprintf(edit->name, sizeof edit->name, "%s", name);
    return true;
}

/* Copied, for the body is freed before the writer runs. */
static bool read_tags(struct http_request *request, const json_t *list, const char *field,
                      const char **texts, size_t *count_out)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = json_string_value(item), *fault = tag_fault(text);
        if (fault) return refuse_text(request, "tag", fault, field);
        char *copy = arena_zalloc(request->arena, json_string_length(item) + 1);
        if (!copy) {
            problem_busy(request);
            return false;
        }
        memcpy(copy, text, json_string_length(item));
        texts[i] = copy;
    }
    *count_out = count;
    return true;
}

bool device_edit_read(struct http_request *request, const json_t *body,
                      struct device_edit *edit_out)
{
    struct device_edit *edit = edit_out;
    const json_t *retired = json_object_get(body, "retired");
    const char *product = json_string_value(json_object_get(body, "product"));
    memset(edit, 0, sizeof *edit);
    edit->has_retired = retired != NULL;
    edit->is_retired = json_is_true(retired);
    snprintf(edit->product, sizeof edit->product, "%s", product ? product : "");
    edit->tags = (struct tag_change){edit->texts, edit->texts + TAGS_MAX, 0, 0};
    return read_name(request, json_object_get(body, "name"), edit) &&
           read_tags(request, json_object_get(body, "add_tags"), "add_tags", edit->texts,
                     &edit->tags.add_count) &&
           read_tags(request, json_object_get(body, "remove_tags"), "remove_tags",
                     edit->texts + TAGS_MAX, &edit->tags.remove_count);
}

bool device_edit_is_empty(const struct device_edit *edit)
{
    return !edit->has_name && !edit->has_retired && !*edit->product && !edit->tags.add_count &&
           !edit->tags.remove_count;
}

static godwit_err retire_or_not(struct app *app, const struct device_edit *edit,
                                struct device *device, int64_t now_s)
{
    enum leave_result result;
    return edit->is_retired ? device_retire(&app->fleet, app->db, device, now_s, &result)
                            : device_reinstate(&app->fleet, app->db, device, now_s, &result);
}

godwit_err device_edit_do(struct app *app, const char *org, const struct device_edit *edit,
                          struct device *device, enum edit_fault *fault_out)
{
    int64_t now_s = clock_unix_s(app->clock);
    godwit_err err = GODWIT_OK;
    enum tag_result tags = TAG_DONE;
    enum leave_result moved;
    struct product *product =
        *edit->product ? product_find(&app->fleet.catalogue, org, edit->product) : device->product;
    *fault_out = product ? EDIT_FINE : EDIT_NO_PRODUCT;
    if (!product) return GODWIT_OK;
    if (edit->tags.add_count || edit->tags.remove_count)
        err = device_tag(app->db, device, &edit->tags, now_s, &tags);
    if (!err && tags == TAG_DONE) err = guard_tags_read(&app->fleet, app->db, device);
    *fault_out = tags == TAG_TOO_MANY ? EDIT_TOO_MANY_TAGS : EDIT_FINE;
    if (err || *fault_out) return err;
    if (edit->has_name) err = device_rename(app->db, device, edit->name, now_s);
    if (!err) err = device_transfer(&app->fleet, app->db, device, product, now_s, &moved);
    if (!err && edit->has_retired) err = retire_or_not(app, edit, device, now_s);
    return err;
}

json_t *device_edit_state(struct app *app, const struct device *device)
{
    struct device_labels labels;
    if (device_labels(app->db, device->id, &labels)) return NULL;
    json_t *tags = json_array();
    for (size_t i = 0; i < labels.tags_count; i++)
        json_array_append_new(tags, json_string(labels.tags[i]));
    return json_pack("{s:s, s:s, s:b, s:o}", "name", labels.name, "product", device->product->name,
                     "retired", device->is_retired, "tags", tags);
}

void device_edit_refuse(struct http_request *request, const struct device_edit *edit,
                        enum edit_fault fault)
{
    char detail[160];
    if (fault == EDIT_NO_PRODUCT) {
        snprintf(detail, sizeof detail,
                 "there is no product \"%s\"; `godwit status` lists those that there are",
                 edit->product);
        problem(request, 404, "no-product", detail, "product");
    } else {
        snprintf(detail, sizeof detail,
                 "it would have more than %d tags; remove some before others are added", TAGS_MAX);
        problem(request, 409, "too-many-tags", detail, "add_tags");
    }
}
