/* Binding: strict JSON to Lua values. Owns nothing; the text stays on the Lua stack. */
#include <string.h>

#include "json.h"
#include "lua_support.h"

static int null_key; /* its address is the sentinel */

/* Pushes a scalar. Integers are exact; one past 64 bits comes as its digits, in a string. */
static void push_scalar(lua_State *L, const struct tagua_json_value *value)
{
    int64_t integer;
    double number;
    switch (value->kind) {
    case TAGUA_JSON_TRUE: lua_pushboolean(L, 1); return;
    case TAGUA_JSON_FALSE: lua_pushboolean(L, 0); return;
    case TAGUA_JSON_INTEGER:
        if (tagua_json_integer(value, &integer) == 0)
            lua_pushinteger(L, integer);
        else
            lua_pushlstring(L, value->start, value->length);
        return;
    case TAGUA_JSON_NUMBER:
        if (tagua_json_number(value, &number) == 0)
            lua_pushnumber(L, number);
        else
            lua_pushlstring(L, value->start, value->length);
        return;
    case TAGUA_JSON_TEXT:
        if (value->escaped) {
            luaL_Buffer buffer;
            char *to = luaL_buffinitsize(L, &buffer, value->length);
            luaL_pushresultsize(&buffer, tagua_json_text(value, to));
        } else {
            lua_pushlstring(L, value->start, value->length);
        }
        return;
    default: lua_pushlightuserdata(L, &null_key); return;
    }
}

static int read_value(lua_State *L, struct tagua_json_cursor *cursor, int event,
                      const struct tagua_json_value *value);

/* Pushes the object whose opening was read. A member that is null is left out. */
static int read_object(lua_State *L, struct tagua_json_cursor *cursor)
{
    struct tagua_json_value value;
    lua_newtable(L);
    for (;;) {
        int event = tagua_json_cursor_next(cursor, &value);
        if (event == TAGUA_JSON_CLOSE)
            return 0;
        if (event < 0)
            return -1;
        push_scalar(L, &value); /* the key */
        event = tagua_json_cursor_next(cursor, &value);
        if (event < 0)
            return -1;
        if (event == TAGUA_JSON_SCALAR && value.kind == TAGUA_JSON_NULL)
            lua_pushnil(L);
        else if (read_value(L, cursor, event, &value) != 0)
            return -1;
        lua_rawset(L, -3);
    }
}

/* Pushes the array whose opening was read. */
static int read_array(lua_State *L, struct tagua_json_cursor *cursor)
{
    struct tagua_json_value value;
    lua_newtable(L);
    for (lua_Integer i = 1;; i++) {
        int event = tagua_json_cursor_next(cursor, &value);
        if (event == TAGUA_JSON_CLOSE)
            return 0;
        if (event < 0 || read_value(L, cursor, event, &value) != 0)
            return -1;
        lua_rawseti(L, -2, i);
    }
}

/* Pushes the value that the event began. */
static int read_value(lua_State *L, struct tagua_json_cursor *cursor, int event,
                      const struct tagua_json_value *value)
{
    luaL_checkstack(L, 4, "JSON is nested too deep");
    if (event == TAGUA_JSON_SCALAR) {
        push_scalar(L, value);
        return 0;
    }
    return value->kind == TAGUA_JSON_OBJECT ? read_object(L, cursor) : read_array(L, cursor);
}

/* json.decode(text) -> value | nil, message, "EPROTOCOL". Objects and arrays are tables, a member
 * that is null is not there, a null elsewhere is json.null. Integers are Lua integers; one that
 * does not fit 64 bits, or a number too large for a float, is a string of what was written. */
static int json_decode(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    struct tagua_json_cursor cursor;
    struct tagua_json_value value;
    tagua_json_cursor_init(&cursor, text, length);
    int event = tagua_json_cursor_next(&cursor, &value);
    if (event >= 0 && read_value(L, &cursor, event, &value) == 0 &&
        tagua_json_cursor_next(&cursor, &value) == TAGUA_JSON_END)
        return 1;
    struct tagua_error error;
    tagua_error_set(&error, "EPROTOCOL", "not JSON: %s, at byte %zu", cursor.fault.what,
                    cursor.fault.offset + 1);
    return tagua_lua_fail(L, &error);
}

static const char projection_class[] = "tagua.json.projection";

struct projection {
    struct tagua_json_projection *compiled; /* NULL once closed */
    size_t count;
};

static int projection_close(lua_State *L)
{
    struct projection *projection = luaL_checkudata(L, 1, projection_class);
    tagua_json_projection_free(projection->compiled);
    projection->compiled = NULL;
    return 0;
}

/* projection(text) -> one value for each path (nil when absent, arrays and objects as the text
 * that they are written in) | nil, message, "EPROTOCOL". */
static int projection_call(lua_State *L)
{
    struct projection *projection = luaL_checkudata(L, 1, projection_class);
    luaL_argcheck(L, projection->compiled != NULL, 1, "the projection is closed");
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    luaL_checkstack(L, (int)projection->count + 2, "too many paths");
    struct tagua_json_value *values =
        lua_newuserdatauv(L, (projection->count + 1) * sizeof *values, 0);
    struct tagua_error error;
    if (tagua_json_project(projection->compiled, text, length, values, &error) != 0)
        return tagua_lua_fail(L, &error);
    for (size_t i = 0; i < projection->count; i++) {
        if (values[i].kind == TAGUA_JSON_ABSENT)
            lua_pushnil(L);
        else if (values[i].kind == TAGUA_JSON_ARRAY || values[i].kind == TAGUA_JSON_OBJECT)
            lua_pushlstring(L, values[i].start, values[i].length);
        else
            push_scalar(L, &values[i]);
    }
    return (int)projection->count;
}

/* json.projection{ "res.records", "res.next" } -> projection | nil, message, code. */
static int json_projection(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= 200, 1, "at most 200 paths");
    const char *paths[200];
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i + 1) != LUA_TSTRING)
            return luaL_argerror(L, 1, "every path must be a string");
        paths[i] = lua_tostring(L, -1); /* the table keeps it */
        lua_pop(L, 1);
    }
    struct projection *projection = lua_newuserdatauv(L, sizeof *projection, 0);
    *projection = (struct projection){NULL, count};
    luaL_setmetatable(L, projection_class);
    struct tagua_error error;
    projection->compiled = tagua_json_projection_new(paths, count, &error);
    return projection->compiled != NULL ? 1 : tagua_lua_fail(L, &error);
}

int tagua_lua_open_json(lua_State *L);

int tagua_lua_open_json(lua_State *L)
{
    static const luaL_Reg methods[] = {{NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"decode", json_decode}, {"projection", json_projection}, {NULL, NULL}};
    tagua_lua_class(L, projection_class, methods, projection_close);
    luaL_getmetatable(L, projection_class);
    lua_pushcfunction(L, projection_call);
    lua_setfield(L, -2, "__call");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, &null_key);
    lua_setfield(L, -2, "null");
    return 1;
}
