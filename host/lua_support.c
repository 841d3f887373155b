/* What all bindings share: pushing failures, making classes, reading options. Holds no state. */
#include "lua_support.h"

int tagua_lua_fail(lua_State *L, const struct tagua_error *error)
{
    lua_pushnil(L);
    lua_pushstring(L, error->message);
    lua_pushstring(L, error->code);
    return 3;
}

void tagua_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close)
{
    luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    if (close != NULL) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "close");
    }
    lua_setfield(L, -2, "__index");
    if (close != NULL) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__close");
    }
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* Pushes the option and tells whether it has a value; pops it when it has none. */
static bool push_option(lua_State *L, int index, const char *name)
{
    if (lua_getfield(L, index, name) != LUA_TNIL)
        return true;
    lua_pop(L, 1);
    return false;
}

static int wrong_option(lua_State *L, const char *name, const char *wanted)
{
    return luaL_error(L, "option '%s' must be %s, got %s", name, wanted, luaL_typename(L, -1));
}

const char *tagua_lua_text_option(lua_State *L, int index, const char *name, const char *otherwise)
{
    if (!push_option(L, index, name))
        return otherwise;
    if (lua_type(L, -1) != LUA_TSTRING)
        wrong_option(L, name, "a string");
    const char *value = lua_tostring(L, -1);
    lua_pop(L, 1);
    return value;
}

double tagua_lua_number_option(lua_State *L, int index, const char *name, double otherwise)
{
    if (!push_option(L, index, name))
        return otherwise;
    if (lua_type(L, -1) != LUA_TNUMBER)
        wrong_option(L, name, "a number");
    double value = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return value;
}

int64_t tagua_lua_integer_option(lua_State *L, int index, const char *name, int64_t otherwise)
{
    if (!push_option(L, index, name))
        return otherwise;
    int exact = 0;
    lua_Integer value = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &exact) : 0;
    if (!exact)
        wrong_option(L, name, "a whole number");
    lua_pop(L, 1);
    return value;
}

bool tagua_lua_boolean_option(lua_State *L, int index, const char *name, bool otherwise)
{
    if (!push_option(L, index, name))
        return otherwise;
    if (lua_type(L, -1) != LUA_TBOOLEAN)
        wrong_option(L, name, "a boolean");
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}
