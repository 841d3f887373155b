/* When to try again: arithmetic of waits. Owns nothing, reads no clock. */
#include "retry.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define DAY_SECONDS 86400

int64_t tagua_backoff_ceiling_ns(unsigned failure, int64_t base_ns, int64_t max_ns)
{
    int64_t ceiling_ns = base_ns;
    for (unsigned i = 1; i < failure && ceiling_ns < max_ns; i++)
        ceiling_ns = ceiling_ns > max_ns / 2 ? max_ns : ceiling_ns * 2;
    return ceiling_ns < max_ns ? ceiling_ns : max_ns;
}

int64_t tagua_backoff_pick_ns(int64_t ceiling_ns, uint64_t random)
{
    if (ceiling_ns <= 0)
        return 0;
    return (int64_t)(random % ((uint64_t)ceiling_ns + 1));
}

uint64_t tagua_random_next(uint64_t state)
{
    uint64_t z = state + UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400; /* years here are never negative */
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* 1 to 12, or 0. */
static int month_of(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(months + 3 * i, name, 3) == 0)
            return i + 1;
    return 0;
}

/* Seconds since the epoch of an HTTP date, or -1. */
static int64_t http_date(const char *text, int64_t wall_seconds)
{
    int day, year, hour, minute, second, used = 0;
    char month[4] = "";
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour,
               &minute, &second, &used) == 6 &&
        used > 0) {
        /* Sun, 06 Nov 1994 08:49:37 GMT */
    } else if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &day, month, &year,
                      &hour, &minute, &second, &used) == 6 &&
               used > 0) {
        /* Sunday, 06-Nov-94 08:49:37 GMT: a year more than 50 in the future is in the past */
        int64_t this_year = 1970 + wall_seconds / 31556952;
        year += (int)(this_year / 100 * 100);
        if (year > this_year + 50)
            year -= 100;
    } else if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &day, &hour,
                      &minute, &second, &year, &used) == 6 &&
               used > 0) {
        /* Sun Nov  6 08:49:37 1994 */
    } else {
        return -1;
    }
    int number = strlen(month) == 3 ? month_of(month) : 0;
    if (text[used] != '\0' || number == 0 || day < 1 || day > 31 || year < 1970 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return -1;
    return days_of(year, number, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
}

int64_t tagua_retry_after_ns(const char *value, int64_t wall_ns)
{
    char text[64];
    while (*value == ' ' || *value == '\t')
        value++;
    size_t length = strlen(value);
    while (length > 0 && isspace((unsigned char)value[length - 1]))
        length--;
    if (length == 0 || length >= sizeof text)
        return -1;
    memcpy(text, value, length);
    text[length] = '\0';
    if (strspn(text, "0123456789") == length) {
        int64_t seconds = 0;
        for (size_t i = 0; i < length && seconds < DAY_SECONDS; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return (seconds < DAY_SECONDS ? seconds : DAY_SECONDS) * TAGUA_SECOND_NS;
    }
    int64_t at = http_date(text, wall_ns / TAGUA_SECOND_NS);
    if (at < 0)
        return -1;
    int64_t wait_ns = at > INT64_MAX / TAGUA_SECOND_NS ? INT64_MAX : at * TAGUA_SECOND_NS - wall_ns;
    if (wait_ns < 0)
        return 0;
    return wait_ns < DAY_SECONDS * TAGUA_SECOND_NS ? wait_ns : DAY_SECONDS * TAGUA_SECOND_NS;
}
