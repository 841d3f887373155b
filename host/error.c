/* Errors: formatting of a code and a sentence into a caller's struct. Allocates nothing. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drops the tail of a UTF-8 sequence that the cut at the buffer's end may have split. */
static void trim_partial_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (start - 1) < want)
        text[start - 1] = '\0';
}

int tagua_error_set(struct tagua_error *error, const char *code, const char *format, ...)
{
    if (error == NULL)
        return -1;
    snprintf(error->code, sizeof error->code, "%s", code);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    if (length >= (int)sizeof error->message)
        trim_partial_character(error->message, sizeof error->message - 1);
    return -1;
}
