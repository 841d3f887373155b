/* A stream of bytes into chunks of whole records, which can be read apart from each other. Takes
 * the byte-order mark off, converts to UTF-8, takes the header row out of CSV. Does no I/O: its
 * user feeds it. */
#ifndef TAGUA_SPLITTER_H
#define TAGUA_SPLITTER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "record.h"

#define TAGUA_SPLITTER_CHUNK ((size_t)256 * 1024)
#define TAGUA_SPLITTER_MAX_RECORD ((size_t)1024 * 1024)

struct tagua_splitter_options {
    enum tagua_format format;
    char delimiter;       /* CSV; '\0': a comma */
    const char *encoding; /* an iconv name; NULL: UTF-8 */
    size_t max_record;    /* bytes; 0: TAGUA_SPLITTER_MAX_RECORD */
    size_t chunk;         /* bytes, about; 0: TAGUA_SPLITTER_CHUNK */
};

struct tagua_chunk {
    const char *bytes; /* the splitter's; until its next call */
    size_t length;
    int64_t first_line; /* counted from 1, the header's lines too */
};

struct tagua_splitter;

/* NULL with *error: EUSAGE for an unknown encoding or a delimiter that can be none. */
struct tagua_splitter *tagua_splitter_new(const struct tagua_splitter_options *options,
                                          struct tagua_error *error);

void tagua_splitter_free(struct tagua_splitter *splitter); /* NULL is fine */

/* Takes the next bytes. Returns 0, or -1 with *error (EINPUT, naming the line): a NUL byte, a byte
 * that the encoding has not, a header with two equal names. After an error, all that follows
 * gives the same one. */
int tagua_splitter_feed(struct tagua_splitter *splitter, const char *bytes, size_t length,
                        struct tagua_error *error);

/* Room for the next `length` bytes, to be read into it and then told by tagua_splitter_filled, which is as
 * tagua_splitter_feed. NULL without memory, and where they are to be converted first. */
char *tagua_splitter_room(struct tagua_splitter *splitter, size_t length);

/* See tagua_splitter_room; `length` bytes came, no more than there was room for. */
int tagua_splitter_filled(struct tagua_splitter *splitter, size_t length,
                          struct tagua_error *error);

/* No more bytes come. Returns 0, or -1 with *error (EINPUT): the input is empty. */
int tagua_splitter_finish(struct tagua_splitter *splitter, struct tagua_error *error);

/* The next chunk: 1; 0: there is none until more bytes come, or none at all; -1 with *error
 * (EINPUT): a record is too long, or the input is cut off inside a quoted field. */
int tagua_splitter_next(struct tagua_splitter *splitter, struct tagua_chunk *chunk,
                        struct tagua_error *error);

/* CSV: the names of the columns, blanks around them taken off, once the header was seen; how many
 * (0 before). They are the splitter's. */
size_t tagua_splitter_header(const struct tagua_splitter *splitter, const char *const **names);

#endif
