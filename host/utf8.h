/* Whether bytes are UTF-8, exactly: no overlong forms, no surrogates, nothing past U+10FFFF.
 * Pure. */
#ifndef TAGUA_UTF8_H
#define TAGUA_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the sequence that starts at `bytes`, of which `length` (at least 1) may be read:
 * 1 to 4, or 0 when it is not valid. */
size_t tagua_utf8_sequence(const char *bytes, size_t length);

/* Offset of the first byte that is not part of valid UTF-8; `length` when all is well. */
size_t tagua_utf8_check(const char *bytes, size_t length);

/* How many characters start in the bytes; a broken sequence counts by its first byte. */
size_t tagua_utf8_count(const char *bytes, size_t length);

/* Writes the code point (a scalar value) and returns how many of the 4 bytes were used. */
size_t tagua_utf8_encode(uint32_t point, char *bytes);

#endif
