/* Records out of CSV or JSONL: a schema says what is wanted of each, a reader yields it record by
 * record out of chunks of whole records (a splitter makes them). One pass over the bytes, only
 * the declared fields are looked at, nothing is allocated for a record. Pure.
 *
 * A schema may be shared; a reader belongs to one thread. Texts are spans of the chunk or of the
 * reader's own memory and live until its next call. */
#ifndef TAGUA_RECORD_H
#define TAGUA_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "zone.h"

#define TAGUA_RECORD_MAX_FIELDS 1000
#define TAGUA_RECORD_MAX_ID 512 /* bytes of an id */

enum tagua_format { TAGUA_CSV, TAGUA_JSONL };

enum tagua_field_type {
    TAGUA_FIELD_TEXT,    /* as it stands; of JSON numbers the digits */
    TAGUA_FIELD_INTEGER, /* 64 bits; 12.0 is 12, 12.5 is bad */
    TAGUA_FIELD_NUMBER,  /* a double */
    TAGUA_FIELD_BOOLEAN, /* true false yes no 1 0 是 否, in any case */
    TAGUA_FIELD_DATE,    /* see date.h; a JSON integer is seconds since the epoch, or
                            milliseconds from 100,000,000,000 on */
    TAGUA_FIELD_TAGSET,  /* not read from records: always absent here */
};

/* The type of that name ("text", "integer", ...), or -1. */
int tagua_field_type(const char *name);

struct tagua_field {
    const char *name;
    const char *source; /* column or key (a dot goes into an object); NULL: the name */
    enum tagua_field_type type;
    const char *format; /* of a date, see date.h; NULL: the forms that need none */
    bool roc;           /* a date's years are the Republic's: 115 is 2026 */
};

struct tagua_schema_options {
    enum tagua_format format;
    char delimiter;            /* CSV; '\0': a comma */
    const char *const *header; /* CSV: the columns, in order, as the splitter gives them */
    size_t header_count;
    const char *id; /* column or key of the id */
    const struct tagua_field *fields;
    size_t field_count;
    const struct tagua_zone *zone; /* of dates without one; outlives the schema; NULL: UTC */
};

struct tagua_schema;

/* Copies all but the zone. NULL with *error: EINPUT when the input lacks a column, naming it and
 * the nearest one; ECONFIG when a date's format is not known. */
struct tagua_schema *tagua_schema_new(const struct tagua_schema_options *options,
                                      struct tagua_error *error);

void tagua_schema_free(struct tagua_schema *schema); /* NULL is fine; after its readers */

enum tagua_value_state {
    TAGUA_VALUE_ABSENT,  /* the record has no such key */
    TAGUA_VALUE_EMPTY,   /* an empty or blank cell; null or a blank text in JSON */
    TAGUA_VALUE_BAD,     /* does not fit the type: text holds it as it was written */
    TAGUA_VALUE_TEXT,    /* text */
    TAGUA_VALUE_INTEGER, /* integer */
    TAGUA_VALUE_NUMBER,  /* number */
    TAGUA_VALUE_BOOLEAN, /* boolean */
    TAGUA_VALUE_DATE,    /* integer: seconds since the epoch */
};

struct tagua_value {
    enum tagua_value_state state;
    bool boolean;
    union {
        int64_t integer;
        double number;
        const char *text; /* TEXT and BAD; not NUL-terminated */
    };
    size_t length; /* of text, in bytes */
};

struct tagua_record {
    int64_t line;   /* where the record begins, from 1; of a rejected one, where its fault is */
    const char *id; /* never empty, blanks around it taken off, digits as they were written */
    size_t id_length;
    const struct tagua_value *values; /* one for each field of the schema, in its order */

    int64_t column;      /* rejected: characters from the start of the line, counted from 1 */
    const char *message; /* rejected: what is wrong with it */
};

struct tagua_reader;

/* NULL with *error (EIO) without memory. The schema outlives the reader. */
struct tagua_reader *tagua_reader_new(const struct tagua_schema *schema, struct tagua_error *error);

void tagua_reader_free(struct tagua_reader *reader); /* NULL is fine */

/* Starts on a chunk of whole records, whose first line has the number `first_line` (from 1) in its
 * file. The bytes must stay until the reader is done with them. */
void tagua_reader_open(struct tagua_reader *reader, const char *chunk, size_t length,
                       int64_t first_line);

/* The next record: 1 and *record; -1 when it is rejected: line, column and message are set, and
 * reading may go on; 0 at the end of the chunk. Blank lines are passed over. */
int tagua_reader_next(struct tagua_reader *reader, struct tagua_record *record);

#endif
