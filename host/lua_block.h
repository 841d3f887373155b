/* Blocks of decisions for Lua: see lua_block.c. */
#ifndef TAGUA_LUA_BLOCK_H
#define TAGUA_LUA_BLOCK_H

#include <lua.h>

/* Adds workers.block to the table on top of the stack. */
void tagua_lua_add_block(lua_State *L);

#endif
