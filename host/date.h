/* Dates out of text and back. Pure.
 *
 * Without a format: YYYY-MM-DD or YYYY/MM/DD (months and days may have one digit; with `roc` the
 * year is the Republic's and has up to three, dots may separate, and 1151120 is one too), then
 * perhaps a blank or a T and HH:MM or HH:MM:SS (a fraction is dropped), then perhaps Z or +08:00.
 *
 * A format knows %Y (four digits; with `roc` the Republic's), %y (00-68 are 20xx), %m, %d, %e, %H,
 * %I with %p, %M, %S, %b and %B (English), %z, %s (seconds since the epoch), %T, %R, %F and %%; a
 * blank stands for any blanks, the rest for itself. */
#ifndef TAGUA_DATE_H
#define TAGUA_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "zone.h"

/* Whether the format is understood: 0, or -1 with *error (ECONFIG). */
int tagua_date_check_format(const char *format, struct tagua_error *error);

/* Reads the whole text. `format` may be NULL; `zone` says where a date without a zone of its own
 * is, NULL is UTC. A date without a time is the first moment of its day. Returns 0 and the moment
 * in seconds since the epoch, or -1: not a date, or none that the calendar has. */
int tagua_date_parse(const char *text, size_t length, const char *format, bool roc,
                     const struct tagua_zone *zone, int64_t *moment);

/* Writes the moment as the format says (NULL: YYYY-MM-DD HH:MM:SS) on the zone's clock. Returns
 * the length without the NUL, or 0 when `size` is too small or the format is not understood. */
size_t tagua_date_format(int64_t moment, const char *format, bool roc,
                         const struct tagua_zone *zone, char *to, size_t size);

/* Days from 1970-01-01 to a date of the Gregorian calendar, and back. */
int64_t tagua_date_days(int64_t year, unsigned month, unsigned day);
void tagua_date_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
