/* How other bindings take a secret that Lua hands them. */
#ifndef TAGUA_LUA_SECRET_H
#define TAGUA_LUA_SECRET_H

#include <lua.h>

#include "secret.h"

/* The secret in option `name` of the table at `index`, borrowed from its userdata; NULL when there
 * is none. Anything else than a live secret raises and names the option. */
struct tagua_secret *tagua_lua_secret_option(lua_State *L, int index, const char *name);

/* Pushes a userdata without a secret, and returns where to put a reference, which is then its own.
 * Comes before the secret is acquired, for it may raise. */
struct tagua_secret **tagua_lua_secret_push(lua_State *L);

#endif
