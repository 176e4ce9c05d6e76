/* Ages and dates. An age that is larger is a time that is smaller. */
#include "filter/time_value.h"

#include <string.h>

#define AGE_MAX 1000000
#define DATE_SIZE 10

static int64_t unit_s(char unit)
{
    static const struct {
        char unit;
        int64_t seconds;
    } UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', FILTER_DAY_S}, {'w', 7 * FILTER_DAY_S}};
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (UNITS[i].unit == unit) return UNITS[i].seconds;
    return 0;
}

/* Digits up to `end`; -1 where something else stands there. */
static int64_t number_read(const char *text, const char *end)
{
    int64_t number = 0;
    if (text == end) return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9') return -1;
        number = 10 * number + (*text - '0');
        if (number > AGE_MAX) return -1;
    }
    return number;
}

/* Days since 1970 in the proleptic Gregorian calendar, whose years here begin in March so that the
 * leap day comes last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era_year = year % 400, day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
    int64_t day_of_era = era_year * 365 + era_year / 4 - era_year / 100 + day_of_year + day - 1;
    return year / 400 * 146097 + day_of_era - 719468;
}

static int64_t month_days(int64_t year, int64_t month)
{
    return days_of(year + month / 12, month % 12 + 1, 1) - days_of(year, month, 1);
}

/* False: no date of the years 1970 to 9999. */
static bool date_read(const char *text, int64_t *day_out)
{
    if (strlen(text) != DATE_SIZE || text[4] != '-' || text[7] != '-') return false;
    int64_t year = number_read(text, text + 4), month = number_read(text + 5, text + 7);
    int64_t day = number_read(text + 8, text + 10);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    *day_out = days_of(year, month, day) * FILTER_DAY_S;
    return true;
}

static const uint8_t OF_AGE[] = {[FILTER_LESS] = FILTER_GREATER,
                                 [FILTER_GREATER] = FILTER_LESS,
                                 [FILTER_AT_MOST] = FILTER_AT_LEAST,
                                 [FILTER_AT_LEAST] = FILTER_AT_MOST};

enum time_value time_value_read(const char *text, int64_t now_s, struct filter_value *value)
{
    int64_t day;
    if (date_read(text, &day)) {
        bool is_behind = value->op == FILTER_GREATER || value->op == FILTER_AT_MOST;
        value->number = is_behind ? day + FILTER_DAY_S - 1 : day;
        return TIME_VALUE_FINE;
    }
    size_t size = strlen(text);
    int64_t unit = size > 1 ? unit_s(text[size - 1]) : 0;
    int64_t age = unit ? number_read(text, text + size - 1) : -1;
    if (age < 0) return TIME_VALUE_MALFORMED;
    if (value->op == FILTER_IS) return TIME_VALUE_AGE_ALONE;
    value->op = OF_AGE[value->op];
    value->number = now_s - age * unit;
    return TIME_VALUE_FINE;
}
