/* Everything at a glance: server, products, releases, rollouts, devices. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/pending.h"
#include "cli/remote.h"
#include "cli/table.h"

/* Said once there is more than one: then keys are being changed. */
static void trust_add(struct table *table, const json_t *product)
{
    size_t index;
    json_t *key;
    const json_t *trust = json_object_get(product, "trust");
    if (json_array_size(trust) < 2) return;
    json_array_foreach(trust, index, key)
    {
        table_add(table, "");
        table_add(table, "");
        table_addf(table, "%.8s… trusted by %llu of %llu devices", json_text(key, "key"),
                   json_number(key, "devices"), json_number(product, "devices"));
    }
}

static void products_print(const json_t *status)
{
    size_t index;
    json_t *product;
    struct table table;
    table_init(&table, 3);
    json_array_foreach(json_object_get(status, "products"), index, product)
    {
        size_t keys = json_array_size(json_object_get(product, "image_keys"));
        table_add(&table, "product");
        table_add(&table, json_text(product, "name"));
        if (json_is_true(json_object_get(product, "open")))
            table_add(&table, "OPEN: takes unsigned files");
        else
            table_addf(&table, "signed, %zu trusted key%s", keys, keys == 1 ? "" : "s");
        trust_add(&table, product);
    }
    table_print(&table);
}

/* "ESP32-C3, ESP32-S3, counter 2" */
static void images_add(struct table *table, const json_t *release)
{
    char text[256];
    size_t index, used = 0;
    json_t *image;
    text[0] = '\0';
    json_array_foreach(json_object_get(release, "images"), index, image) if (used < sizeof text)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", index ? ", " : "",
                                 json_text(image, "chip"));
    unsigned long long counter = json_number(release, "counter");
    if (counter && used < sizeof text)
        snprintf(text + used, sizeof text - used, ", counter %llu", counter);
    table_add(table, text);
}

static void releases_print(const json_t *status)
{
    static const char *const MEMBERS[] = {"product", "version", "state"};
    size_t index;
    json_t *release;
    struct table table;
    table_init(&table, 5);
    json_array_foreach(json_object_get(status, "releases"), index, release)
    {
        table_add(&table, "release");
        for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
            table_add(&table, json_text(release, MEMBERS[i]));
        images_add(&table, release);
    }
    table_print(&table);
}

static void rollouts_print(const json_t *status)
{
    size_t index;
    json_t *rollout;
    json_array_foreach(json_object_get(status, "rollouts"), index, rollout)
    {
        unsigned long long selected = json_number(rollout, "selected"),
                           queued = json_number(rollout, "queued");
        printf("rollout  %llu: %s %s %s: %llu of %llu confirmed, %llu in progress, %llu failed",
               json_number(rollout, "rollout_id"), json_text(rollout, "product"),
               json_text(rollout, "version"), json_text(rollout, "state"),
               json_number(rollout, "succeeded"), selected, json_number(rollout, "in_progress"),
               json_number(rollout, "failed"));
        unsigned long long incompatible = json_number(rollout, "incompatible"),
                           not_seen = json_number(rollout, "not_seen");
        if (queued) printf(", %llu not offered yet", queued);
        if (incompatible) printf(", %llu incompatible", incompatible);
        if (json_number(rollout, "up_to_date"))
            printf(", %llu ran it already", json_number(rollout, "up_to_date"));
        if (json_number(rollout, "halted"))
            printf(", %llu not offered it any more", json_number(rollout, "halted"));
        if (json_number(rollout, "superseded"))
            printf(", %llu superseded", json_number(rollout, "superseded"));
        if (not_seen) printf(", %llu not seen since it began", not_seen);
        putchar('\n');
    }
}

static void status_print(const struct remote *remote, const json_t *status)
{
    const json_t *server = json_object_get(status, "server"),
                 *devices = json_object_get(status, "devices");
    printf("server   %s, godwit %s, up %llu s\n", remote->url, json_text(server, "version"),
           json_number(server, "uptime_s"));
    products_print(status);
    releases_print(status);
    rollouts_print(status);
    printf("devices  %llu, %llu in progress, %llu on trial, %llu pending\n",
           json_number(devices, "total"), json_number(devices, "in_progress"),
           json_number(devices, "on_trial"), json_number(devices, "pending"));
    unsigned long long unknown = json_number(devices, "unknown_release"),
                       turned_away = json_number(devices, "turned_away");
    if (unknown)
        printf("         %llu run%s a release that this server does not know: uploaded after the "
               "backup that was restored, or never\n",
               unknown, unknown == 1 ? "s" : "");
    if (turned_away)
        printf("         under %llu id%s more ask to join than are kept; reject those that are not "
               "yours\n",
               turned_away, turned_away == 1 ? "" : "s");
    pending_print(json_object_get(status, "pending"));
}

int cmd_status(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    const struct options options = {"status",
                                    "[--json]",
                                    "Releases, rollouts and devices at a glance.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    NULL,
                                    0,
                                    0};
    int exit_status = options_parse(&options, argc, argv, NULL);
    if (exit_status >= 0) return exit_status;
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    json_t *status;
    bool is_good = remote_call(&remote, "GET", "/api/v1/status", NULL, &status);
    if (is_good && flags.json) is_good = json_print(status);
    if (is_good && !flags.json) status_print(&remote, status);
    if (is_good) json_decref(status);
    remote_close(&remote);
    return is_good ? 0 : 1;
}
