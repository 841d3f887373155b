/* A time zone as one table of offsets, made out of a compiled zone file. Owns the table; never
 * changes it; does no I/O. */
#define _POSIX_C_SOURCE 200809L
#include "zone.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"

#define DAY INT64_C(86400)
#define FOUR_CENTURIES (INT64_C(146097) * DAY) /* the calendar repeats, weekdays and all */
#define FARTHEST INT64_C(1000000000000000)     /* moments beyond, some 30 million years, are this */
#define WIDEST (27 * INT64_C(3600))            /* no zone is farther from UTC */

struct tagua_zone {
    char *name;
    int64_t *since;  /* since[0] is the beginning of time */
    int32_t *offset; /* offset[i] holds from since[i] on */
    size_t count, capacity;
    bool starved;         /* there was no memory for a row */
    int64_t repeats_from; /* from here on the table repeats every four centuries; 0: it does not */
};

/* Appends a row. Of two changes at one moment the later one counts. -1: no memory, or nonsense: a
 * moment before the last one, an offset of days. */
static int add(struct tagua_zone *zone, int64_t since, int32_t offset)
{
    if (offset > WIDEST || offset < -WIDEST)
        return -1;
    if (zone->count > 1 && zone->since[zone->count - 1] == since)
        zone->count--;
    if (zone->count > 0 && zone->since[zone->count - 1] >= since)
        return -1;
    if (zone->count > 0 && zone->offset[zone->count - 1] == offset)
        return 0;
    if (zone->count == zone->capacity) {
        size_t capacity = zone->capacity == 0 ? 64 : zone->capacity * 2;
        int64_t *times = realloc(zone->since, capacity * sizeof *times);
        if (times == NULL) {
            zone->starved = true;
            return -1;
        }
        zone->since = times;
        int32_t *offsets = realloc(zone->offset, capacity * sizeof *offsets);
        if (offsets == NULL) {
            zone->starved = true;
            return -1;
        }
        zone->offset = offsets;
        zone->capacity = capacity;
    }
    zone->since[zone->count] = since;
    zone->offset[zone->count++] = offset;
    return 0;
}

/* The rule for all later years, as POSIX writes it: CET-1CEST,M3.5.0,M10.5.0/3 */
struct day_rule {
    char kind; /* 'M': month, week, weekday; 'J': day 1..365 without 29 February; '0': day 0..365 */
    int64_t month, week, day;
    int64_t time; /* seconds after midnight, may be negative or past a day */
};

struct year_rule {
    int64_t standard, daylight; /* offsets */
    bool changes;
    struct day_rule start, end; /* of daylight time */
};

/* Reads an unsigned number of at most four digits; false when there is none. */
static bool read_digits(const char **p, int64_t *value)
{
    const char *start = *p;
    *value = 0;
    while (**p >= '0' && **p <= '9' && *p - start < 4)
        *value = *value * 10 + (*(*p)++ - '0');
    return *p != start;
}

static bool skip_name(const char **p)
{
    const char *start = *p;
    if (**p == '<') {
        while (**p != '\0' && **p != '>')
            (*p)++;
        return *(*p)++ == '>';
    }
    while ((**p | 32) >= 'a' && (**p | 32) <= 'z')
        (*p)++;
    return *p - start >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool read_time(const char **p, int64_t *seconds)
{
    bool negative = **p == '-';
    if (**p == '-' || **p == '+')
        (*p)++;
    int64_t part;
    if (!read_digits(p, &part) || part > 167)
        return false;
    *seconds = part * 3600;
    for (int64_t unit = 60; unit > 0 && **p == ':'; unit /= 60) {
        (*p)++;
        if (!read_digits(p, &part) || part > 59)
            return false;
        *seconds += part * unit;
    }
    if (negative)
        *seconds = -*seconds;
    return true;
}

static bool read_day_rule(const char **p, struct day_rule *rule)
{
    *rule = (struct day_rule){.kind = '0', .time = 7200};
    if (*(*p)++ != ',')
        return false;
    if (**p == 'M') {
        rule->kind = *(*p)++;
        if (!read_digits(p, &rule->month) || *(*p)++ != '.' || !read_digits(p, &rule->week) ||
            *(*p)++ != '.' || !read_digits(p, &rule->day))
            return false;
        if (rule->month < 1 || rule->month > 12 || rule->week < 1 || rule->week > 5 ||
            rule->day > 6)
            return false;
    } else {
        if (**p == 'J')
            rule->kind = *(*p)++;
        if (!read_digits(p, &rule->day) || rule->day > 365)
            return false;
    }
    if (**p != '/')
        return true;
    (*p)++;
    return read_time(p, &rule->time);
}

static bool read_year_rule(const char *p, struct year_rule *rule)
{
    if (!skip_name(&p) || !read_time(&p, &rule->standard))
        return false;
    rule->standard = -rule->standard; /* POSIX counts westwards */
    rule->changes = *p != '\0';
    if (!rule->changes)
        return true;
    if (!skip_name(&p))
        return false;
    rule->daylight = rule->standard + 3600;
    if (*p != ',' && *p != '\0') {
        if (!read_time(&p, &rule->daylight))
            return false;
        rule->daylight = -rule->daylight;
    }
    return read_day_rule(&p, &rule->start) && read_day_rule(&p, &rule->end) && *p == '\0';
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The local time, in that year, that the rule names. */
static int64_t rule_local(const struct day_rule *rule, int64_t year)
{
    int64_t first = tagua_date_days(year, 1, 1);
    if (rule->kind == '0')
        return (first + rule->day) * DAY + rule->time;
    if (rule->kind == 'J')
        return (first + rule->day - 1 + (is_leap(year) && rule->day >= 60)) * DAY + rule->time;
    first = tagua_date_days(year, (unsigned)rule->month, 1);
    int64_t next = rule->month == 12 ? tagua_date_days(year + 1, 1, 1)
                                     : tagua_date_days(year, (unsigned)rule->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
    if (day >= next)
        day -= 7;
    return day * DAY + rule->time;
}

/* Writes the rule out for four centuries after `last`, the last change that the file names
 * (INT64_MIN: it names none). A rule without changes says what the last change said. */
static int add_years(struct tagua_zone *zone, const struct year_rule *rule, int64_t last)
{
    if (!rule->changes)
        return 0;
    int64_t year = 1900;
    unsigned month, day;
    if (last != INT64_MIN)
        tagua_date_civil((last - last % DAY) / DAY, &year, &month, &day);
    for (int64_t end = year + 402; year < end; year++) {
        int64_t on = rule_local(&rule->start, year) - rule->standard;
        int64_t off = rule_local(&rule->end, year) - rule->daylight;
        bool on_first = on < off;
        for (int i = 0; i < 2; i++) {
            bool to_daylight = (i == 0) == on_first;
            int64_t since = to_daylight ? on : off;
            if (since > last &&
                add(zone, since, (int32_t)(to_daylight ? rule->daylight : rule->standard)) != 0)
                return -1;
        }
    }
    zone->repeats_from = tagua_date_days(year, 1, 1) * DAY - 2 * DAY;
    return 0;
}

static int64_t read_signed(const unsigned char *bytes, size_t width)
{
    uint64_t value = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

/* One data block of the file: header, and where its parts are. */
struct block {
    size_t leaps, changes, types, designations;
    const unsigned char *times, *indices, *infos, *end;
};

static bool read_block(const unsigned char *p, const unsigned char *end, size_t width,
                       struct block *block)
{
    if (end - p < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    size_t counts[6]; /* UT indicators, standard indicators, leaps, changes, types, letters */
    for (size_t i = 0; i < 6; i++) {
        int64_t count = read_signed(p + 20 + 4 * i, 4);
        if (count < 0 || count > 100000)
            return false;
        counts[i] = (size_t)count;
    }
    *block = (struct block){counts[2], counts[3], counts[4], counts[5], NULL, NULL, NULL, NULL};
    size_t length = counts[3] * (width + 1) + counts[4] * 6 + counts[5] +
                    counts[2] * (width + 4) + counts[1] + counts[0];
    p += 44;
    if ((size_t)(end - p) < length || block->types == 0)
        return false;
    block->times = p;
    block->indices = p + counts[3] * width;
    block->infos = block->indices + counts[3];
    block->end = p + length;
    return true;
}

/* Takes over the changes that the file names; *last is the last one's moment. */
static int read_changes(struct tagua_zone *zone, const struct block *block, size_t width,
                        int64_t *last)
{
    size_t first = 0; /* before the first change: the first type that is not daylight time */
    while (first < block->types && block->infos[first * 6 + 4] != 0)
        first++;
    if (first == block->types)
        first = 0;
    if (add(zone, INT64_MIN, (int32_t)read_signed(block->infos + first * 6, 4)) != 0)
        return -1;
    *last = INT64_MIN;
    for (size_t i = 0; i < block->changes; i++) {
        int64_t since = read_signed(block->times + i * width, width);
        size_t type = block->indices[i];
        if (type >= block->types || since <= *last)
            return -1;
        int64_t offset = read_signed(block->infos + type * 6, 4);
        if (since > FARTHEST || add(zone, since, (int32_t)offset) != 0)
            return -1;
        *last = since;
    }
    return 0;
}

struct tagua_zone *tagua_zone_new(const char *name, const char *bytes, size_t length,
                                  struct tagua_error *error)
{
    const unsigned char *p = (const unsigned char *)bytes;
    const unsigned char *end = p + length;
    size_t width = 4;
    int64_t last;
    struct block block;
    bool starved = false;
    struct tagua_zone *zone = calloc(1, sizeof *zone);
    if (zone == NULL || (zone->name = strdup(name)) == NULL) {
        starved = true;
        goto broken;
    }
    if (!read_block(p, end, width, &block))
        goto broken;
    if (p[4] >= '2') {
        width = 8;
        if (!read_block(block.end, end, width, &block))
            goto broken;
    }
    if (block.leaps > 0) {
        tagua_error_set(error, "ECONFIG",
                        "the time zone '%s' counts leap seconds; use the one without 'right/'",
                        name);
        tagua_zone_free(zone);
        return NULL;
    }
    if (read_changes(zone, &block, width, &last) != 0)
        goto broken;
    if (width == 8) {
        const unsigned char *close;
        char footer[128];
        struct year_rule rule;
        if (block.end == end || *block.end != '\n')
            goto broken;
        p = block.end + 1;
        close = memchr(p, '\n', (size_t)(end - p));
        if (close == NULL || (size_t)(close - p) >= sizeof footer)
            goto broken;
        memcpy(footer, p, (size_t)(close - p));
        footer[close - p] = '\0';
        if (footer[0] != '\0' &&
            (!read_year_rule(footer, &rule) || add_years(zone, &rule, last) != 0))
            goto broken;
    }
    return zone;
broken:
    starved = starved || zone->starved;
    tagua_zone_free(zone);
    if (starved)
        tagua_error_set(error, "EIO", "cannot read the time zone '%s': out of memory", name);
    else
        tagua_error_set(error, "ECONFIG", "the system's data of the time zone '%s' cannot be read; "
                        "reinstall the package tzdata", name);
    return NULL;
}

void tagua_zone_free(struct tagua_zone *zone)
{
    if (zone == NULL)
        return;
    free(zone->name);
    free(zone->since);
    free(zone->offset);
    free(zone);
}

const char *tagua_zone_name(const struct tagua_zone *zone)
{
    return zone->name;
}

/* Brings a time into what the table covers; what was taken off goes to *folded. */
static int64_t fold(const struct tagua_zone *zone, int64_t t, int64_t *folded)
{
    if (t > FARTHEST)
        t = FARTHEST;
    if (t < -FARTHEST)
        t = -FARTHEST;
    *folded = 0;
    if (zone->repeats_from != 0 && t >= zone->repeats_from)
        *folded = ((t - zone->repeats_from) / FOUR_CENTURIES + 1) * FOUR_CENTURIES;
    return t - *folded;
}

/* Which row of the table holds at t. */
static size_t row_of(const struct tagua_zone *zone, int64_t t)
{
    size_t low = 0;
    size_t high = zone->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (zone->since[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int32_t tagua_zone_offset(const struct tagua_zone *zone, int64_t t)
{
    int64_t folded;
    t = fold(zone, t, &folded);
    return zone->offset[row_of(zone, t)];
}

/* The first moment that the zone's clock shows `local`. When it never does, *skipped is the row
 * whose change skips it. */
static int64_t find_moment(const struct tagua_zone *zone, int64_t local, size_t *skipped)
{
    size_t row = row_of(zone, local - WIDEST);
    *skipped = 0;
    for (;; row++) {
        int64_t t = local - zone->offset[row];
        if (row + 1 == zone->count || t < zone->since[row + 1]) {
            if (t < zone->since[row])
                *skipped = row;
            return t;
        }
    }
}

int64_t tagua_zone_moment(const struct tagua_zone *zone, int64_t local)
{
    int64_t folded;
    size_t skipped;
    local = fold(zone, local, &folded);
    int64_t t = find_moment(zone, local, &skipped);
    if (skipped > 0)
        t = local - zone->offset[skipped - 1];
    return t + folded;
}

static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t tagua_zone_day(const struct tagua_zone *zone, int64_t t)
{
    int64_t folded;
    int64_t inside = fold(zone, t, &folded);
    return divide_down(inside + zone->offset[row_of(zone, inside)] + folded, DAY);
}

int64_t tagua_zone_day_begin(const struct tagua_zone *zone, int64_t day)
{
    int64_t folded;
    size_t skipped;
    if (day > FARTHEST / DAY)
        day = FARTHEST / DAY;
    if (day < -FARTHEST / DAY)
        day = -FARTHEST / DAY;
    int64_t local = fold(zone, day * DAY, &folded);
    int64_t t = find_moment(zone, local, &skipped);
    return (skipped > 0 ? zone->since[skipped] : t) + folded;
}

int64_t tagua_zone_day_start(const struct tagua_zone *zone, int64_t t)
{
    return tagua_zone_day_begin(zone, tagua_zone_day(zone, t));
}

int64_t tagua_zone_days_between(const struct tagua_zone *zone, int64_t from, int64_t to)
{
    return tagua_zone_day(zone, to) - tagua_zone_day(zone, from);
}
