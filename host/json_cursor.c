/* The cursor: every value of a JSON text in order, for who wants all of it. Owns nothing. */
#include "json_scan.h"
#include "utf8.h"

enum expects { VALUE, VALUE_OR_CLOSE, KEY, KEY_OR_CLOSE, MORE_OR_CLOSE, NOTHING };

void tagua_json_cursor_init(struct tagua_json_cursor *cursor, const char *text, size_t length)
{
    *cursor = (struct tagua_json_cursor){.text = text, .p = text, .end = text + length};
    cursor->expects = VALUE;
}

static bool in_object(const struct tagua_json_cursor *cursor)
{
    unsigned level = cursor->depth - 1;
    return (cursor->objects[level / 64] >> (level % 64) & 1) != 0;
}

static int fail(struct tagua_json_cursor *cursor, struct tagua_json_pass *pass)
{
    cursor->fault = pass->fault;
    return -1;
}

/* One value is complete. */
static void after_value(struct tagua_json_cursor *cursor)
{
    cursor->expects = cursor->depth == 0 ? NOTHING : MORE_OR_CLOSE;
}

static int open_level(struct tagua_json_cursor *cursor, struct tagua_json_pass *pass, bool object)
{
    if (cursor->depth >= TAGUA_JSON_DEPTH) {
        tagua_json_fail(pass, cursor->p, "values are nested deeper than 512 levels");
        return fail(cursor, pass);
    }
    unsigned level = cursor->depth++;
    uint64_t bit = UINT64_C(1) << (level % 64);
    cursor->objects[level / 64] &= ~bit;
    if (object)
        cursor->objects[level / 64] |= bit;
    cursor->p++;
    cursor->expects = object ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    return TAGUA_JSON_OPEN;
}

static int close_level(struct tagua_json_cursor *cursor)
{
    cursor->depth--;
    cursor->p++;
    after_value(cursor);
    return TAGUA_JSON_CLOSE;
}

static int read_key(struct tagua_json_cursor *cursor, struct tagua_json_pass *pass,
                    struct tagua_json_value *value)
{
    const char *start = cursor->p + 1;
    const char *p;
    if (tagua_json_peek(pass, cursor->p) != '"') {
        tagua_json_fail(pass, cursor->p, "a key in double quotes was expected here");
        return fail(cursor, pass);
    }
    p = tagua_json_string(pass, start, &value->escaped);
    if (p == NULL)
        return fail(cursor, pass);
    value->kind = TAGUA_JSON_TEXT;
    value->start = start;
    value->length = (size_t)(p - start);
    p = tagua_json_skip_space(pass, p + 1);
    if (tagua_json_peek(pass, p) != ':') {
        tagua_json_fail(pass, p, "a colon was expected after a key");
        return fail(cursor, pass);
    }
    cursor->p = p + 1;
    cursor->expects = VALUE;
    return TAGUA_JSON_KEY;
}

static int read_scalar(struct tagua_json_cursor *cursor, struct tagua_json_pass *pass,
                       struct tagua_json_value *value)
{
    const char *start = cursor->p;
    const char *p;
    char c = tagua_json_peek(pass, start);
    value->escaped = false;
    value->start = start;
    if (c == '"') {
        p = tagua_json_string(pass, start + 1, &value->escaped);
        value->kind = TAGUA_JSON_TEXT;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        p = tagua_json_digits(pass, start, &value->kind);
    } else {
        p = tagua_json_literal(pass, start, &value->kind);
    }
    if (p == NULL)
        return fail(cursor, pass);
    value->length = (size_t)(p - start);
    cursor->p = p;
    if (c == '"') {
        value->start++;
        value->length--;
        cursor->p++;
    }
    after_value(cursor);
    return TAGUA_JSON_SCALAR;
}

int tagua_json_cursor_next(struct tagua_json_cursor *cursor, struct tagua_json_value *value)
{
    struct tagua_json_pass pass = {
        .text = cursor->text, .end = cursor->end, .limit = cursor->end};
    if (cursor->p == cursor->text && cursor->depth == 0 && cursor->expects == VALUE) {
        size_t length = (size_t)(cursor->end - cursor->text);
        size_t good = tagua_utf8_check(cursor->text, length);
        if (good != length) {
            cursor->fault = (struct tagua_json_fault){"a byte is not UTF-8", good};
            return -1;
        }
    }
    cursor->p = tagua_json_skip_space(&pass, cursor->p);
    char c = tagua_json_peek(&pass, cursor->p);
    if (cursor->expects == NOTHING) {
        if (cursor->p == cursor->end)
            return TAGUA_JSON_END;
        tagua_json_fail(&pass, cursor->p, "something follows after the value");
        return fail(cursor, &pass);
    }
    if (cursor->expects == MORE_OR_CLOSE) {
        bool object = in_object(cursor);
        if (c == (object ? '}' : ']'))
            return close_level(cursor);
        if (c != ',') {
            tagua_json_fail(&pass, cursor->p,
                            object ? "a comma or '}' was expected here"
                                   : "a comma or ']' was expected here");
            return fail(cursor, &pass);
        }
        cursor->p = tagua_json_skip_space(&pass, cursor->p + 1);
        c = tagua_json_peek(&pass, cursor->p);
        cursor->expects = object ? KEY : VALUE;
    }
    if ((cursor->expects == KEY_OR_CLOSE && c == '}') ||
        (cursor->expects == VALUE_OR_CLOSE && c == ']'))
        return close_level(cursor);
    if (cursor->expects == KEY || cursor->expects == KEY_OR_CLOSE)
        return read_key(cursor, &pass, value);
    if (c == '{' || c == '[') {
        value->kind = c == '{' ? TAGUA_JSON_OBJECT : TAGUA_JSON_ARRAY;
        return open_level(cursor, &pass, c == '{');
    }
    return read_scalar(cursor, &pass, value);
}
