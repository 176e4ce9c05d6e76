/* What the operator API is asked with: bodies, and the parameters of paths and queries. */
#include "fleet/claim.h"
#include "fleet/kept_reply.h"
#include "fleet/tags.h"
#include "server/api_schema_rows.h"

#define TAG_LIST(name, sentence)                                                               \
    {                                                                                          \
        SCHEMA_STRING, name, 1, 64, SCHEMA_LIST | SCHEMA_OPTIONAL, sentence, NULL, 0, TAGS_MAX \
    }
#define ROLES "viewer operator releaser admin"
#define SCOPES "read upload deploy devices admin"

const struct schema_row SCHEMA_REQUESTS[] = {
    OBJECT("login_request", "Who logs in."),
    SIZED(STRING, "user", 1, 32, 0, "the user's name"),
    SIZED(STRING, "password", 1, 256, 0, "the password"),
    SIZED(STRING, "code", 1, 32, SCHEMA_OPTIONAL, "of the second factor, or a recovery code"),
    SIZED(STRING, "org", 1, 32, SCHEMA_OPTIONAL, "the organisation, where the user has several"),
    SIZED(STRING, "known", 1, 79, SCHEMA_OPTIONAL, "what a login of this user from here brought"),
    FLAG_ASKED("cookie", "the session comes as a cookie, for pages, and not as a token"),

    OBJECT("proof_request", "The password again."),
    SIZED(STRING, "password", 1, 256, 0, "the password"),
    SIZED(STRING, "code", 1, 32, SCHEMA_OPTIONAL, "of the second factor, or a recovery code"),

    OBJECT("code_request", "The first code of a second factor."),
    SIZED(STRING, "code", 6, 6, 0, "the six digits that the app shows"),

    OBJECT("password_request", "A new password."),
    SIZED(STRING, "password", 1, 256, SCHEMA_OPTIONAL, "12 bytes or more; absent: one is made"),

    OBJECT("user_request", "A user that is made."),
    SIZED(STRING, "user", 1, 32, 0, "its name, one on the whole server"),
    ROW(CHOICE, "role", ROLES, 0, "what it may do"),
    SIZED(STRING, "password", 1, 256, SCHEMA_OPTIONAL, "12 bytes or more; absent: one is made"),
    FLAG_ASKED("join", "the user is there; on the server's machine only"),

    OBJECT("role_request", "Another role."),
    ROW(CHOICE, "role", ROLES, 0, "what the user may do"),

    OBJECT("token_request", "An API token that is made."),
    ROW(CHOICE, "scopes", SCOPES, SCHEMA_LIST, "what it is good for"),
    SIZED(STRING, "name", 1, 64, SCHEMA_OPTIONAL, "what it is for"),
    SIZED(STRING, "product", 1, 32, SCHEMA_OPTIONAL, "the only product that it is good for"),
    SIZED(WHOLE, "days", 1, 3650, SCHEMA_OPTIONAL, "when it ends; 90 when absent"),
    SIZED(STRING, "user", 1, 32, SCHEMA_OPTIONAL, "whose it is; on the server's machine only"),

    OBJECT("org_request", "An organisation that is made."),
    SIZED(STRING, "org", 1, 32, 0, "its name, for ever: 1 to 32 of a-z, 0-9 and -"),
    SIZED(STRING, "admin", 1, 32, 0, "the name of its first user"),

    OBJECT("org_settings", "What holds for all people of an organisation."),
    FLAG("second_factor_required", "everybody who logs in needs a second factor"),

    OBJECT("priority_request", "Which of several rollouts speaks to a device."),
    CHOICE("priority", "low normal high", "the highest does, and of several the newest"),

    OBJECT("locks", "What a deploy of a product needs."),
    FLAG("approval", "a second person approves each rollout"),
    FLAG("bench",
         "a device with the tag bench, of each chip of the release, took it and went back"),

    OBJECT("deploy_request", "What is rolled out, and to whom."),
    SIZED(STRING, "product", 1, 32, 0, "the product"),
    SIZED(STRING, "version", 1, 32, 0, "the version of one of its releases"),
    {SCHEMA_HEX, "devices", 12, 12, SCHEMA_LIST | SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
     "ids of the devices; without it all of the product, also those that join later", NULL, 1,
     10000},
    SIZED(STRING, "filter", 1, 1024, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "instead of `devices`: those that it finds now, docs/FILTERS.md"),
    ROW(CHOICE, "priority", "low normal high pin", SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
        "of several rollouts the highest speaks to a device, then the newest; pin: with `devices`, "
        "above all; normal when absent"),
    FLAG_ASKED("some_chips", "also where the release has no image for the chip of some of them"),
    FLAG_ASKED("continuous", "with `filter`: devices that it finds later are taken in as well"),
    SIZED(STRING, "first", 1, 1024, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "a filter: those of the devices that it finds now come before the others"),
    FLAG_ASKED("allow_downgrade", "also to devices that run a higher release counter"),
    FLAG_ASKED("again", "also to devices on which the release failed before, once"),
    ROW(STRING, "soak", NULL, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
        "how long a device must run it to have succeeded, as in 30m; as the service is set"),
    ROW(STRING, "gates", NULL, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
        "where it waits for proof, as in 10:30m,1%:2h, or none; as the service is set"),
    SIZED(STRING, "window", 0, 95, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "when it may be installed, in the device's local time: mon-fri 02:00-05:00"),
    SIZED(STRING, "tz", 0, 7, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "local time of devices that do not say theirs by the tag or attribute tz: +02:00; UTC "
          "when absent"),
    SIZED(WHOLE, "per_site", 1, 1000000, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "so many devices of one site (tag site) are in progress at once at most"),
    FLAG_ASKED("consent", "only to devices that consent, or for which a person did"),
    SIZED(WHOLE, "battery_min", 0, 100, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "not to devices whose battery is below so many per cent; 20 when absent"),
    FLAG_ASKED("no_return", "it is meant that devices that confirm it can not go back"),
    FLAG_ASKED("trust_reset", "it is meant that its policy makes a trust reset"),
    FLAG_ASKED("no_deploy_key", "it is meant that its policy lists no deploy key"),
    FLAG_ASKED("retrusted_key", "it is meant that its policy trusts a key again that was dropped"),

    OBJECT("wake_request", "Which devices check in now."),
    {SCHEMA_HEX, "devices", 12, 12, SCHEMA_LIST, "ids of the devices", NULL, 1, 10000},

    OBJECT("token_choice", "Which of the tokens that wait is meant."),
    HEX("token", 16, "the first 8 bytes of its SHA-256, as `pending` shows them"),

    OBJECT("pending_choice", "A token that waits, and whose id it asks for."),
    HEX("device_id", 12, "the id"),
    HEX("token", 16, "the first 8 bytes of its SHA-256, as `pending` shows them"),

    OBJECT("token_choices", "Tokens that wait; at most 500 in both lists together."),
    {SCHEMA_OBJECT, "accept", 0, 0, SCHEMA_LIST | SCHEMA_OPTIONAL, "those that are let in",
     "pending_choice", 0, 500},
    {SCHEMA_OBJECT, "reject", 0, 0, SCHEMA_LIST | SCHEMA_OPTIONAL, "those that are sent away",
     "pending_choice", 0, 500},

    OBJECT("rotation_request", "Devices that shall make another token."),
    {SCHEMA_HEX, "devices", 12, 12, SCHEMA_LIST, "their ids", NULL, 1, 1000},

    OBJECT("device_edit", "What is changed about a device; at least one member."),
    SIZED(STRING, "name", 1, 256, SCHEMA_OPTIONAL | SCHEMA_NULLABLE,
          "1 to 64 characters that can be printed; null takes the name away"),
    SIZED(STRING, "product", 1, 32, SCHEMA_OPTIONAL, "the product that it belongs to from now on"),
    TAG_LIST("add_tags",
             "tags, \"beta\" or \"site=berlin\"; one takes the place of one with its key"),
    TAG_LIST("remove_tags", "tags, or keys alone"),

    OBJECT("devices_edit", "Which devices are changed, and what about them."),
    SIZED(STRING, "filter", 1, 1024, 0, "which devices: docs/FILTERS.md; id:* for all"),
    SIZED(STRING, "after", 1, 20, SCHEMA_OPTIONAL, "what `next` said of the batch before"),
    FLAG_ASKED("dry_run", "nothing is changed; `left` says how many the filter finds"),
    SIZED(STRING, "product", 1, 32, SCHEMA_OPTIONAL, "the product that they belong to from now on"),
    ROW(FLAG, "retired", NULL, SCHEMA_OPTIONAL,
        "true retires them, false takes that back (the filter then asks for state:retired)"),
    TAG_LIST("add_tags", "tags, \"beta\" or \"site=berlin\""),
    TAG_LIST("remove_tags", "tags, or keys alone"),

    OBJECT("claim_request", "For which devices a claim token is made."),
    SIZED(STRING, "product", 1, 32, 0, "the product that devices join by it"),
    SIZED(WHOLE, "count", 1, CLAIM_COUNT_MAX, SCHEMA_OPTIONAL,
          "how many devices may join by it; 1 when absent"),
    SIZED(WHOLE, "lifetime_s", 1, CLAIM_LIFETIME_MAX_S, SCHEMA_OPTIONAL,
          "nobody joins by it after so many seconds; it has no end when absent"),
    TAG_LIST("tags", "tags that its devices get"),

    OBJECT("factory_request", "Lines of a factory list."),
    SIZED(STRING, "product", 1, 32, 0, "the product of the devices"),
    STRING("csv", "at most 1000 lines: device id, comma, SHA-256 of its token in hex"),
    SIZED(WHOLE, "first_line", 1, 1 << 30, SCHEMA_OPTIONAL,
          "number of the first line in its file, for what is said of a wrong one; 1 when absent"),
    TAG_LIST("tags", "tags that the devices get"),

    OBJECT("webhook_request", "Where events are sent, and which."),
    SIZED(STRING, "url", 1, 500, 0, "https://HOST/PATH, on the public internet"),
    SIZED(STRING, "events", 1, 300, SCHEMA_OPTIONAL,
          "names between spaces, a last * stands for any text; all when absent"),

    OBJECT("webhook_edit", "What is changed about a webhook; at least one member."),
    SIZED(STRING, "url", 1, 500, SCHEMA_OPTIONAL, "https://HOST/PATH, on the public internet"),
    SIZED(STRING, "events", 1, 300, SCHEMA_OPTIONAL,
          "names between spaces, a last * stands for any text"),
    ROW(FLAG, "paused", NULL, SCHEMA_OPTIONAL, "true: what is for it waits; false: it is sent"),
    ROW(FLAG, "new_secret", NULL, SCHEMA_OPTIONAL,
        "true: another secret signs; the former one signs too for a day"),

    OBJECT("checkin_request", "What a device says; docs/PROTOCOL.md has it to the byte."),
    END,
};

const struct schema_row PARAMETERS[] = {
    HEX("uploads/sha256", 64, "SHA-256 of the whole file"),
    HEX("image/digest", 64, "SHA-256 of the file"),
    SIZED(STRING, "releases/product", 1, 32, 0, "name of the product"),
    SIZED(STRING, "product/version", 1, 32, 0, "version of the release"),
    SIZED(WHOLE, "rollouts/id", 1, UINT32_MAX, 0, "number of the rollout"),
    HEX("webhooks/id", 16, "id of the webhook"),
    HEX("devices/id", 12, "id of the device"),
    HEX("claims/claim", 16, "the first 8 bytes of its SHA-256, as the list shows them"),
    HEX("factory/id", 12, "id of the device"),
    SIZED(STRING, "products/name", 1, 32, 0, "name of the product"),

    SIZED(WHOLE, "limit", 1, 500, SCHEMA_OPTIONAL, "at most so many; 100 when absent"),
    SIZED(STRING, "after", 1, 100, SCHEMA_OPTIONAL, "`next` of the page before"),
    SIZED(STRING, "before", 1, 20, SCHEMA_OPTIONAL, "records with a smaller sequence"),
    SIZED(STRING, "actor", 0, 128, SCHEMA_OPTIONAL, "who; a last * stands for any text"),
    SIZED(STRING, "action", 0, 128, SCHEMA_OPTIONAL, "what was done; a last * for any text"),
    SIZED(STRING, "object", 0, 128, SCHEMA_OPTIONAL, "to what; a last * for any text"),
    SIZED(STRING, "users/name", 1, 32, 0, "name of the user"),
    HEX("sessions/id", 16, "the session, as the list shows it"),
    HEX("tokens/id", 16, "the API token, as the list shows it"),
    SIZED(STRING, "open", 0, 0, SCHEMA_OPTIONAL, "an unsigned first file makes an open product"),
    SIZED(STRING, "product", 1, 31, SCHEMA_OPTIONAL,
          "stands in for the project's name in the file"),
    SIZED(STRING, "version", 1, 31, SCHEMA_OPTIONAL, "stands in for the version in the file"),
    SIZED(STRING, "other_project", 0, 0, SCHEMA_OPTIONAL,
          "it is meant that the project has another name than those before"),
    SIZED(
        STRING, "Idempotency-Key", 1, KEPT_KEY_MAX, SCHEMA_OPTIONAL,
        "of your choice: sent again within 24 hours, the request is not carried out twice and gets "
        "the first reply"),
    SIZED(STRING, "If-Match", 1, 400, SCHEMA_OPTIONAL,
          "an ETag: the change is made only if the object is still as it was then, else `412`"),
    SIZED(STRING, "Last-Event-ID", 1, 40, SCHEMA_OPTIONAL,
          "id of the last event that came: the stream continues after it"),
    SIZED(STRING, "Content-Range", 1, 80, 0,
          "\"bytes FIRST-LAST/SIZE\": which bytes of the file the body is"),

    SIZED(STRING, "state", 1, 32, SCHEMA_OPTIONAL,
          "devices to which the rollout speaks and that are in this state alone"),
    SIZED(WHOLE, "limit", 1, 500, SCHEMA_OPTIONAL, "rows of a page; 100 where it is absent"),
    SIZED(STRING, "after", 1, 719, SCHEMA_OPTIONAL, "`next` of the page before"),
    ROW(CHOICE, "format", "csv ndjson", SCHEMA_OPTIONAL, "csv where it is absent"),
    SIZED(STRING, "fields", 1, 511, SCHEMA_OPTIONAL,
          "members that are wanted, with commas between"),
    SIZED(STRING, "sort", 1, 32, SCHEMA_OPTIONAL, "a member, with - before it the other way round"),
    SIZED(STRING, "release", 1, 32, SCHEMA_OPTIONAL,
          "a version: as if this release were rolled out to the device alone"),
    SIZED(STRING, "filter", 0, 1024, SCHEMA_OPTIONAL, "which devices: docs/FILTERS.md"),
    SIZED(STRING, "text", 0, 1024, SCHEMA_OPTIONAL, "the filter as far as it is typed"),
    SIZED(WHOLE, "cursor", 0, 1024, SCHEMA_OPTIONAL,
          "bytes of `text` before the cursor; all when absent"),
    END,
};
