/* Binding: noticing repeated keys. A userdata owns the search. */
#include <stdlib.h>

#include "lua_record.h"
#include "lua_support.h"
#include "seen.h"

static const char seen_class[] = "tagua.record.seen";

struct holder {
    struct tagua_seen *seen; /* NULL once closed */
};

static struct tagua_seen *check_seen(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, seen_class);
    luaL_argcheck(L, holder->seen != NULL, 1, "the search for repeated keys is closed");
    return holder->seen;
}

/* record.seen() -> seen | nil, message, "EIO". */
static int seen_new(lua_State *L)
{
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 0);
    holder->seen = NULL;
    luaL_setmetatable(L, seen_class);
    struct tagua_error error;
    holder->seen = tagua_seen_new(&error);
    return holder->seen != NULL ? 1 : tagua_lua_fail(L, &error);
}

static int seen_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, seen_class);
    tagua_seen_free(holder->seen);
    holder->seen = NULL;
    return 0;
}

/* seen:add(key, line) or seen:add(keys, lines), two arrays -> true | nil, message, "EIO". */
static int seen_add(lua_State *L)
{
    struct tagua_seen *seen = check_seen(L);
    struct tagua_error error;
    size_t length;
    if (lua_type(L, 2) != LUA_TTABLE) {
        const char *key = luaL_checklstring(L, 2, &length);
        if (tagua_seen_add(seen, key, length, luaL_checkinteger(L, 3), &error) != 0)
            return tagua_lua_fail(L, &error);
    } else {
        luaL_checktype(L, 3, LUA_TTABLE);
        lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
        for (lua_Integer i = 1; i <= count; i++) {
            int is_integer;
            luaL_argcheck(L, lua_rawgeti(L, 2, i) == LUA_TSTRING, 2, "keys must be strings");
            lua_rawgeti(L, 3, i);
            lua_Integer line = lua_tointegerx(L, -1, &is_integer);
            luaL_argcheck(L, is_integer, 3, "lines must be whole numbers, one for each key");
            const char *key = lua_tolstring(L, -2, &length);
            if (tagua_seen_add(seen, key, length, line, &error) != 0)
                return tagua_lua_fail(L, &error);
            lua_pop(L, 2);
        }
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* seen:finish([at_most = 1000]) -> array of { first_line, second_line } in the order of the second
 * lines, how many there are in all | nil, message, "EIO". Closes the search. */
static int seen_finish(lua_State *L)
{
    struct tagua_seen *seen = check_seen(L);
    lua_Integer most = luaL_optinteger(L, 2, 1000);
    luaL_argcheck(L, most >= 0 && most <= 1000000, 2, "must be 0 to 1000000");
    struct tagua_seen_pair *pairs = lua_newuserdatauv(L, (size_t)(most + 1) * sizeof *pairs, 0);
    struct tagua_error error;
    size_t count;
    int64_t total;
    if (tagua_seen_finish(seen, pairs, (size_t)most, &count, &total, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_createtable(L, 2, 0);
        lua_pushinteger(L, pairs[i].first);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, pairs[i].second);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, total);
    struct holder *holder = lua_touserdata(L, 1);
    tagua_seen_free(holder->seen);
    holder->seen = NULL;
    return 2;
}

void tagua_lua_add_seen(lua_State *L)
{
    static const luaL_Reg methods[] = {{"add", seen_add}, {"finish", seen_finish}, {NULL, NULL}};
    tagua_lua_class(L, seen_class, methods, seen_close);
    lua_pushcfunction(L, seen_new);
    lua_setfield(L, -2, "seen");
}
