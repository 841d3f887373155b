/* How bindings read a table of platform codes. */
#ifndef TAGUA_LUA_VERDICT_H
#define TAGUA_LUA_VERDICT_H

#include <lua.h>

#include "verdict.h"

/* Reads option `name` of the table at `index`, { [1004] = "stop:EAUTH", ... }, into sorted *rows
 * and returns how many there are. Leaves on the stack one value, which owns the rows. Raises on
 * misuse. */
size_t tagua_lua_verdict_rows(lua_State *L, int index, const char *name,
                              struct tagua_verdict_row **rows);

#endif
