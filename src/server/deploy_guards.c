/* The schema of the body has checked numbers and flags; what texts mean is found out here. */
#include "server/deploy_guards.h"

#include "server/problem.h"

static const char *text_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return text ? text : "";
}

bool guards_take(struct http_request *request, const json_t *body, struct rollout_guards *out)
{
    const json_t *battery = json_object_get(body, "battery_min");
    const char *zone = text_of(body, "tz");
    char note[200] = "";
    *out = (struct rollout_guards){
        .per_site = (uint32_t)json_integer_value(json_object_get(body, "per_site")),
        .battery_min =
            json_is_integer(battery) ? (uint8_t)json_integer_value(battery) : BATTERY_MIN,
        .needs_consent = json_is_true(json_object_get(body, "consent"))};
    if (*zone && zone_parse(zone, &out->zone)) {
        problem(request, 422, "malformed",
                "\"tz\" must be a distance from UTC in quarters of an hour, as +02:00 or -03:30",
                "tz");
        return false;
    }
    if (!window_parse(text_of(body, "window"), out, note, sizeof note)) return true;
    problem(request, 422, "malformed", note, "window");
    return false;
}

void guards_add(json_t *view, const struct rollout_guards *guards)
{
    char windows[WINDOW_TEXT_MAX], zone[ZONE_TEXT_MAX];
    window_format(guards, windows);
    zone_format(guards->zone, zone);
    json_object_set_new(view, "window", json_string(windows));
    json_object_set_new(view, "tz", json_string(zone));
    json_object_set_new(view, "per_site", json_integer(guards->per_site));
    json_object_set_new(view, "consent", json_boolean(guards->needs_consent));
    json_object_set_new(view, "battery_min", json_integer(guards->battery_min));
}
