/* Whether bytes are UTF-8, exactly. Pure; owns nothing. */
#include "utf8.h"

#include "scan.h"

static int continues(const char *bytes, size_t i)
{
    return ((unsigned char)bytes[i] & 0xC0) == 0x80;
}

size_t tagua_utf8_sequence(const char *bytes, size_t length)
{
    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2)
        return 0;
    if (first < 0xE0)
        return length >= 2 && continues(bytes, 1) ? 2 : 0;
    if (first < 0xF0) {
        if (length < 3 || !continues(bytes, 1) || !continues(bytes, 2))
            return 0;
        unsigned char second = (unsigned char)bytes[1];
        if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0))
            return 0;
        return 3;
    }
    if (first > 0xF4 || length < 4 || !continues(bytes, 1) || !continues(bytes, 2) ||
        !continues(bytes, 3))
        return 0;
    unsigned char second = (unsigned char)bytes[1];
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90))
        return 0;
    return 4;
}

size_t tagua_utf8_check(const char *bytes, size_t length)
{
    const char *p = bytes;
    const char *end = bytes + length;
    for (;;) {
        p = tagua_scan_ascii(p, end);
        /* Text in one script comes in stretches: stay here until ASCII comes again. */
        while (p < end && (unsigned char)*p >= 0x80) {
            size_t used = tagua_utf8_sequence(p, (size_t)(end - p));
            if (used == 0)
                return (size_t)(p - bytes);
            p += used;
        }
        if (p == end)
            return length;
    }
}

size_t tagua_utf8_count(const char *bytes, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += !continues(bytes, i);
    return count;
}

size_t tagua_utf8_encode(uint32_t point, char *bytes)
{
    if (point < 0x80) {
        bytes[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        bytes[0] = (char)(0xC0 | (point >> 6));
        bytes[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        bytes[0] = (char)(0xE0 | (point >> 12));
        bytes[1] = (char)(0x80 | ((point >> 6) & 0x3F));
        bytes[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    bytes[0] = (char)(0xF0 | (point >> 18));
    bytes[1] = (char)(0x80 | ((point >> 12) & 0x3F));
    bytes[2] = (char)(0x80 | ((point >> 6) & 0x3F));
    bytes[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}
