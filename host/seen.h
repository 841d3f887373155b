/* Notices two equal keys among millions, in bounded memory: 16 bytes a key go to an unlinked
 * temporary file in sorted runs, which are merged at the end. A key is known by 88 bits of a keyed
 * hash, so that two different keys are taken for one with a chance of one in 10^12 among ten
 * million. */
#ifndef TAGUA_SEEN_H
#define TAGUA_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct tagua_seen;

/* Two lines with one key. */
struct tagua_seen_pair {
    int64_t first;  /* where the key came first */
    int64_t second; /* where it came again */
};

/* NULL with *error (EIO). */
struct tagua_seen *tagua_seen_new(struct tagua_error *error);

void tagua_seen_free(struct tagua_seen *seen); /* NULL is fine; the file goes too */

/* Notes a key and its line (0 to 2^40 - 1). Returns 0, or -1 with *error (EIO: the temporary file
 * cannot be written). */
int tagua_seen_add(struct tagua_seen *seen, const char *key, size_t length, int64_t line,
                   struct tagua_error *error);

/* Looks for repeated keys: every line after a key's first makes a pair. Writes the `most` pairs
 * with the lowest second lines, in their order; *count of them, *total in all. Nothing may be
 * added afterwards. Returns 0, or -1 with *error (EIO). */
int tagua_seen_finish(struct tagua_seen *seen, struct tagua_seen_pair *pairs, size_t most,
                      size_t *count, int64_t *total, struct tagua_error *error);

#endif
