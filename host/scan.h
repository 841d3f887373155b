/* Looking at many bytes at once, with the vector instructions that every x86-64 has, or a byte at
 * a time elsewhere. Inline and pure; shared by the units that read records. */
#ifndef TAGUA_SCAN_H
#define TAGUA_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The first line feed or carriage return in [p, end), or `end`. */
static inline const char *tagua_scan_line_end(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i feed = _mm_set1_epi8('\n');
    const __m128i carriage = _mm_set1_epi8('\r');
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        int found = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(v, feed), _mm_cmpeq_epi8(v, carriage)));
        if (found != 0)
            return p + __builtin_ctz((unsigned)found);
        p += 16;
    }
#endif
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    return p;
}

/* Skips ASCII: the first byte of [p, end) with its high bit set, or `end`. */
static inline const char *tagua_scan_ascii(const char *p, const char *end)
{
#if defined(__SSE2__)
    while (end - p >= 16) {
        int found = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));
        if (found != 0)
            return p + __builtin_ctz((unsigned)found);
        p += 16;
    }
#endif
    while (p < end && (unsigned char)*p < 0x80)
        p++;
    return p;
}

/* The first byte of a JSON string that is not plain text, in [p, limit): a quote, a backslash or
 * a control character; or `limit`. *high becomes non-zero when a byte over 0x7f was passed
 * (or stands within 16 bytes after the answer). */
static inline const char *tagua_scan_string(const char *p, const char *limit, unsigned *high)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    while (limit - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
            _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned found = (unsigned)_mm_movemask_epi8(special);
        *high |= (unsigned)_mm_movemask_epi8(v);
        if (found != 0)
            return p + __builtin_ctz(found);
        p += 16;
    }
#endif
    while (p < limit) {
        unsigned char byte = (unsigned char)*p;
        if (byte == '"' || byte == '\\' || byte < 0x20)
            return p;
        *high |= byte & 0x80u;
        p++;
    }
    return p;
}

/* The first delimiter, line feed or carriage return in [p, limit), or `limit`; *high as above. */
static inline const char *tagua_scan_cell(const char *p, const char *limit, char delimiter,
                                          unsigned *high)
{
#if defined(__SSE2__)
    const __m128i comma = _mm_set1_epi8(delimiter);
    const __m128i feed = _mm_set1_epi8('\n');
    const __m128i carriage = _mm_set1_epi8('\r');
    while (limit - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, feed), _mm_cmpeq_epi8(v, carriage)),
                         _mm_cmpeq_epi8(v, comma));
        unsigned found = (unsigned)_mm_movemask_epi8(special);
        *high |= (unsigned)_mm_movemask_epi8(v);
        if (found != 0)
            return p + __builtin_ctz(found);
        p += 16;
    }
#endif
    while (p < limit) {
        unsigned char byte = (unsigned char)*p;
        if (*p == delimiter || byte == '\n' || byte == '\r')
            return p;
        *high |= byte & 0x80u;
        p++;
    }
    return p;
}

/* Whether a control character (below a blank, or DEL) is among the bytes. */
static inline int tagua_scan_has_control(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i control = _mm_set1_epi8(0x1f);
    const __m128i delete = _mm_set1_epi8(0x7f);
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i found =
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, control), v), _mm_cmpeq_epi8(v, delete));
        if (_mm_movemask_epi8(found) != 0)
            return 1;
        p += 16;
    }
#endif
    for (; p < end; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return 1;
    }
    return 0;
}

/* How many of these bytes are in [p, end). */
static inline int64_t tagua_scan_count(const char *p, const char *end, char byte)
{
    int64_t count = 0;
#if defined(__SSE2__) && defined(__x86_64__)
    const __m128i wanted = _mm_set1_epi8(byte);
    const __m128i zero = _mm_setzero_si128();
    while (end - p >= 16) {
        __m128i counts = zero; /* one a column: less than 256 rounds fit */
        for (int round = 0; round < 255 && end - p >= 16; round++, p += 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
            counts = _mm_sub_epi8(counts, _mm_cmpeq_epi8(v, wanted));
        }
        __m128i sums = _mm_sad_epu8(counts, zero);
        count += _mm_cvtsi128_si64(sums) + _mm_cvtsi128_si64(_mm_srli_si128(sums, 8));
    }
#endif
    for (; p < end; p++)
        count += *p == byte;
    return count;
}

/* How many lines end in [p, end): a line feed, a carriage return, or both together count once. */
static inline int64_t tagua_scan_count_lines(const char *p, const char *end)
{
    if (p < end && memchr(p, '\r', (size_t)(end - p)) == NULL) /* nearly always */
        return tagua_scan_count(p, end, '\n');
    int64_t lines = 0;
    while ((p = tagua_scan_line_end(p, end)) < end) {
        if (*p == '\r' && p + 1 < end && p[1] == '\n')
            p++;
        p++;
        lines++;
    }
    return lines;
}

#endif
