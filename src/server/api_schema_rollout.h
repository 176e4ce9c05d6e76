/* Rows around a rollout, for the table in api_schema_replies.c, which is long enough: what it does
 * next, and pages. */
#pragma once

#define SCHEMA_OUTLOOK_ROWS                                                                       \
    OBJECT(                                                                                       \
        "brake",                                                                                  \
        "How near a rollout is to its halt: a sequential test over its devices in the order in "  \
        "which they were offered it."),                                                           \
        REAL("weight", "of the heaviest run of failures"),                                        \
        REAL("bound", "it halts when the weight is as large"),                                    \
        WHOLE("failures_left",                                                                    \
              "it halts if so many more devices fail in a row, those that are offered it next"),  \
        FLAG("pauses_at_failure", "it has few devices, and pauses when one more fails"),          \
        OBJECT("pace", "How many devices may be on the way at once."),                            \
        ROW(WHOLE, "places", NULL, SCHEMA_NULLABLE,                                               \
            "devices that may be in progress or soak; more as others succeed; null: any number"), \
        WHOLE("in_use", "those that are"), OBJECT("next_gate", "Where a rollout stops next."),    \
        WHOLE("devices", "it stops when so many were offered it"),                                \
        STRING("soak",                                                                            \
               "until they have succeeded, and so long after the last of them, as in 30m"),       \
        OBJECT("stratum", "Devices of a rollout that have one thing alike, and fail."),           \
        CHOICE("kind", "chip chip-revision hardware-revision from", "what they have alike"),      \
        STRING("value", "which: esp32c3, v3.1, 2, or the version that they came from"),           \
        STRING("devices", "both in words, as in hardware revision 2"),                            \
        CHOICE("state", "running overdue halted",                                                 \
               "overdue: offered to no more of them while some are not heard of; "                \
               "halted: for them the rollout has ended"),                                         \
        WHOLE("offered", "of these devices"), WHOLE("confirmed", "of these"),                     \
        WHOLE("failed", "of these"), REAL("weight", "of their failures"),                         \
        REAL("bound", "they are halted when the weight is as large …"),                           \
        REAL("apart",                                                                             \
             "how much likelier it is that they fail more often than the rest, as a logarithm"),  \
        REAL("apart_bound", "… and this as well"),                                                \
        ROW(TIME, "halted_since", NULL, SCHEMA_OPTIONAL, "when they were halted")
/* As members of the rollout. */
#define OUTLOOK_SHOWN                                                                            \
    ROW(OBJECT, "brake", "brake", SCHEMA_OPTIONAL, "how near it is to its halt; not in lists"),  \
        ROW(OBJECT, "pace", "pace", SCHEMA_OPTIONAL,                                             \
            "places and how many are in use; not in lists"),                                     \
        ROW(CHOICE, "waits_for", "halted paused approval overdue gate queued",                   \
            SCHEMA_OPTIONAL | SCHEMA_NULLABLE,                                                   \
            "why no device is offered it now: the reason of a queued one; null: one is; not in " \
            "lists"),                                                                            \
        ROW(OBJECT, "next_gate", "next_gate", SCHEMA_OPTIONAL | SCHEMA_NULLABLE,                 \
            "the next gate; null: none is left; not in lists"),                                  \
        ROW(OBJECT, "strata", "stratum", SCHEMA_LIST | SCHEMA_OPTIONAL,                          \
            "devices of one kind of which some have failed or are overdue; not in lists")
#define SCHEMA_ROLLOUT_PAGES                                                           \
    OBJECT("rollout_devices", "What devices make of a rollout."),                      \
        PAGE("items", "rollout_device", "in the order in which they joined"),          \
        ROW(STRING, "next", NULL, SCHEMA_OPTIONAL,                                     \
            "`after` of the page behind this one; absent on the last"),                \
        OBJECT("rollouts", "Rollouts."), PAGE("items", "rollout", "the newest first"), \
        ROW(STRING, "next", NULL, SCHEMA_OPTIONAL,                                     \
            "`after` of the page behind this one; absent on the last")
