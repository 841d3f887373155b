/* What bindings use of Lua 5.4, for Lua 5.3: user values by number. A userdata of 5.3 has one user
 * value, which here is a table of them. Holds no state. */
#ifndef TAGUA_LUA_COMPAT_H
#define TAGUA_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 504

static inline void *tagua_compat_newuserdatauv(lua_State *L, size_t size, int values)
{
    void *made = lua_newuserdata(L, size);
    if (values > 0) {
        lua_createtable(L, values, 0);
        lua_setuservalue(L, -2);
    }
    return made;
}

/* As in 5.4, for a number that the userdata was made with: pops the value, returns 1. */
static inline int tagua_compat_setiuservalue(lua_State *L, int index, int number)
{
    lua_getuservalue(L, index);
    lua_insert(L, -2);
    lua_rawseti(L, -2, number);
    lua_pop(L, 1);
    return 1;
}

/* As in 5.4: pushes the value, returns its type. */
static inline int tagua_compat_getiuservalue(lua_State *L, int index, int number)
{
    lua_getuservalue(L, index);
    int type = lua_rawgeti(L, -1, number);
    lua_remove(L, -2);
    return type;
}

#define LUA_GNAME "_G"
#define lua_newuserdatauv tagua_compat_newuserdatauv
#define lua_setiuservalue tagua_compat_setiuservalue
#define lua_getiuservalue tagua_compat_getiuservalue

#endif
#endif
