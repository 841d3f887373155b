/* Fuzzes what reads a zone's file, and the dates and numbers that are read with it: nothing may be
 * read that is not there, a day must begin on its day, and numbers must be what strtod says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "number.h"
#include "zone.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void try_zone(const char *bytes, size_t size)
{
    struct tagua_error error;
    struct tagua_zone *zone = tagua_zone_new("Fuzz/Zone", bytes, size, &error);
    if (zone == NULL)
        return;
    static const int64_t moments[] = {INT64_MIN,   -4000000000,     -1,       0, 1700000000,
                                      32503680000, 999999999999999, INT64_MAX};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char text[64];
        int64_t start = tagua_zone_day_start(zone, moments[i]);
        (void)tagua_zone_moment(zone, moments[i]);
        (void)tagua_zone_days_between(zone, 0, moments[i]);
        (void)tagua_date_format(moments[i], NULL, false, zone, text, sizeof text);
        if (moments[i] > -1000000000000 && moments[i] < 1000000000000 &&
            start > moments[i] + 86400 * 3)
            fail("a day begins long after a moment in it");
    }
    tagua_zone_free(zone);
}

/* A real file, of which some bytes are changed: two bytes say which, one says how. */
static void try_changed_zone(const unsigned char *changes, size_t size)
{
    static char original[8192];
    static size_t length;
    if (length == 0) {
        FILE *file = fopen("/usr/share/zoneinfo/Europe/London", "rb");
        if (file == NULL)
            fail("no zone data on this machine");
        length = fread(original, 1, sizeof original, file);
        fclose(file);
    }
    char *bytes = malloc(length);
    memcpy(bytes, original, length);
    size_t kept = length;
    for (size_t i = 0; i + 3 <= size; i += 3) {
        size_t place = ((size_t)changes[i] << 8 | changes[i + 1]) % length;
        if (changes[i] == 0xff)
            kept = place; /* cut off here */
        else
            bytes[place] = (char)changes[i + 2];
    }
    char *exact = malloc(kept + 1);
    memcpy(exact, bytes, kept);
    exact = realloc(exact, kept + (kept == 0));
    try_zone(exact, kept);
    free(exact);
    free(bytes);
}

static void try_number(const char *text, size_t size)
{
    double number;
    int64_t integer;
    char *copy = malloc(size + 1);
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (tagua_number_real(text, size, &number) == 0) {
        char *end;
        double theirs = strtod(copy, &end);
        if (*end != '\0' || memcmp(&theirs, &number, sizeof number) != 0)
            fail("strtod reads another number");
    }
    if (tagua_number_integer(text, size, &integer) == 0 && strtoll(copy, NULL, 10) != integer)
        fail("strtoll reads another integer");
    free(copy);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct tagua_zone *taipei;
    if (taipei == NULL)
        taipei = tagua_zone_open("Asia/Taipei", NULL);
    if (size < 1)
        return 0;
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    int64_t moment;
    if (data[0] % 4 == 0) {
        try_zone(text, size - 1);
        try_changed_zone(data + 1, size - 1);
    } else if (data[0] % 4 == 1) {
        try_number(text, size - 1);
    } else if (data[0] % 4 == 2) {
        char again[64];
        if (tagua_date_parse(text, size - 1, NULL, false, taipei, &moment) == 0) {
            int64_t second;
            size_t length = tagua_date_format(moment, NULL, false, taipei, again, sizeof again);
            /* A date past the year 9999 or before 1 on this clock has no text of its own. */
            if (length == 19 &&
                (tagua_date_parse(again, length, NULL, false, taipei, &second) != 0 ||
                 (second != moment && second + 7200 < moment)))
                fail("a date is another one when it is written and read again");
        }
        (void)tagua_date_parse(text, size - 1, NULL, true, taipei, &moment);
    } else {
        /* The first half is the format. */
        size_t half = (size - 1) / 2;
        char *format = malloc(half + 1);
        char to[128];
        memcpy(format, text, half);
        format[half] = '\0';
        if (tagua_date_check_format(format, NULL) == 0) {
            (void)tagua_date_parse(text + half, size - 1 - half, format, false, taipei, &moment);
            (void)tagua_date_format(1700000000, format, true, taipei, to, sizeof to);
        }
        free(format);
    }
    free(text);
    return 0;
}
