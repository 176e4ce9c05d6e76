/* From the rows of routes.c and of the two tables of api_schema.h to one OpenAPI 3.1 document. It
 * is made once, at the start, and sent as it is. */
#include "server/api_doc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/version.h"
#include "server/api_schema.h"
#include "server/handlers.h"
#include "server/json_text.h"
#include "server/operation.h"
#include "server/problem.h"

#define WHOLE_MAX 9007199254740992 /* 2^53: what every JSON reader takes */
#define SCHEMAS "#/components/schemas/"

/* ---- values ---- */

static const struct {
    const char *type, *format;
} TYPES[SCHEMA_TYPES_COUNT] = {
    [SCHEMA_STRING] = {"string", NULL},   [SCHEMA_WHOLE] = {"integer", "int64"},
    [SCHEMA_FLAG] = {"boolean", NULL},    [SCHEMA_HEX] = {"string", NULL},
    [SCHEMA_TIME] = {"integer", "int64"}, [SCHEMA_CHOICE] = {"string", NULL},
    [SCHEMA_REAL] = {"number", "double"},
};

static json_t *words_json(const char *words)
{
    json_t *list = json_array();
    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        json_array_append_new(list, json_stringn(at, size));
        at += size;
    }
    return list;
}

static json_t *reference(const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf(SCHEMAS "%s", name));
}

static void add_bounds(json_t *schema, const struct schema_row *row)
{
    bool is_text = row->type == SCHEMA_STRING || row->type == SCHEMA_HEX;
    bool is_number = row->type == SCHEMA_WHOLE || row->type == SCHEMA_TIME;
    if (is_text && row->max) {
        json_object_set_new(schema, "minLength", json_integer(row->min));
        json_object_set_new(schema, "maxLength", json_integer(row->max));
    }
    if (is_number) {
        json_object_set_new(schema, "minimum", json_integer(row->min));
        json_object_set_new(schema, "maximum", json_integer(row->max ? row->max : WHOLE_MAX));
    }
    if (row->type == SCHEMA_REAL) json_object_set_new(schema, "minimum", json_integer(0));
    if (row->type == SCHEMA_HEX)
        json_object_set_new(schema, "pattern", json_string("^[0-9a-fA-F]*$"));
    if (row->type == SCHEMA_CHOICE) json_object_set_new(schema, "enum", words_json(row->of));
    if (row->type == SCHEMA_TIME)
        json_object_set_new(schema, "$comment", json_string("seconds since 1970, UTC"));
}

#define PART "%s_part" /* of an object some members alone */

static json_t *object_json(const struct schema_row *row)
{
    char part[64];
    if (!(row->flags & SCHEMA_PARTIAL)) return reference(row->of);
    snprintf(part, sizeof part, PART, row->of);
    return json_pack("{s:[o, o]}", "anyOf", reference(row->of), reference(part));
}

static json_t *one_json(const struct schema_row *row)
{
    if (row->type == SCHEMA_OBJECT) return object_json(row);
    json_t *schema =
        json_pack("{s:s, s:s*}", "type", TYPES[row->type].type, "format", TYPES[row->type].format);
    add_bounds(schema, row);
    return schema;
}

static json_t *list_json(const struct schema_row *row)
{
    json_t *schema = json_pack("{s:s, s:o}", "type", "array", "items", one_json(row));
    if (row->items_min) json_object_set_new(schema, "minItems", json_integer(row->items_min));
    if (row->items_max) json_object_set_new(schema, "maxItems", json_integer(row->items_max));
    return schema;
}

static json_t *value_json(const struct schema_row *row)
{
    json_t *schema = row->flags & SCHEMA_LIST ? list_json(row) : one_json(row);
    if (row->flags & SCHEMA_NULLABLE)
        schema = json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    return schema;
}

/* ---- objects ---- */

static void add_object(json_t *schemas, const struct schema_row *object, bool is_request)
{
    json_t *members = json_object(), *required = json_array();
    const struct schema_row *row = object + 1;
    for (; schema_is_member(row); row++) {
        json_t *value = value_json(row);
        json_object_set_new(value, "description", json_string(row->sentence));
        json_object_set_new(members, row->name, value);
        if (!(row->flags & SCHEMA_OPTIONAL))
            json_array_append_new(required, json_string(row->name));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o, s:o}", "type", "object", "description",
                               object->sentence, "properties", members, "required", required);
    bool is_closed = is_request && json_object_size(members) > 0;
    if (is_closed) json_object_set_new(schema, "additionalProperties", json_false());
    json_object_set_new(schemas, object->name, schema);
}

static void add_part(json_t *schemas, const char *of)
{
    json_t *members = json_object();
    const struct schema_row *object = schema_find(of);
    char name[64];
    snprintf(name, sizeof name, PART, of);
    for (const struct schema_row *row = object + 1; schema_is_member(row); row++)
        json_object_set_new(
            members, row->name,
            json_pack("{s:o}", "$ref", json_sprintf(SCHEMAS "%s/properties/%s", of, row->name)));
    json_object_set_new(schemas, name,
                        json_pack("{s:s, s:s, s:o}", "type", "object", "description",
                                  "Those members that `fields` names.", "properties", members));
}

static json_t *schemas_json(void)
{
    json_t *schemas = json_object();
    for (const struct schema_row *row = SCHEMA_REQUESTS; row->name; row++)
        if (row->type == SCHEMA) add_object(schemas, row, true);
    for (const struct schema_row *row = SCHEMA_REPLIES; row->name; row++)
        if (row->type == SCHEMA) add_object(schemas, row, false);
    for (const struct schema_row *row = SCHEMA_REPLIES; row->name; row++)
        if (row->flags & SCHEMA_PARTIAL) add_part(schemas, row->of);
    return schemas;
}

/* ---- parameters ---- */

static const struct schema_row *parameter_find(const char *name, size_t size)
{
    const struct schema_row *row = PARAMETERS;
    while (row->name && (strncmp(row->name, name, size) != 0 || row->name[size]))
        row++;
    return row->name ? row : NULL;
}

static void add_parameter(json_t *list, const struct schema_row *row, const char *place)
{
    const char *slash = strrchr(row->name, '/');
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name",
                                          slash ? slash + 1 : row->name, "in", place, "required",
                                          !(row->flags & SCHEMA_OPTIONAL), "description",
                                          row->sentence, "schema", one_json(row)));
}

/* Of "/devices/{id}" it is "devices/id", of "/{product}/{version}" "product/version". */
static void add_path_parameters(json_t *list, const char *pattern)
{
    const char *before = NULL, *segment = pattern;
    size_t before_size = 0;
    while (*segment++ == '/') {
        bool is_parameter = *segment == '{';
        const char *name = segment + is_parameter;
        size_t size = strcspn(name, "/}");
        char key[64];
        snprintf(key, sizeof key, "%.*s/%.*s", (int)before_size, before ? before : "", (int)size,
                 name);
        const struct schema_row *row = is_parameter ? parameter_find(key, strlen(key)) : NULL;
        if (row) add_parameter(list, row, "path");
        before = name;
        before_size = size;
        segment += strcspn(segment, "/");
    }
}

/* Takes an Idempotency-Key. */
static bool is_keyed(const struct http_route *route)
{
    const struct operation *operation = route->extra;
    return route->method == HTTP_METHOD_POST && operation->permission->callers & CALLER_PERSON;
}

static json_t *parameters_json(const struct http_route *route)
{
    const struct operation *operation = route->extra;
    json_t *list = json_array();
    add_path_parameters(list, route->pattern);
    for (const char *at = operation->query ? operation->query : ""; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        const struct schema_row *row = parameter_find(at, size);
        bool is_header = *at >= 'A' && *at <= 'Z';
        if (row) add_parameter(list, row, is_header ? "header" : "query");
        at += size;
    }
    if (is_keyed(route)) add_parameter(list, parameter_find("Idempotency-Key", 15), "header");
    return list;
}

/* ---- replies ---- */

static const struct {
    const char *name, *type;
} BODIES[] = {{OCTETS, "application/octet-stream"},
              {TEXT, "text/plain"},
              {EVENT_STREAM, "text/event-stream"},
              {DEVICE_EXPORT, "text/csv"},
              {DEVICE_EXPORT, "application/x-ndjson"}};

/* {"application/json": {"schema": …}} */
static json_t *content_json(const char *name)
{
    json_t *content = json_object();
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++)
        if (!strcmp(name, BODIES[i].name))
            json_object_set_new(content, BODIES[i].type, json_pack("{s:{}}", "schema"));
    if (json_object_size(content)) return content;
    json_decref(content);
    return json_pack("{s:{s:o}}", "application/json", "schema", reference(name));
}

static void add_reply(json_t *replies, const char *status, const char *name)
{
    const struct schema_row *object = schema_find(name);
    const char *title = http_status_title((int)strtol(status, NULL, 10));
    json_t *reply = json_pack("{s:s}", "description", object ? object->sentence : title);
    if (strcmp(name, EMPTY) != 0) json_object_set_new(reply, "content", content_json(name));
    json_object_set_new(replies, status, reply);
}

/* problems: status → its types; "*" where there are more than are worth a list. */
static void add_types(json_t *problems, const char *status, const char *types)
{
    json_t *list = json_object_get(problems, status), *words = words_json(types), *word, *known;
    size_t i, j;
    if (!list) json_object_set_new(problems, status, list = json_array());
    json_array_foreach(words, i, word)
    {
        bool is_known = false;
        json_array_foreach(list, j, known) is_known |= json_equal(known, word);
        if (!is_known) json_array_append(list, word);
    }
    json_decref(words);
}

static void name_types(const json_t *types, char *out, size_t size)
{
    struct godwit_text text;
    godwit_text_init(&text, out, size);
    for (size_t i = 0; i < json_array_size(types); i++) {
        godwit_text_add(&text, i ? ", " : "");
        godwit_text_add(&text, json_string_value(json_array_get(types, i)));
    }
}

static json_t *problem_json(json_t *types)
{
    json_t *schema = reference("problem");
    bool is_any = false;
    for (size_t i = 0; i < json_array_size(types); i++)
        is_any |= !strcmp(json_string_value(json_array_get(types, i)), "*");
    char names[512] = "A problem; its type says which.";
    if (!is_any) name_types(types, names, sizeof names);
    if (!is_any)
        schema = json_pack("{s:[o, {s:{s:{s:O}}}]}", "allOf", schema, "properties", "type", "enum",
                           types);
    return json_pack("{s:s, s:{s:{s:o}}}", "description", names, "content",
                     "application/problem+json", "schema", schema);
}

/* What is not said again in each row. */
enum {
    ALWAYS = 0,
    BODY = 1,
    JSON_BODY = 2,
    PERSON = 4,
    WAITS = 8,
    CHANGES = 16,
    KEYED = 32,
    QUERIED = 64,
    PERSON_CHANGES = 128
};
static const struct {
    unsigned when;
    const char *status, *types;
} COMMON[] = {
    {ALWAYS, "400", "*"}, /* what is no sound HTTP */
    {PERSON, "403",
     "role-too-low scope-missing second-factor-needed reauthenticate session-only cross-site"},
    {PERSON, "404", "no-org"},
    {PERSON_CHANGES, "412", "no-if-match"},
    {BODY, "413", "body-too-large"},
    {JSON_BODY | QUERIED, "422", "malformed"},
    {KEYED, "409", "still-running already-done"},
    {KEYED, "422", "malformed key-reused"},
    {ALWAYS, "500", "internal reply-too-large"},
    {WAITS, "500", "storage"},
    {ALWAYS, "503", "busy"},
    {CHANGES, "507", "disk-full"},
};

static unsigned traits(const struct http_route *route)
{
    const struct operation *operation = route->extra;
    bool is_change = route->method != HTTP_METHOD_GET;
    bool is_person = operation->permission->callers & CALLER_PERSON;
    bool takes_match = operation->query && strstr(operation->query, "If-Match");
    return (is_keyed(route) ? KEYED : 0) |
           (is_change && is_person && !takes_match ? PERSON_CHANGES : 0) |
           (operation->query ? QUERIED : 0) | (route->body_max ? BODY : 0) |
           (operation->body && strcmp(operation->body, OCTETS) != 0 ? JSON_BODY : 0) |
           (is_person ? PERSON : 0) | (route->mode != HTTP_INLINE ? WAITS : 0) |
           (is_change ? CHANGES : 0);
}

static json_t *problems_of(const struct http_route *route)
{
    const struct operation *operation = route->extra;
    json_t *problems = json_object();
    if (operation->permission->callers) add_types(problems, "401", operation->permission->type);
    for (size_t i = 0; i < sizeof COMMON / sizeof *COMMON; i++)
        if (!COMMON[i].when || COMMON[i].when & traits(route))
            add_types(problems, COMMON[i].status, COMMON[i].types);
    return problems;
}

static json_t *replies_json(const struct http_route *route)
{
    json_t *replies = json_object(), *problems = problems_of(route), *types;
    const char *at = ((const struct operation *)route->extra)->replies, *status;
    while (*at) {
        char code[4] = "", names[200];
        size_t size = strcspn(at, ";");
        snprintf(code, sizeof code, "%.3s", at);
        snprintf(names, sizeof names, "%.*s", (int)size - 4, at + 4);
        if (*code < '4') add_reply(replies, code, names);
        if (*code < '4' && route->method == HTTP_METHOD_GET && schema_find(names))
            add_reply(replies, "304", EMPTY);
        if (*code >= '4') add_types(problems, code, names);
        at += size + strspn(at + size, "; ");
    }
    json_object_foreach(problems, status, types)
        json_object_set_new(replies, status, problem_json(types));
    json_decref(problems);
    add_reply(replies, "default", "problem");
    return replies;
}

/* ---- the document ---- */

/* Any one of them is enough. */
static json_t *scopes_json(unsigned scopes)
{
    json_t *list = json_array();
    for (unsigned i = 0; scope_name(i); i++)
        if (scopes & 1U << i) json_array_append_new(list, json_string(scope_name(i)));
    return list;
}

static json_t *operation_json(const struct http_route *route)
{
    const struct operation *operation = route->extra;
    const struct permission *permission = operation->permission;
    json_t *view = json_pack("{s:s, s:s, s:o, s:o}", "operationId", operation->name, "summary",
                             operation->sentence, "parameters", parameters_json(route), "responses",
                             replies_json(route));
    json_t *security = json_array();
    if (permission->callers) json_array_append_new(security, json_pack("{s:[]}", "bearer"));
    json_object_set_new(view, "security", security);
    if (operation->body)
        json_object_set_new(
            view, "requestBody",
            json_pack("{s:b, s:o}", "required", true, "content", content_json(operation->body)));
    if (permission->callers & CALLER_PERSON) {
        json_object_set_new(view, "x-role", json_string(role_name(permission->need.role)));
        json_object_set_new(view, "x-scopes", scopes_json(permission->need.scopes));
    }
    return view;
}

static json_t *paths_json(void)
{
    static const char *const METHODS[] = {"get", "head", "post", "put", "patch", "delete"};
    json_t *paths = json_object();
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        json_t *path = json_object_get(paths, ROUTES[i].pattern);
        if (!path) {
            path = json_object();
            json_object_set_new(paths, ROUTES[i].pattern, path);
        }
        json_object_set_new(path, METHODS[ROUTES[i].method], operation_json(&ROUTES[i]));
    }
    return paths;
}

json_t *api_doc_make(void)
{
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:o, s:{s:o, s:{s:{s:s, s:s, s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Godwit", "version", GODWIT_VERSION, "description",
        "Updates ESP32 devices over the air.", "license", "name", "Apache-2.0", "identifier",
        "Apache-2.0", "servers", "url", "/", "paths", paths_json(), "components", "schemas",
        schemas_json(), "securitySchemes", "bearer", "type", "http", "scheme", "bearer",
        "description", "An API token, from `godwit login`; of a device, its own token.");
}

void api_doc_open(struct app *app)
{
    struct api_doc *doc = &app->api_doc;
    json_t *document = api_doc_make();
    doc->text = document ? json_text_make(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!doc->text) abort();
    doc->size = strlen(doc->text);
    json_etag(doc->text, doc->size, doc->etag);
}

void handle_openapi(struct http_request *request)
{
    const struct api_doc *doc = &((const struct app *)request->app)->api_doc;
    if (http_is_unchanged(request, doc->etag))
        http_reply(request, 304, NULL, NULL, 0);
    else
        http_reply(request, 200, "application/json", doc->text, doc->size);
}
