/* The C half of the Lua module. */
#ifndef TAGUA_LUA_CORE_H
#define TAGUA_LUA_CORE_H

#include <lua.h>

/* require "tagua.core": a table with one entry for each binding. */
int luaopen_tagua_core(lua_State *L);

#endif
