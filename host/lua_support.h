/* What all bindings share: how a failure, an option and a closed object look to Lua.
 * Holds no state. */
#ifndef TAGUA_LUA_SUPPORT_H
#define TAGUA_LUA_SUPPORT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "lua_compat.h"

/* Pushes nil, message, code; returns 3: `return tagua_lua_fail(L, &error);` */
int tagua_lua_fail(lua_State *L, const struct tagua_error *error);

/* Makes a class: a metatable `name` with `methods` behind __index, `close` as __gc and __close
 * (and as method "close"), and __name. Leaves nothing on the stack. */
void tagua_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close);

/* Options out of the table at `index`. A missing or nil option gives `otherwise`;
 * a value of another type raises at the caller's line and names the option. */
const char *tagua_lua_text_option(lua_State *L, int index, const char *name,
                                  const char *otherwise); /* the string stays the table's */
double tagua_lua_number_option(lua_State *L, int index, const char *name, double otherwise);
int64_t tagua_lua_integer_option(lua_State *L, int index, const char *name, int64_t otherwise);
bool tagua_lua_boolean_option(lua_State *L, int index, const char *name, bool otherwise);

#endif
