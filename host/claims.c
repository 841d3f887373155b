/* The times in a signed token. Owns a decoded copy while it reads, which it wipes. */
#include "claims.h"

#include <string.h>

#include "buffer.h"
#include "json.h"

#define LONGEST ((size_t)16384)

static int digit_of(char byte)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *found = byte != '\0' ? strchr(digits, byte) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* Base64 of URLs without padding (RFC 4648, 5). 0 or -1. */
static int decode(const char *text, size_t length, struct tagua_buffer *out)
{
    unsigned bits = 0, count = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return -1;
        bits = (bits << 6 | (unsigned)digit) & 0xFFFF;
        count += 6;
        if (count >= 8) {
            count -= 8;
            const char byte = (char)(bits >> count & 0xFF);
            if (tagua_buffer_append(out, &byte, 1) != 0)
                return -1;
        }
    }
    return 0;
}

int tagua_claims_read(const char *token, size_t length, struct tagua_claims *claims)
{
    static const char *const paths[] = {"iat", "exp"};
    *claims = (struct tagua_claims){0};
    const char *payload = memchr(token, '.', length);
    if (payload == NULL || length > LONGEST)
        return -1;
    payload++;
    const char *end = memchr(payload, '.', length - (size_t)(payload - token));
    if (end == NULL)
        return -1;
    int result = -1;
    struct tagua_error error;
    struct tagua_json_value values[2];
    struct tagua_buffer text;
    tagua_buffer_init(&text, LONGEST);
    struct tagua_json_projection *projection = tagua_json_projection_new(paths, 2, &error);
    if (projection != NULL && tagua_buffer_reserve(&text, LONGEST) != NULL &&
        decode(payload, (size_t)(end - payload), &text) == 0 &&
        tagua_json_project(projection, text.data, text.length, values, &error) == 0 &&
        tagua_json_integer(&values[1], &claims->expires) == 0 && claims->expires > 0) {
        if (tagua_json_integer(&values[0], &claims->issued) != 0 || claims->issued < 0)
            claims->issued = 0;
        result = 0;
    } else {
        claims->expires = 0;
    }
    tagua_json_projection_free(projection);
    tagua_buffer_wipe(&text);
    return result;
}
