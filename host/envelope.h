/* The envelope: where a platform's answers say whether it was done. Pure: reads a text, through
 * paths that were compiled once. */
#ifndef TAGUA_ENVELOPE_H
#define TAGUA_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "error.h"
#include "verdict.h"

/* Dotted paths; NULL where a platform has no such field. */
struct tagua_envelope_paths {
    const char *code;    /* there in an error alone: a number, or a text of digits */
    const char *message; /* what people may read */
    const char *status;  /* 200 in a success */
    const char *success; /* true in a success */
};

struct tagua_envelope_reader;

/* Compiles the paths, which are copied; NULL and *error (EUSAGE) when one is none. */
struct tagua_envelope_reader *tagua_envelope_new(const struct tagua_envelope_paths *paths,
                                                 struct tagua_error *error);
void tagua_envelope_free(struct tagua_envelope_reader *reader); /* NULL is fine */

struct tagua_envelope_answer {
    enum tagua_envelope kind;
    bool has_code;
    int64_t code;
    struct tagua_error fault; /* when broken: why */
};

/* Reads an answer's body. The platform's message, if there is one, is appended to *message as far
 * as it fits. A success has each of status and success that the paths name. */
void tagua_envelope_read(const struct tagua_envelope_reader *reader, const char *body,
                         size_t length, struct tagua_envelope_answer *answer,
                         struct tagua_buffer *message);

#endif
