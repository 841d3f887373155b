/* A block of decisions as it travels from a worker: fixed little numbers in the machine's own
 * order, since both ends are the same executable. Holds the layout, nothing else.
 *
 *   struct tagua_block_head
 *   records rows:    u32 line - line of the row before, u16 length of the id, id, wants (head.tags)
 *   rejected rows:   i64 line, i64 column, u16 length, message
 *   failures rows:   i64 line, u32 rule, u16 length of the id, id, u16 length, message
 *   unknown rows:    u32 rule, u32 field, u32 count
 *   fields x u32:    how many records have the field at all
 *   changes rows:    u32 record, u32 tag, u16 moment, u8 want: what is wanted from that moment on */
#ifndef TAGUA_BLOCK_H
#define TAGUA_BLOCK_H

#include <stdint.h>

struct tagua_block_head {
    int64_t first_line; /* what the first row's line counts from */
    uint32_t tags, fields;
    uint32_t records, row_bytes; /* rows, and bytes of all of them */
    uint32_t rejected, rejected_all; /* rows here; and how many there were */
    uint32_t failures, failures_all;
    uint32_t unknown;
    uint32_t changes;
};

#endif
