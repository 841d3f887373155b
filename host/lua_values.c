/* Lua values as bytes, one tag byte before each value. Holds no state. */
#include "lua_values.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DEEPEST = 32 };

static int append(struct tagua_buffer *buffer, char tag, const void *bytes, size_t length,
                  struct tagua_error *error)
{
    if (tagua_buffer_append(buffer, &tag, 1) != 0 ||
        (length > 0 && tagua_buffer_append(buffer, bytes, length) != 0))
        return tagua_error_set(error, "ETOOBIG", "a table is too big for a worker's pipe");
    return 0;
}

static int write_text(lua_State *L, int index, struct tagua_buffer *buffer,
                      struct tagua_error *error)
{
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    if (length > UINT32_MAX)
        return tagua_error_set(error, "ETOOBIG", "a text is too long for a worker's pipe");
    uint32_t size = (uint32_t)length;
    if (append(buffer, 's', &size, sizeof size, error) != 0)
        return -1;
    if (tagua_buffer_append(buffer, text, length) != 0)
        return tagua_error_set(error, "ETOOBIG", "a table is too big for a worker's pipe");
    return 0;
}

static int write_value(lua_State *L, int index, struct tagua_buffer *buffer, int depth,
                       struct tagua_error *error)
{
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return append(buffer, '0', NULL, 0, error);
    case LUA_TBOOLEAN:
        return append(buffer, lua_toboolean(L, index) ? '+' : '-', NULL, 0, error);
    case LUA_TSTRING:
        return write_text(L, index, buffer, error);
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            int64_t whole = lua_tointeger(L, index);
            return append(buffer, 'i', &whole, sizeof whole, error);
        }
        double number = lua_tonumber(L, index);
        return append(buffer, 'n', &number, sizeof number, error);
    case LUA_TTABLE:
        break;
    default:
        return tagua_error_set(error, "EPROTOCOL", "a %s cannot travel to a worker",
                               luaL_typename(L, index));
    }
    if (depth >= DEEPEST || !lua_checkstack(L, 4))
        return tagua_error_set(error, "EPROTOCOL", "a table is nested deeper than %d", DEEPEST);
    if (append(buffer, '{', NULL, 0, error) != 0)
        return -1;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int top = lua_gettop(L);
        if (write_value(L, top - 1, buffer, depth + 1, error) != 0 ||
            write_value(L, top, buffer, depth + 1, error) != 0) {
            lua_pop(L, 2);
            return -1;
        }
        lua_pop(L, 1);
    }
    return append(buffer, '}', NULL, 0, error);
}

int tagua_lua_values_write(lua_State *L, int index, struct tagua_buffer *buffer,
                           struct tagua_error *error)
{
    return write_value(L, lua_absindex(L, index), buffer, 0, error);
}

struct input {
    const char *at, *end;
};

static bool take(struct input *in, void *to, size_t length)
{
    if ((size_t)(in->end - in->at) < length)
        return false;
    memcpy(to, in->at, length);
    in->at += length;
    return true;
}

/* Pushes one value; false where the bytes end early or make no sense (the stack is then the
 * caller's to restore). */
static bool read_value(lua_State *L, struct input *in, int depth)
{
    char tag;
    if (depth > DEEPEST || !lua_checkstack(L, 4) || !take(in, &tag, 1))
        return false;
    uint32_t size;
    int64_t whole;
    double number;
    switch (tag) {
    case '0':
        lua_pushnil(L);
        return true;
    case '+':
    case '-':
        lua_pushboolean(L, tag == '+');
        return true;
    case 'i':
        if (!take(in, &whole, sizeof whole))
            return false;
        lua_pushinteger(L, whole);
        return true;
    case 'n':
        if (!take(in, &number, sizeof number))
            return false;
        lua_pushnumber(L, number);
        return true;
    case 's':
        if (!take(in, &size, sizeof size) || (size_t)(in->end - in->at) < size)
            return false;
        lua_pushlstring(L, in->at, size);
        in->at += size;
        return true;
    case '{':
        break;
    default:
        return false;
    }
    lua_newtable(L);
    for (;;) {
        if (in->at == in->end)
            return false;
        if (*in->at == '}') {
            in->at++;
            return true;
        }
        if (!read_value(L, in, depth + 1) || lua_isnil(L, -1) ||
            (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1)) ||
            !read_value(L, in, depth + 1))
            return false;
        lua_rawset(L, -3);
    }
}

size_t tagua_lua_values_read(lua_State *L, const char *bytes, size_t length,
                             struct tagua_error *error)
{
    int top = lua_gettop(L);
    struct input in = {bytes, bytes + length};
    if (!read_value(L, &in, 0)) {
        lua_settop(L, top);
        tagua_error_set(error, "EPROTOCOL", "a worker's message makes no sense");
        return 0;
    }
    return (size_t)(in.at - bytes);
}
