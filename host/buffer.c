/* A growable byte buffer with a cap. Owns its bytes; knows nothing of what they mean. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

void tagua_buffer_init(struct tagua_buffer *buffer, size_t max)
{
    *buffer = (struct tagua_buffer){.max = max};
}

char *tagua_buffer_reserve(struct tagua_buffer *buffer, size_t length)
{
    if (length > buffer->max || buffer->length > buffer->max - length)
        return NULL;
    size_t need = buffer->length + length + 1;
    if (need > buffer->capacity) {
        size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
        while (capacity < need)
            capacity += capacity / 2;
        if (capacity > buffer->max + 1)
            capacity = buffer->max + 1;
        char *data = realloc(buffer->data, capacity);
        if (data == NULL)
            return NULL;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

int tagua_buffer_append(struct tagua_buffer *buffer, const void *bytes, size_t length)
{
    char *end = tagua_buffer_reserve(buffer, length);
    if (end == NULL)
        return -1;
    if (length > 0)
        memcpy(end, bytes, length);
    end[length] = '\0';
    buffer->length += length;
    return 0;
}

int tagua_buffer_append_text(struct tagua_buffer *buffer, const char *text)
{
    return tagua_buffer_append(buffer, text, strlen(text));
}

void tagua_buffer_consume(struct tagua_buffer *buffer, size_t length)
{
    if (length >= buffer->length) {
        tagua_buffer_clear(buffer);
        return;
    }
    memmove(buffer->data, buffer->data + length, buffer->length - length + 1);
    buffer->length -= length;
}

void tagua_buffer_clear(struct tagua_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void tagua_buffer_wipe(struct tagua_buffer *buffer)
{
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->capacity);
    tagua_buffer_free(buffer);
}

void tagua_buffer_free(struct tagua_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct tagua_buffer){.max = buffer->max};
}
