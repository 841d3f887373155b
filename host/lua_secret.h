/* How other bindings take a secret that Lua hands them. */
#ifndef TAGUA_LUA_SECRET_H
#define TAGUA_LUA_SECRET_H

#include <lua.h>

#include "secret.h"

/* The secret in option `name` of the table at `index`, borrowed from its userdata; NULL when there
 * is none. Anything else than a live secret raises and names the option. */
struct tagua_secret *tagua_lua_secret_option(lua_State *L, int index, const char *name);

#endif
