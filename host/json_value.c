/* What a JSON value's span of text means. Pure; owns nothing beyond a call. */
#include <stdlib.h>
#include <string.h>

#include "json_scan.h"
#include "number.h"
#include "utf8.h"

size_t tagua_json_text(const struct tagua_json_value *value, char *to)
{
    if (!value->escaped) {
        memcpy(to, value->start, value->length);
        return value->length;
    }
    const char *p = value->start;
    const char *end = p + value->length;
    char *out = to;
    while (p < end) {
        const char *plain = memchr(p, '\\', (size_t)(end - p));
        size_t length = (size_t)((plain == NULL ? end : plain) - p);
        memcpy(out, p, length);
        out += length;
        p += length;
        if (p == end)
            break;
        switch (p[1]) {
        case 'b': *out++ = '\b'; break;
        case 'f': *out++ = '\f'; break;
        case 'n': *out++ = '\n'; break;
        case 'r': *out++ = '\r'; break;
        case 't': *out++ = '\t'; break;
        case 'u': {
            uint32_t point = 0;
            uint32_t low = 0;
            tagua_json_hex(p + 2, &point);
            p += 4;
            if (point >= 0xD800 && point <= 0xDBFF) {
                tagua_json_hex(p + 4, &low);
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
            out += tagua_utf8_encode(point, out);
            break;
        }
        default: *out++ = p[1]; break;
        }
        p += 2;
    }
    return (size_t)(out - to);
}

int tagua_json_append_text(const struct tagua_json_value *value, struct tagua_buffer *buffer)
{
    char *to = tagua_buffer_reserve(buffer, value->length);
    if (to == NULL)
        return -1;
    buffer->length += tagua_json_text(value, to);
    return 0;
}

bool tagua_json_equals(const struct tagua_json_value *value, const char *text)
{
    size_t length = strlen(text);
    if (value->kind != TAGUA_JSON_TEXT || value->length < length)
        return false;
    if (!value->escaped)
        return value->length == length && memcmp(value->start, text, length) == 0;
    if (value->length > 6 * length)
        return false;
    char *decoded = malloc(value->length);
    if (decoded == NULL)
        return false;
    bool equal = tagua_json_text(value, decoded) == length && memcmp(decoded, text, length) == 0;
    free(decoded);
    return equal;
}

int tagua_json_integer(const struct tagua_json_value *value, int64_t *integer)
{
    if (value->kind != TAGUA_JSON_INTEGER)
        return -1;
    return tagua_number_integer(value->start, value->length, integer);
}

int tagua_json_number(const struct tagua_json_value *value, double *number)
{
    if (value->kind != TAGUA_JSON_INTEGER && value->kind != TAGUA_JSON_NUMBER)
        return -1;
    return tagua_number_real(value->start, value->length, number);
}
