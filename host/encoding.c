/* Bytes of another encoding to UTF-8. Owns the iconv descriptor, and the few bytes of a character
 * that was cut in two. */
#define _POSIX_C_SOURCE 200809L
#include "encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define STEP ((size_t)64 * 1024)

struct tagua_encoding {
    iconv_t descriptor;
    char pending[64]; /* the beginning of a character */
    size_t pending_length;
};

struct tagua_encoding *tagua_encoding_new(const char *name, struct tagua_error *error)
{
    struct tagua_encoding *encoding = calloc(1, sizeof *encoding);
    if (encoding == NULL) {
        tagua_error_set(error, "EIO", "no memory to read the encoding '%s'", name);
        return NULL;
    }
    encoding->descriptor = strchr(name, '/') == NULL ? iconv_open("UTF-8", name) : (iconv_t)-1;
    if (encoding->descriptor == (iconv_t)-1) {
        free(encoding);
        tagua_error_set(error, "EUSAGE",
                        "the encoding '%s' is not known; `iconv --list` shows the names that are, "
                        "such as big5, cp950, gb18030, utf-16",
                        name);
        return NULL;
    }
    return encoding;
}

void tagua_encoding_free(struct tagua_encoding *encoding)
{
    if (encoding == NULL)
        return;
    iconv_close(encoding->descriptor);
    free(encoding);
}

/* Converts as much as is whole; *from and *left move on. */
static enum tagua_encoding_outcome convert(struct tagua_encoding *encoding, char **from,
                                           size_t *left, struct tagua_buffer *to)
{
    while (*left > 0) {
        size_t step = *left < STEP ? *left : STEP;
        size_t room = step * 3 + 16;
        char *out = tagua_buffer_reserve(to, room);
        if (out == NULL)
            return TAGUA_ENCODING_MEMORY;
        char *start = out;
        size_t before = step;
        size_t result = iconv(encoding->descriptor, from, &step, &out, &room);
        int reason = result == (size_t)-1 ? errno : 0;
        to->length += (size_t)(out - start);
        *left -= before - step;
        if (reason == EILSEQ)
            return TAGUA_ENCODING_BAD;
        if (reason == EINVAL && before - step == 0)
            return TAGUA_ENCODING_FINE; /* the rest is the beginning of a character */
    }
    return TAGUA_ENCODING_FINE;
}

enum tagua_encoding_outcome tagua_encoding_convert(struct tagua_encoding *encoding,
                                                   const char *bytes, size_t length,
                                                   struct tagua_buffer *to)
{
    while (encoding->pending_length > 0 && length > 0) {
        encoding->pending[encoding->pending_length++] = *bytes++;
        length--;
        char *from = encoding->pending;
        size_t left = encoding->pending_length;
        enum tagua_encoding_outcome outcome = convert(encoding, &from, &left, to);
        if (outcome != TAGUA_ENCODING_FINE)
            return outcome;
        if (left == sizeof encoding->pending)
            return TAGUA_ENCODING_BAD;
        memmove(encoding->pending, from, left);
        encoding->pending_length = left;
    }
    char *from = (char *)bytes; /* iconv does not write to it */
    size_t left = length;
    enum tagua_encoding_outcome outcome = convert(encoding, &from, &left, to);
    if (outcome != TAGUA_ENCODING_FINE)
        return outcome;
    if (left >= sizeof encoding->pending)
        return TAGUA_ENCODING_BAD;
    if (left > 0) {
        memcpy(encoding->pending, from, left);
        encoding->pending_length = left;
    }
    return TAGUA_ENCODING_FINE;
}

enum tagua_encoding_outcome tagua_encoding_finish(struct tagua_encoding *encoding,
                                                  struct tagua_buffer *to)
{
    if (encoding->pending_length > 0)
        return TAGUA_ENCODING_BAD;
    size_t room = 64;
    char *out = tagua_buffer_reserve(to, room);
    if (out == NULL)
        return TAGUA_ENCODING_MEMORY;
    char *start = out;
    /* Some encodings hold a character back in case an accent follows. */
    iconv(encoding->descriptor, NULL, NULL, &out, &room);
    to->length += (size_t)(out - start);
    return TAGUA_ENCODING_FINE;
}
