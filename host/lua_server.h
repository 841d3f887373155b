/* How other bindings reach a request that Lua hands them. */
#ifndef TAGUA_LUA_SERVER_H
#define TAGUA_LUA_SERVER_H

#include <lua.h>

#include "server.h"

/* The request at `index`, borrowed from its userdata; raises when it is none, or was answered. */
struct tagua_request *tagua_lua_request(lua_State *L, int index);

#endif
