/* The rows of one reply, for the table in api_schema_replies.c, which is long enough. */
#pragma once

#define DEVICE_STATES \
    "up-to-date queued in-progress on-trial failed incompatible halted undoing retired"

#define SCHEMA_WHY_ROWS                                                                          \
    OBJECT("why", "Why a device is offered what it is, or nothing."),                            \
        HEX("device_id", 12, "its id"), STRING("product", "its product"),                        \
        STRING("reason", "why, as a short id"),                                                  \
        STRING("sentence", "why, in words, and what opens it"),                                  \
        CHOICE("state", DEVICE_STATES, "the state that the reason makes of it"),                 \
        CHOICE("reply", "install no-update", "what its next check-in is told"),                  \
        ROW(STRING, "version", NULL, SCHEMA_OPTIONAL, "what it is told to install"),             \
        FLAG("is_waiting", "a check-in of it is held, so that it hears at once"),                \
        ROW(TIME, "expected", NULL, SCHEMA_OPTIONAL,                                             \
            "its next check-in, by its habit; absent where it is not known, or overdue"),        \
        WHOLE("rollout_id", "the rollout that speaks to it; 0: none, or a release was asked "    \
                            "about"),                                                            \
        ROW(CHOICE, "rollout_state", "running paused halted undone unapproved", SCHEMA_OPTIONAL, \
            "the state of that rollout")
