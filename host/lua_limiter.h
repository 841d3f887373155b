/* How bindings read the options of a rate. */
#ifndef TAGUA_LUA_LIMITER_H
#define TAGUA_LUA_LIMITER_H

#include <lua.h>

#include "limiter.h"

/* Fills *options from the table at `index`: per_second, burst, adaptive, at_most. Raises on a value
 * of a wrong type. The seed is the caller's. */
void tagua_lua_limiter_options(lua_State *L, int index, struct tagua_limiter_options *options);

#endif
