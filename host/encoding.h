/* Bytes of another encoding to UTF-8, piece by piece, through the C library's iconv. */
#ifndef TAGUA_ENCODING_H
#define TAGUA_ENCODING_H

#include <stddef.h>

#include "buffer.h"
#include "error.h"

struct tagua_encoding;

/* A converter from the encoding of that name. NULL with *error (EUSAGE) when it is unknown. */
struct tagua_encoding *tagua_encoding_new(const char *name, struct tagua_error *error);

void tagua_encoding_free(struct tagua_encoding *encoding); /* NULL is fine */

enum tagua_encoding_outcome {
    TAGUA_ENCODING_FINE,
    TAGUA_ENCODING_BAD,    /* a byte sequence means nothing; what came before it was appended */
    TAGUA_ENCODING_MEMORY, /* the buffer is full */
};

/* Appends the bytes as UTF-8. A character that is cut off at their end waits for the next piece. */
enum tagua_encoding_outcome tagua_encoding_convert(struct tagua_encoding *encoding,
                                                   const char *bytes, size_t length,
                                                   struct tagua_buffer *to);

/* No more bytes come: BAD when a character was cut off. */
enum tagua_encoding_outcome tagua_encoding_finish(struct tagua_encoding *encoding,
                                                  struct tagua_buffer *to);

#endif
