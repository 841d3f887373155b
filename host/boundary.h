/* Where records end in a stream of CSV or JSONL, found without looking at what is in them. Pure.
 * Agrees with csv.h about what a quoted cell is. */
#ifndef TAGUA_BOUNDARY_H
#define TAGUA_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>

/* Where a scan stands; offsets are from the start of the bytes, which is the start of a record.
 * All zero to begin with. */
struct tagua_boundary {
    size_t scanned; /* bytes that were looked at */
    bool in_quotes; /* the scan stands inside a quoted cell */
    size_t opened;  /* in_quotes: where its opening quote is */
    size_t last;    /* after the last line end that ends a record; 0: none yet */
};

/* Goes on scanning up to `until`, at most `length`, the bytes that are there. A byte whose meaning
 * hangs on the next one (a carriage return, a quote) waits for it, unless `over`: no more come.
 * delimiter '\0': the records are lines, and quotes mean nothing. */
void tagua_boundary_scan(struct tagua_boundary *at, const char *bytes, size_t until, size_t length,
                         char delimiter, bool over);

/* The first `length` bytes, up to a boundary, are taken away. */
void tagua_boundary_take(struct tagua_boundary *at, size_t length);

#endif
