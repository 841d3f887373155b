/* A time zone: when it is which local time there, exactly, daylight saving and all. A zone is one
 * table made at its opening and never changed, so any number of threads may ask it; after the
 * opening it is pure. Moments are seconds since the epoch (UTC, no leap seconds); local times are
 * seconds since 1970-01-01 00:00 on the zone's own clock; days are counted from 1970-01-01. */
#ifndef TAGUA_ZONE_H
#define TAGUA_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct tagua_zone;

/* Makes a zone out of a compiled zone file's bytes (TZif, RFC 8536). Copies what it needs. NULL
 * with *error (ECONFIG) when they are none, or count leap seconds. */
struct tagua_zone *tagua_zone_new(const char *name, const char *bytes, size_t length,
                                  struct tagua_error *error);

/* Reads the zone from the system's zone data ($TZDIR, or /usr/share/zoneinfo). NULL with *error
 * (ECONFIG): an unknown name's error names the nearest one. In zone_file.c, the part that does
 * I/O. */
struct tagua_zone *tagua_zone_open(const char *name, struct tagua_error *error);

void tagua_zone_free(struct tagua_zone *zone); /* NULL is fine */

const char *tagua_zone_name(const struct tagua_zone *zone); /* the zone's own */

/* Seconds that the zone's clock is ahead of UTC at the moment t. */
int32_t tagua_zone_offset(const struct tagua_zone *zone, int64_t t);

/* The moment of a local time. Of one that comes twice, the first; one that is skipped is taken
 * with the offset before the gap (02:30 in a gap from 02:00 to 03:00 is what is called 03:30). */
int64_t tagua_zone_moment(const struct tagua_zone *zone, int64_t local);

/* The calendar day of the moment t. */
int64_t tagua_zone_day(const struct tagua_zone *zone, int64_t t);

/* The first moment of a calendar day: midnight, or what the clock is set to when there is none. */
int64_t tagua_zone_day_begin(const struct tagua_zone *zone, int64_t day);

/* The first moment of the calendar day of t. */
int64_t tagua_zone_day_start(const struct tagua_zone *zone, int64_t t);

/* Calendar days from the day of `from` to the day of `to`; negative when that is earlier. */
int64_t tagua_zone_days_between(const struct tagua_zone *zone, int64_t from, int64_t to);

#endif
