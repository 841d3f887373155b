/* What other bindings may do with a digest: see lua_digest.c. */
#ifndef TAGUA_LUA_DIGEST_H
#define TAGUA_LUA_DIGEST_H

#include <lua.h>
#include <stddef.h>

/* Adds bytes to the digest at `index`; raises for any other value. */
void tagua_lua_digest_add(lua_State *L, int index, const char *bytes, size_t length);

#endif
