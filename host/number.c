/* Numbers out of text. Owns one thing for the life of the process: the C locale's handle, since
 * strtod reads a decimal comma in some locales. */
#define _GNU_SOURCE
#include "number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NUMBER 1200 /* a double has at most 767 significant digits */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int tagua_number_integer(const char *text, size_t length, int64_t *integer)
{
    size_t i = 0;
    bool negative = false;
    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        i = 1;
    }
    if (i == length)
        return -1;
    uint64_t value = 0;
    for (; i < length; i++) {
        if (!is_digit(text[i]))
            return -1;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return -1;
    *integer = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* For what the short way cannot round rightly. The text was checked. */
static int slow_real(const char *text, size_t length, double *number)
{
    char copy[LONGEST_NUMBER];
    if (length >= sizeof copy)
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    pthread_once(&c_locale_once, make_c_locale);
    if (c_locale == (locale_t)0)
        return -1;
    *number = strtod_l(copy, NULL, c_locale);
    return isfinite(*number) ? 0 : -1;
}

int tagua_number_real(const char *text, size_t length, double *number)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t i = 0;
    bool negative = false;
    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        i = 1;
    }
    uint64_t mantissa = 0;
    size_t digits = 0; /* seen in all */
    int exponent = 0;
    bool exact = true; /* the mantissa holds every digit */
    for (; i < length && is_digit(text[i]); i++, digits++) {
        if (mantissa >= (UINT64_C(1) << 53))
            exact = false;
        else
            mantissa = mantissa * 10 + (uint64_t)(text[i] - '0');
    }
    if (i < length && text[i] == '.') {
        for (i++; i < length && is_digit(text[i]); i++, digits++) {
            if (mantissa >= (UINT64_C(1) << 53)) {
                exact = false;
            } else {
                mantissa = mantissa * 10 + (uint64_t)(text[i] - '0');
                exponent--;
            }
        }
    }
    if (digits == 0)
        return -1;
    if (i < length && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        bool down = false;
        if (i < length && (text[i] == '-' || text[i] == '+'))
            down = text[i++] == '-';
        if (i == length)
            return -1;
        int written = 0;
        for (; i < length && is_digit(text[i]); i++) {
            if (written < 100000)
                written = written * 10 + (text[i] - '0');
        }
        exponent += down ? -written : written;
    }
    if (i != length)
        return -1;
    /* A mantissa below 2^53 and a power of ten up to 22 are both exact doubles, so one
     * multiplication or division rounds once, as it must. */
    if (!exact || mantissa >= (UINT64_C(1) << 53) || exponent < -22 || exponent > 22)
        return slow_real(text, length, number);
    double value = (double)mantissa;
    value = exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
    *number = negative ? -value : value;
    return 0;
}
