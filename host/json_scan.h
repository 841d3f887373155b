/* The grammar of JSON's tokens, shared by the projection and the cursor. Inline and pure. */
#ifndef TAGUA_JSON_SCAN_H
#define TAGUA_JSON_SCAN_H

#include "json.h"
#include "scan.h"

/* One pass over one text. Functions take the place where they start and return the place after
 * what they read, or NULL with the fault set. */
struct tagua_json_pass {
    const char *text;
    const char *end;
    const char *limit; /* bytes from `end` to here may be read, and are never taken for the text */
    unsigned high;     /* non-zero: a string may hold more than ASCII, so UTF-8 is to be checked */
    struct tagua_json_fault fault;
};

static inline const char *tagua_json_fail(struct tagua_json_pass *pass, const char *p,
                                          const char *what)
{
    if (p >= pass->end) {
        p = pass->end;
        what = "the text ends too early";
    }
    pass->fault.offset = (size_t)(p - pass->text);
    pass->fault.what = what;
    return NULL;
}

/* The byte at p, or NUL (which JSON has no place for) at the end. */
static inline char tagua_json_peek(const struct tagua_json_pass *pass, const char *p)
{
    return p < pass->end ? *p : '\0';
}

static inline const char *tagua_json_skip_space(const struct tagua_json_pass *pass, const char *p)
{
    if (p < pass->end && (unsigned char)*p > ' ') /* nearly always */
        return p;
    while (p < pass->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static inline int tagua_json_hex(const char *p, uint32_t *point)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a') + 10;
        else
            return -1;
        value = value << 4 | digit;
    }
    *point = value;
    return 0;
}

/* Reads one escape; p is at its backslash. */
static inline const char *tagua_json_escape(struct tagua_json_pass *pass, const char *p)
{
    switch (tagua_json_peek(pass, p + 1)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        break;
    default:
        return tagua_json_fail(pass, p + 1, "a backslash is followed by no known escape");
    }
    uint32_t point;
    if (pass->end - p < 6)
        return tagua_json_fail(pass, pass->end, "");
    if (tagua_json_hex(p + 2, &point) != 0)
        return tagua_json_fail(pass, p, "\\u needs four hexadecimal digits");
    if (point >= 0xDC00 && point <= 0xDFFF)
        return tagua_json_fail(pass, p, "the second half of a surrogate pair stands alone");
    if (point < 0xD800 || point > 0xDBFF)
        return p + 6;
    if (pass->end - p < 12 || p[6] != '\\' || p[7] != 'u' || tagua_json_hex(p + 8, &point) != 0 ||
        point < 0xDC00 || point > 0xDFFF)
        return tagua_json_fail(pass, p, "the first half of a surrogate pair stands alone");
    return p + 12;
}

/* Reads a string; p is after its opening quote. Returns the place of the closing quote. */
static inline const char *tagua_json_string(struct tagua_json_pass *pass, const char *p,
                                            bool *escaped)
{
    *escaped = false;
    for (;;) {
        p = tagua_scan_string(p, pass->limit, &pass->high);
        if (p >= pass->end)
            return tagua_json_fail(pass, p, "");
        if (*p == '"')
            return p;
        if (*p != '\\')
            return tagua_json_fail(pass, p, "a raw control character stands in a string");
        *escaped = true;
        p = tagua_json_escape(pass, p);
        if (p == NULL)
            return NULL;
    }
}

static inline bool tagua_json_digit(const struct tagua_json_pass *pass, const char *p)
{
    return p < pass->end && *p >= '0' && *p <= '9';
}

/* The first byte in [p, pass->end) that is no digit, or the end. */
static inline const char *tagua_json_skip_digits(const struct tagua_json_pass *pass, const char *p)
{
#if defined(__SSE2__)
    if (pass->limit - p >= 16) { /* without a loop, whose end could not be foreseen */
        __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p),
                                 _mm_set1_epi8('0'));
        unsigned others = (unsigned)_mm_movemask_epi8(
                              _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v)) ^ 0xffffu;
        if (others != 0) {
            p += __builtin_ctz(others);
            return p < pass->end ? p : pass->end;
        }
    }
#endif
    while (tagua_json_digit(pass, p))
        p++;
    return p;
}

/* Reads a number; p is at its first byte, a minus or a digit. */
static inline const char *tagua_json_digits(struct tagua_json_pass *pass, const char *p,
                                            uint8_t *kind)
{
    *kind = TAGUA_JSON_INTEGER;
    if (*p == '-')
        p++;
    if (tagua_json_peek(pass, p) == '0') {
        p++;
        if (tagua_json_digit(pass, p))
            return tagua_json_fail(pass, p, "a number has a leading zero");
    } else {
        if (!tagua_json_digit(pass, p))
            return tagua_json_fail(pass, p, "a minus needs digits after it");
        p = tagua_json_skip_digits(pass, p);
    }
    if (tagua_json_peek(pass, p) == '.') {
        *kind = TAGUA_JSON_NUMBER;
        p++;
        if (!tagua_json_digit(pass, p))
            return tagua_json_fail(pass, p, "a decimal point needs digits after it");
        p = tagua_json_skip_digits(pass, p);
    }
    if ((tagua_json_peek(pass, p) | 32) == 'e') {
        *kind = TAGUA_JSON_NUMBER;
        p++;
        if (tagua_json_peek(pass, p) == '+' || tagua_json_peek(pass, p) == '-')
            p++;
        if (!tagua_json_digit(pass, p))
            return tagua_json_fail(pass, p, "an exponent needs digits");
        while (tagua_json_digit(pass, p))
            p++;
    }
    return p;
}

/* Reads null, true or false; anything else is a fault. */
static inline const char *tagua_json_literal(struct tagua_json_pass *pass, const char *p,
                                             uint8_t *kind)
{
    size_t left = (size_t)(pass->end - p);
    if (left >= 4 && memcmp(p, "null", 4) == 0) {
        *kind = TAGUA_JSON_NULL;
        return p + 4;
    }
    if (left >= 4 && memcmp(p, "true", 4) == 0) {
        *kind = TAGUA_JSON_TRUE;
        return p + 4;
    }
    if (left >= 5 && memcmp(p, "false", 5) == 0) {
        *kind = TAGUA_JSON_FALSE;
        return p + 5;
    }
    return tagua_json_fail(pass, p, "a value was expected here");
}

#endif
