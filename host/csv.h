/* One record of CSV at a time: RFC 4180, and what is met beside it. Pure.
 *
 * A cell that begins with a double quote goes to the next single one: delimiters and line ends in
 * between belong to it, a doubled quote stands for one. Nothing may follow the closing quote but
 * a delimiter or the end of the line. In a cell that does not begin with a quote, quotes are plain
 * characters. A record ends with a line feed, a carriage return or both. */
#ifndef TAGUA_CSV_H
#define TAGUA_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAGUA_CSV_UNWANTED 0xffffu

struct tagua_csv_cell {
    const char *start; /* without the quotes around it */
    size_t length;
    bool doubled; /* holds doubled quotes, so the bytes are not the value yet */
};

/* What was seen of a record, its cells aside. */
struct tagua_csv_record {
    const char *end;     /* after its line end: where the next record begins */
    size_t cells;        /* how many it has */
    const char *surplus; /* the first cell beyond `columns`, or NULL */
    unsigned high;       /* 0: all bytes are ASCII */
    bool quoted;         /* has a quoted cell, so it may be of several lines */
    const char *fault;   /* what is wrong with it, a constant; NULL: nothing */
    const char *fault_at;
};

/* Reads the record at p, which is before `end`. `wanted` says for each of the columns where its
 * cell goes in `cells`, or TAGUA_CSV_UNWANTED. record->end is right for faulty records too. */
void tagua_csv_read(const char *p, const char *end, char delimiter, const uint16_t *wanted,
                    size_t columns, struct tagua_csv_cell *cells, struct tagua_csv_record *record);

/* A cell's bytes, doubled quotes made one. Writes at most cell->length bytes; returns how many. */
size_t tagua_csv_text(const struct tagua_csv_cell *cell, char *to);

#endif
