/* Dates out of text and back. Pure; owns nothing. */
#include "date.h"

#include <string.h>
#include <strings.h>

#define DAY INT64_C(86400)
#define REPUBLIC 1911 /* the year before its first */

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* What was read so far; -1 where nothing was. */
struct parts {
    int64_t year, month, day, hour, minute, second;
    int64_t epoch;
    int64_t offset; /* seconds ahead of UTC */
    int half;       /* 0: before noon, 1: after; -1: the hour is of 24 */
    bool has_epoch, has_offset;
};

struct text {
    const char *p, *end;
};

int64_t tagua_date_days(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2; /* years begin in March, so that the leap day ends one */
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void tagua_date_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* Reads `least` to `most` digits. */
static bool take_digits(struct text *text, int least, int most, int64_t *value)
{
    int count = 0;
    *value = 0;
    while (count < most && text->p < text->end && *text->p >= '0' && *text->p <= '9') {
        *value = *value * 10 + (*text->p++ - '0');
        count++;
    }
    return count >= least;
}

static bool take(struct text *text, char c)
{
    if (text->p == text->end || *text->p != c)
        return false;
    text->p++;
    return true;
}

static bool take_word(struct text *text, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(text->end - text->p) < length || strncasecmp(text->p, word, length) != 0)
        return false;
    text->p += length;
    return true;
}

static void skip_blanks(struct text *text)
{
    while (text->p < text->end && (*text->p == ' ' || *text->p == '\t'))
        text->p++;
}

/* Z, +08, +0800 or +08:00 */
static bool take_offset(struct text *text, struct parts *parts)
{
    parts->has_offset = true;
    parts->offset = 0;
    if (take(text, 'Z') || take(text, 'z'))
        return true;
    bool west = take(text, '-');
    if (!west && !take(text, '+'))
        return false;
    int64_t hours, minutes = 0;
    if (!take_digits(text, 2, 2, &hours))
        return false;
    bool colon = take(text, ':');
    if ((colon || (text->p < text->end && *text->p >= '0' && *text->p <= '9')) &&
        !take_digits(text, 2, 2, &minutes))
        return false;
    if (hours > 15 || minutes > 59)
        return false;
    parts->offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

static void take_half(struct text *text, struct parts *parts)
{
    if (take_word(text, "AM") || take_word(text, "上午"))
        parts->half = 0;
    else if (take_word(text, "PM") || take_word(text, "下午"))
        parts->half = 1;
}

/* The time after a date, as programs and spreadsheets write it. */
static bool take_time(struct text *text, struct parts *parts)
{
    take_half(text, parts);
    skip_blanks(text);
    if (!take_digits(text, 1, 2, &parts->hour) || !take(text, ':') ||
        !take_digits(text, 2, 2, &parts->minute))
        return false;
    if (take(text, ':')) {
        if (!take_digits(text, 2, 2, &parts->second))
            return false;
        int64_t fraction;
        if ((take(text, '.') || take(text, ',')) && !take_digits(text, 1, 9, &fraction))
            return false;
    }
    skip_blanks(text);
    if (parts->half < 0)
        take_half(text, parts);
    skip_blanks(text);
    return text->p == text->end || take_offset(text, parts);
}

/* The forms that need no format. */
static bool take_default(struct text *text, bool roc, struct parts *parts)
{
    const char *start = text->p;
    if (!take_digits(text, roc ? 1 : 4, roc ? 7 : 4, &parts->year))
        return false;
    if (roc && text->p - start >= 6) { /* 1151120, 990105 */
        parts->day = parts->year % 100;
        parts->month = parts->year / 100 % 100;
        parts->year /= 10000;
    } else {
        char separator = text->p < text->end ? *text->p : '\0';
        if (separator != '-' && separator != '/' && !(roc && separator == '.'))
            return false;
        text->p++;
        if (!take_digits(text, 1, 2, &parts->month) || !take(text, separator) ||
            !take_digits(text, 1, 2, &parts->day))
            return false;
        if (roc && parts->year > 999)
            return false;
    }
    if (roc)
        parts->year += parts->year > 0 ? REPUBLIC : 0;
    if (text->p == text->end)
        return true;
    if (!take(text, 'T') && !take(text, 't') && *text->p != ' ' && *text->p != '\t')
        return false;
    skip_blanks(text);
    return take_time(text, parts);
}

static bool take_month_name(struct text *text, struct parts *parts)
{
    for (int i = 0; i < 12; i++) {
        char shorter[4] = {months[i][0], months[i][1], months[i][2], '\0'};
        if (take_word(text, months[i]) || take_word(text, shorter)) {
            parts->month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_format(struct text *text, const char *format, bool roc, struct parts *parts);

static bool take_letter(struct text *text, char letter, bool roc, struct parts *parts)
{
    int64_t value;
    switch (letter) {
    case 'Y':
        if (!take_digits(text, roc ? 1 : 4, roc ? 3 : 4, &parts->year))
            return false;
        if (roc)
            parts->year += parts->year > 0 ? REPUBLIC : 0;
        return true;
    case 'y':
        if (!take_digits(text, 2, 2, &value))
            return false;
        parts->year = value + (value < 69 ? 2000 : 1900);
        return true;
    case 'm': return take_digits(text, 1, 2, &parts->month);
    case 'e': skip_blanks(text); return take_digits(text, 1, 2, &parts->day);
    case 'd': return take_digits(text, 1, 2, &parts->day);
    case 'H': return take_digits(text, 1, 2, &parts->hour);
    case 'I':
        if (parts->half < 0)
            parts->half = 0;
        return take_digits(text, 1, 2, &parts->hour);
    case 'p': {
        int before = parts->half;
        parts->half = -1;
        take_half(text, parts);
        if (parts->half >= 0)
            return true;
        parts->half = before;
        return false;
    }
    case 'M': return take_digits(text, 1, 2, &parts->minute);
    case 'S': return take_digits(text, 1, 2, &parts->second);
    case 'b':
    case 'B': return take_month_name(text, parts);
    case 'z': return take_offset(text, parts);
    case 's': {
        bool negative = take(text, '-');
        parts->has_epoch = take_digits(text, 1, 15, &parts->epoch);
        if (negative)
            parts->epoch = -parts->epoch;
        return parts->has_epoch;
    }
    case 'F': return take_format(text, "%Y-%m-%d", roc, parts);
    case 'R': return take_format(text, "%H:%M", roc, parts);
    case 'T': return take_format(text, "%H:%M:%S", roc, parts);
    case '%': return take(text, '%');
    default: return false;
    }
}

static bool take_format(struct text *text, const char *format, bool roc, struct parts *parts)
{
    for (const char *p = format; *p != '\0'; p++) {
        if (*p == ' ') {
            skip_blanks(text);
        } else if (*p != '%') {
            if (!take(text, *p))
                return false;
        } else if (*++p == '\0' || !take_letter(text, *p, roc, parts)) {
            return false;
        }
    }
    return true;
}

int tagua_date_check_format(const char *format, struct tagua_error *error)
{
    bool year = false;
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%')
            continue;
        p++;
        if (*p == '\0' || strchr("YymedHIpMSbBzsFRT%", *p) == NULL)
            return tagua_error_set(error, "ECONFIG",
                                   "the date format '%s' has a letter that is not known: '%%%.1s'; "
                                   "known are %%Y %%y %%m %%d %%e %%b %%B %%H %%I %%p %%M %%S %%z "
                                   "%%s %%F %%R %%T",
                                   format, p);
        year = year || strchr("YysF", *p) != NULL;
    }
    if (!year)
        return tagua_error_set(error, "ECONFIG",
                               "the date format '%s' has no year; write %%Y, as in '%%d/%%m/%%Y'",
                               format);
    return 0;
}

static bool is_date(const struct parts *parts)
{
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (parts->year < 1 || parts->year > 9999 || parts->month < 1 || parts->month > 12 ||
        parts->day < 1)
        return false;
    bool leap = (parts->year % 4 == 0 && parts->year % 100 != 0) || parts->year % 400 == 0;
    return parts->day <= lengths[parts->month - 1] + (leap && parts->month == 2);
}

/* Takes the half of the day into the hour. */
static bool is_time(struct parts *parts)
{
    if (parts->half >= 0) {
        if (parts->hour < 1 || parts->hour > 12)
            return parts->hour > 12 && parts->hour < 24 && parts->half == 1 &&
                   parts->minute < 60 && parts->second < 60;
        parts->hour = parts->hour % 12 + 12 * parts->half;
    }
    return parts->hour < 24 && parts->minute < 60 && parts->second < 60;
}

int tagua_date_parse(const char *bytes, size_t length, const char *format, bool roc,
                     const struct tagua_zone *zone, int64_t *moment)
{
    struct text text = {bytes, bytes + length};
    struct parts parts = {.year = -1, .month = 1, .day = 1, .hour = -1, .half = -1};
    skip_blanks(&text);
    while (text.end > text.p && (text.end[-1] == ' ' || text.end[-1] == '\t'))
        text.end--;
    bool right = format != NULL ? take_format(&text, format, roc, &parts)
                                : take_default(&text, roc, &parts);
    if (!right || text.p != text.end)
        return -1;
    if (parts.has_epoch) {
        *moment = parts.epoch;
        return 0;
    }
    if (!is_date(&parts))
        return -1;
    int64_t days = tagua_date_days(parts.year, (unsigned)parts.month, (unsigned)parts.day);
    bool whole_day = parts.hour < 0;
    if (whole_day)
        parts.hour = 0;
    else if (!is_time(&parts))
        return -1;
    int64_t local = days * DAY + parts.hour * 3600 + parts.minute * 60 + parts.second;
    if (parts.has_offset)
        *moment = local - parts.offset;
    else if (zone == NULL)
        *moment = local;
    else
        *moment = whole_day ? tagua_zone_day_begin(zone, days) : tagua_zone_moment(zone, local);
    return 0;
}

/* Where formatted text goes; `full` once it does not fit. */
struct output {
    char *to;
    size_t size, length;
    bool full;
};

static void put(struct output *output, char c)
{
    if (output->length + 1 >= output->size)
        output->full = true;
    else
        output->to[output->length++] = c;
}

static void put_number(struct output *output, int64_t value, int width)
{
    char digits[24];
    int count = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    while (count < width)
        digits[count++] = '0';
    if (value < 0)
        put(output, '-');
    while (count > 0)
        put(output, digits[--count]);
}

static void put_text(struct output *output, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(output, text[i]);
}

static bool put_format(struct output *output, const struct parts *parts, const char *format,
                       bool roc);

static bool put_letter(struct output *output, const struct parts *parts, char letter, bool roc)
{
    const char *month = months[parts->month - 1];
    switch (letter) {
    case 'Y': put_number(output, roc ? parts->year - REPUBLIC : parts->year, roc ? 3 : 4); break;
    case 'y': put_number(output, (parts->year % 100 + 100) % 100, 2); break;
    case 'm': put_number(output, parts->month, 2); break;
    case 'd': put_number(output, parts->day, 2); break;
    case 'e': put_number(output, parts->day, 1); break;
    case 'H': put_number(output, parts->hour, 2); break;
    case 'I': put_number(output, (parts->hour + 11) % 12 + 1, 2); break;
    case 'p': put_text(output, parts->hour < 12 ? "AM" : "PM", 2); break;
    case 'M': put_number(output, parts->minute, 2); break;
    case 'S': put_number(output, parts->second, 2); break;
    case 'b': put_text(output, month, 3); break;
    case 'B': put_text(output, month, strlen(month)); break;
    case 's': put_number(output, parts->epoch, 1); break;
    case 'z': {
        int64_t minutes = (parts->offset < 0 ? -parts->offset : parts->offset) / 60;
        put(output, parts->offset < 0 ? '-' : '+');
        put_number(output, minutes / 60, 2);
        put(output, ':');
        put_number(output, minutes % 60, 2);
        break;
    }
    case 'F': return put_format(output, parts, "%Y-%m-%d", roc);
    case 'R': return put_format(output, parts, "%H:%M", roc);
    case 'T': return put_format(output, parts, "%H:%M:%S", roc);
    case '%': put(output, '%'); break;
    default: return false;
    }
    return true;
}

static bool put_format(struct output *output, const struct parts *parts, const char *format,
                       bool roc)
{
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%')
            put(output, *p);
        else if (*++p == '\0' || !put_letter(output, parts, *p, roc))
            return false;
    }
    return true;
}

size_t tagua_date_format(int64_t moment, const char *format, bool roc,
                         const struct tagua_zone *zone, char *to, size_t size)
{
    const int64_t farthest = INT64_C(1000000000000000);
    if (moment > farthest || moment < -farthest)
        return 0;
    struct parts parts = {.epoch = moment};
    parts.offset = zone == NULL ? 0 : tagua_zone_offset(zone, moment);
    int64_t local = moment + parts.offset;
    int64_t days = local / DAY - (local % DAY < 0);
    int64_t second = local - days * DAY;
    unsigned month, day;
    tagua_date_civil(days, &parts.year, &month, &day);
    parts.month = month;
    parts.day = day;
    parts.hour = second / 3600;
    parts.minute = second / 60 % 60;
    parts.second = second % 60;
    struct output output = {to, size, 0, false};
    bool known = put_format(&output, &parts, format != NULL ? format : "%F %T", roc);
    if (!known || output.full || size == 0)
        return 0;
    to[output.length] = '\0';
    return output.length;
}
