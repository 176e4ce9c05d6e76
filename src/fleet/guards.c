/* Guards as text, and the hour of the week by which a window is open. */
#include "fleet/guards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_M 1440
#define WEEK_M (7 * DAY_M)
#define EPOCH_DAY 3 /* 1970 began on a Thursday */
#define ALL_DAYS 0x7F
#define ZONE_QUARTERS_MIN (-48)
#define ZONE_QUARTERS_MAX 56

static const char *const DAYS[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* ---- reading ---- */

/* The day at *text, which moves behind it; -1: there is none. */
static int take_day(const char **text)
{
    for (int i = 0; i < 7; i++)
        if (!strncasecmp(*text, DAYS[i], 3)) {
            *text += 3;
            return i;
        }
    return -1;
}

/* "mon", "mon-fri" or "sat-mon", and a space. */
static bool take_days(const char **text, uint8_t *days_out)
{
    int first = take_day(text), last = first;
    *days_out = ALL_DAYS;
    if (first < 0) return true;
    if (**text == '-') {
        ++*text;
        last = take_day(text);
    }
    if (last < 0 || **text != ' ') return false;
    *text += strspn(*text, " ");
    *days_out = (uint8_t)(1U << last);
    for (int day = first; day != last; day = (day + 1) % 7)
        *days_out |= (uint8_t)(1U << day);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HH:MM", up to 24:00. */
static bool take_time(const char **text, unsigned hours_max, unsigned *minutes_out)
{
    const char *at = *text;
    for (int i = 0; i < 5; i++)
        if (i == 2 ? at[i] != ':' : !is_digit(at[i])) return false;
    unsigned hours = (unsigned)((at[0] - '0') * 10 + at[1] - '0'),
             minutes = (unsigned)((at[3] - '0') * 10 + at[4] - '0');
    *text += 5;
    *minutes_out = 60 * hours + minutes;
    return minutes < 60 && *minutes_out <= 60 * hours_max;
}

static bool take_window(const char *text, struct guard_window *out)
{
    unsigned from, until;
    text += strspn(text, " ");
    if (!take_days(&text, &out->days) || !take_time(&text, 24, &from) || *text++ != '-' ||
        !take_time(&text, 24, &until) || *text || from == DAY_M)
        return false;
    out->from_m = (uint16_t)from;
    out->until_m = (uint16_t)until;
    return true;
}

godwit_err window_parse(const char *text, struct rollout_guards *out, char *note, size_t note_size)
{
    char copy[WINDOW_TEXT_MAX], *rest = copy;
    out->windows_count = 0;
    if (!*text) return GODWIT_OK;
    snprintf(note, note_size, "there are too many windows: at most %d", GUARD_WINDOWS_MAX);
    if (strlen(text) >= sizeof copy) return GODWIT_ERR_FORMAT;
    memcpy(copy, text, strlen(text) + 1);
    for (char *one; (one = strsep(&rest, ","));) {
        if (out->windows_count == GUARD_WINDOWS_MAX) return GODWIT_ERR_FORMAT;
        struct guard_window *window = &out->windows[out->windows_count];
        if (!take_window(one, window)) {
            snprintf(note, note_size,
                     "'%s' is no window; write DAYS FROM-UNTIL, as in mon-fri 02:00-05:00", one);
            return GODWIT_ERR_FORMAT;
        }
        if (window->from_m == window->until_m) {
            snprintf(note, note_size,
                     "the window '%s' never opens, for it ends when it begins; the whole day is "
                     "00:00-24:00",
                     one);
            return GODWIT_ERR_FORMAT;
        }
        out->windows_count++;
    }
    return GODWIT_OK;
}

godwit_err zone_parse(const char *text, uint8_t *out)
{
    unsigned minutes;
    const char *at = text + 1;
    *out = ZONE_UTC;
    if (!strcasecmp(text, "utc")) return GODWIT_OK;
    if ((*text != '+' && *text != '-') || !take_time(&at, 14, &minutes) || *at || minutes % 15)
        return GODWIT_ERR_FORMAT;
    int quarters = (int)(minutes / 15) * (*text == '-' ? -1 : 1);
    if (quarters < ZONE_QUARTERS_MIN || quarters > ZONE_QUARTERS_MAX) return GODWIT_ERR_FORMAT;
    *out = (uint8_t)(ZONE_UTC + quarters);
    return GODWIT_OK;
}

/* ---- writing ---- */

static size_t format_days(char *out, size_t size, uint8_t days)
{
    int first = 0, last;
    if (days == ALL_DAYS) return 0;
    while (!(days >> first & 1) || days >> (first + 6) % 7 & 1)
        first++;
    for (last = first; days >> (last + 1) % 7 & 1;)
        last = (last + 1) % 7;
    if (first == last) return (size_t)snprintf(out, size, "%s ", DAYS[first]);
    return (size_t)snprintf(out, size, "%s-%s ", DAYS[first], DAYS[last]);
}

void window_format(const struct rollout_guards *guards, char out[static WINDOW_TEXT_MAX])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < guards->windows_count; i++) {
        const struct guard_window *window = &guards->windows[i];
        if (i) used += (size_t)snprintf(out + used, WINDOW_TEXT_MAX - used, ",");
        used += format_days(out + used, WINDOW_TEXT_MAX - used, window->days);
        used += (size_t)snprintf(out + used, WINDOW_TEXT_MAX - used, "%02d:%02d-%02d:%02d",
                                 window->from_m / 60, window->from_m % 60, window->until_m / 60,
                                 window->until_m % 60);
    }
}

void zone_format(uint8_t zone, char out[static ZONE_TEXT_MAX])
{
    int quarters = zone - ZONE_UTC, far = abs(quarters) % 100;
    out[0] = '\0';
    if (zone == ZONE_NONE) return;
    snprintf(out, ZONE_TEXT_MAX, "%c%02d:%02d", quarters < 0 ? '-' : '+', far / 4, far % 4 * 15);
}

/* ---- asking ---- */

/* By the minute of the week, which is counted round its end. */
static bool is_in(const struct guard_window *window, int64_t minute)
{
    int64_t length = (window->until_m - window->from_m + DAY_M) % DAY_M;
    if (length == 0) length = DAY_M;
    for (int day = 0; day < 7; day++) {
        int64_t since = (minute - day * DAY_M - window->from_m + WEEK_M) % WEEK_M;
        if (window->days >> day & 1 && since < length) return true;
    }
    return false;
}

bool window_is_open(const struct rollout_guards *guards, uint8_t zone, int64_t now_s)
{
    if (zone == ZONE_NONE) zone = guards->zone;
    if (zone == ZONE_NONE) zone = ZONE_UTC;
    int64_t minute = now_s / 60 + 15 * (zone - ZONE_UTC) + EPOCH_DAY * DAY_M;
    minute = (minute % WEEK_M + WEEK_M) % WEEK_M;
    for (size_t i = 0; i < guards->windows_count; i++)
        if (is_in(&guards->windows[i], minute)) return true;
    return guards->windows_count == 0;
}
