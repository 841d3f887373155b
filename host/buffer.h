/* A growable byte buffer with a cap. The struct belongs to its user, its bytes to the struct:
 * tagua_buffer_free releases them. Never grows past `max`. */
#ifndef TAGUA_BUFFER_H
#define TAGUA_BUFFER_H

#include <stddef.h>

struct tagua_buffer {
    char *data;      /* always followed by a NUL when not NULL */
    size_t length;   /* bytes in use, the NUL not counted */
    size_t capacity; /* bytes allocated */
    size_t max;      /* `length` never exceeds this */
};

/* An empty buffer that may hold up to `max` bytes. Allocates nothing. */
void tagua_buffer_init(struct tagua_buffer *buffer, size_t max);

/* Appends `length` bytes. Returns 0, or -1 when the cap or the memory is exhausted;
 * the contents are then unchanged. */
int tagua_buffer_append(struct tagua_buffer *buffer, const void *bytes, size_t length);

/* Appends a NUL-terminated string; as tagua_buffer_append. */
int tagua_buffer_append_text(struct tagua_buffer *buffer, const char *text);

/* Makes room for `length` more bytes after the end and returns where they go, or NULL;
 * the caller writes them and adds to `length` itself. */
char *tagua_buffer_reserve(struct tagua_buffer *buffer, size_t length);

/* Drops the first `length` bytes (at most all). */
void tagua_buffer_consume(struct tagua_buffer *buffer, size_t length);

/* Empties the buffer and keeps its memory for reuse. */
void tagua_buffer_clear(struct tagua_buffer *buffer);

/* Overwrites what the buffer ever held, then frees it: for secrets. */
void tagua_buffer_wipe(struct tagua_buffer *buffer);

/* Frees the bytes; the buffer is empty and usable again. */
void tagua_buffer_free(struct tagua_buffer *buffer);

#endif
