/* Whether bytes are UTF-8, exactly. Pure; owns nothing. */
#include "utf8.h"

#include <stdbool.h>

#include "scan.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WIDE 32 /* bytes that are looked at together, where the processor can */
#endif

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

#ifdef WIDE

/* Whether the bytes are UTF-8, 32 at a time: for each byte three tables are looked up, by the halves of the
 * byte before it and its own upper half, and what they have in common is what is wrong with the pair; third
 * and fourth bytes are told from the bytes two and three places before them. After J. Keiser and D. Lemire,
 * "Validating UTF-8 in less than one instruction per byte", 2021. */
enum {
    TOO_SHORT = 1,
    TOO_LONG = 2,
    OVERLONG_3 = 4,
    TOO_LARGE = 8,
    SURROGATE = 16,
    OVERLONG_2 = 32,
    TOO_LARGE_1000 = 64,
    OVERLONG_4 = 64,
    TWO_CONTINUATIONS = -128,
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
};

#define BOTH_HALVES(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

__attribute__((target("avx2"), always_inline)) static inline __m256i
wide_faults(__m256i bytes, __m256i before)
{
    const __m256i low = _mm256_set1_epi8(0x0f);
    const __m256i across = _mm256_permute2x128_si256(before, bytes, 0x21);
    const __m256i one = _mm256_alignr_epi8(bytes, across, 15);
    const __m256i two = _mm256_alignr_epi8(bytes, across, 14);
    const __m256i three = _mm256_alignr_epi8(bytes, across, 13);
    const __m256i first_high = _mm256_shuffle_epi8(
        BOTH_HALVES(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
                    TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
                    TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
                    TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4),
        _mm256_and_si256(_mm256_srli_epi16(one, 4), low));
    const __m256i first_low = _mm256_shuffle_epi8(
        BOTH_HALVES(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
                    CARRY | TOO_LARGE, CARRY | TOO_LARGE | TOO_LARGE_1000,
                    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
                    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
                    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
                    CARRY | TOO_LARGE | TOO_LARGE_1000,
                    CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE,
                    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000),
        _mm256_and_si256(one, low));
    const __m256i second_high = _mm256_shuffle_epi8(
        BOTH_HALVES(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
                    TOO_SHORT,
                    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000,
                    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE,
                    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
                    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE, TOO_SHORT,
                    TOO_SHORT, TOO_SHORT, TOO_SHORT),
        _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low));
    const __m256i pair = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);
    const __m256i far = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xe0 - 0x80)),
                                        _mm256_subs_epu8(three, _mm256_set1_epi8(0xf0 - 0x80)));
    return _mm256_xor_si256(_mm256_and_si256(far, _mm256_set1_epi8(-128)), pair);
}

__attribute__((target("avx2"))) static bool wide_check(const char *bytes, size_t length)
{
    __m256i before = _mm256_setzero_si256(), faults = _mm256_setzero_si256();
    int open = 0; /* the piece before was not ASCII, so its end may go on in this one */
    size_t i = 0;
    for (; length - i >= WIDE; i += WIDE) {
        __m256i piece = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i));
        int high = _mm256_movemask_epi8(piece);
        if ((high | open) != 0)
            faults = _mm256_or_si256(faults, wide_faults(piece, before));
        open = high;
        before = piece;
    }
    char rest[WIDE] = {0}; /* what stands behind the end is like ASCII, which ends every sequence */
    memcpy(rest, bytes + i, length - i);
    __m256i piece = _mm256_loadu_si256((const __m256i *)(const void *)rest);
    faults = _mm256_or_si256(faults, wide_faults(piece, before));
    return _mm256_testz_si256(faults, faults) != 0;
}

#endif

size_t tagua_utf8_check(const char *bytes, size_t length)
{
#ifdef WIDE
    if (length >= WIDE && __builtin_cpu_supports("avx2") && wide_check(bytes, length))
        return length; /* else where it is wrong is looked for */
#endif
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
