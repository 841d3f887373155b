/* A strict JSON reader that builds nothing: a projection takes the values of a few paths out of a
 * text in one pass, a cursor walks over all of it. Values are spans of the caller's text and live
 * as long as it does. Pure: no I/O, no allocation after a projection was made.
 *
 * Strict means RFC 8259 on valid UTF-8: raw control characters in strings, lone surrogates,
 * comments, NaN, hexadecimal, leading zeros and trailing commas are refused. Nesting goes to
 * TAGUA_JSON_DEPTH. Of equal keys in one object the last one wins. */
#ifndef TAGUA_JSON_H
#define TAGUA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "error.h"

#define TAGUA_JSON_DEPTH 512
#define TAGUA_JSON_LAYOUT_KEYS 64u

enum tagua_json_kind {
    TAGUA_JSON_ABSENT, /* the text has no such path */
    TAGUA_JSON_NULL,
    TAGUA_JSON_FALSE,
    TAGUA_JSON_TRUE,
    TAGUA_JSON_INTEGER, /* a number without fraction and exponent, of any length */
    TAGUA_JSON_NUMBER,  /* a number with one of them */
    TAGUA_JSON_TEXT,
    TAGUA_JSON_ARRAY,
    TAGUA_JSON_OBJECT,
};

struct tagua_json_value {
    const char *start; /* text: after the opening quote; otherwise the value as it is written */
    size_t length;     /* bytes; text: up to the closing quote */
    uint8_t kind;      /* enum tagua_json_kind */
    bool escaped;      /* text: holds escapes, so the bytes are not the value yet */
    bool whole_name;   /* found under its whole dotted name (see tagua_json_projection_new) */
};

/* What is wrong with a text, and where. */
struct tagua_json_fault {
    const char *what; /* a constant sentence part, lower case */
    size_t offset;    /* bytes from the start of the text */
};

struct tagua_json_projection;

/* Compiles `count` (at most 4096) paths: "errorCode", "res.records", "" for the whole text. A dot
 * goes into an object; a key of the outermost object that is the whole path, dots included, comes
 * before that. Copies the paths. Returns NULL with *error (EUSAGE) when there are too many or one
 * has an empty part. */
struct tagua_json_projection *tagua_json_projection_new(const char *const *paths, size_t count,
                                                        struct tagua_error *error);

void tagua_json_projection_free(struct tagua_json_projection *projection); /* NULL is fine */

/* Reads the whole text and fills values[0..count-1], in the order of the paths. All are absent
 * when the text is not an object. Returns 0, or -1 with *error (EPROTOCOL, naming the byte) when
 * it is not JSON; the values are then undefined. */
int tagua_json_project(const struct tagua_json_projection *projection, const char *text,
                       size_t length, struct tagua_json_value *values, struct tagua_error *error);

/* What a reader of many texts remembers of the one before: which keys its outermost object had, in
 * order. Most texts have the same ones, and then a key is known by one comparison. It changes how
 * fast a text is read, and nothing else. One thread's, all zero to begin with. */
struct tagua_json_layout {
    struct {
        char bytes[32];  /* the key after its opening quote, with the closing one */
        uint8_t length;  /* of the bytes; 0: none is remembered here */
        bool high;       /* the key is not ASCII alone */
        uint16_t wanted; /* private */
    } keys[TAGUA_JSON_LAYOUT_KEYS];
};

/* The same for readers of many texts: `slack` bytes after the text may be read too (and change
 * nothing); `layout` may be NULL, and belongs to this projection alone. Returns the kind of the
 * whole text, or -1 with *fault. */
int tagua_json_scan(const struct tagua_json_projection *projection, const char *text,
                    size_t length, size_t slack, struct tagua_json_layout *layout,
                    struct tagua_json_value *values, struct tagua_json_fault *fault);

/* A text's bytes, escapes decoded. Writes at most value->length bytes to `to` and returns how
 * many; no NUL is added, and the text itself may hold one. */
size_t tagua_json_text(const struct tagua_json_value *value, char *to);

/* As tagua_json_text, to the end of a buffer. Returns 0, or -1 when the buffer is full. */
int tagua_json_append_text(const struct tagua_json_value *value, struct tagua_buffer *buffer);

/* Whether the value is a text that equals the NUL-terminated one. */
bool tagua_json_equals(const struct tagua_json_value *value, const char *text);

/* An integer's value. Returns 0, or -1 when the value is none or does not fit 64 bits. */
int tagua_json_integer(const struct tagua_json_value *value, int64_t *integer);

/* An integer's or number's value. Returns 0, or -1 when it is neither or too large. */
int tagua_json_number(const struct tagua_json_value *value, double *number);

enum tagua_json_event {
    TAGUA_JSON_END,    /* the text is over, and was right */
    TAGUA_JSON_SCALAR, /* *value is null, false, true, a number or a text */
    TAGUA_JSON_KEY,    /* *value is a text; its value follows */
    TAGUA_JSON_OPEN,   /* value->kind says array or object */
    TAGUA_JSON_CLOSE,  /* the innermost open one ends */
};

/* Walks over a text value by value. Belongs to the caller, owns nothing. */
struct tagua_json_cursor {
    const char *text, *p, *end;
    struct tagua_json_fault fault;
    uint64_t objects[TAGUA_JSON_DEPTH / 64]; /* one bit a level: an object, not an array */
    unsigned depth;
    int expects; /* private */
};

/* Starts at the beginning. The bytes must stay as they are until the cursor is done. */
void tagua_json_cursor_init(struct tagua_json_cursor *cursor, const char *text, size_t length);

/* The next event, or -1 with cursor->fault. */
int tagua_json_cursor_next(struct tagua_json_cursor *cursor, struct tagua_json_value *value);

#endif
