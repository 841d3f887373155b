/* Numbers out of text, exactly: 64-bit integers or an overflow, doubles rounded once, whatever
 * the locale. Pure. The text need not end in a NUL. */
#ifndef TAGUA_NUMBER_H
#define TAGUA_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* [+-]digits. Returns 0, or -1 when the text is something else or does not fit 64 bits. */
int tagua_number_integer(const char *text, size_t length, int64_t *integer);

/* [+-] digits [. digits] [e [+-] digits], a digit on at least one side of the point. Returns 0, or
 * -1 when the text is something else (hexadecimal, NaN, separators) or too large for a double. */
int tagua_number_real(const char *text, size_t length, double *number);

#endif
