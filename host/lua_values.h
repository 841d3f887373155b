/* Lua values as bytes: how plain tables cross the pipe between the command and its workers.
 * Holds no state. Carries nil, booleans, numbers, strings and tables of them; nothing that runs. */
#ifndef TAGUA_LUA_VALUES_H
#define TAGUA_LUA_VALUES_H

#include <lua.h>
#include <stddef.h>

#include "buffer.h"
#include "error.h"

/* Appends the value at `index`. Tables are read raw. -1 with EPROTOCOL for a value that cannot
 * travel (a function, a cycle deeper than 32 tables), with ETOOBIG where the buffer's cap is
 * reached. Raises only when Lua's memory is exhausted; the buffer stays its owner's. */
int tagua_lua_values_write(lua_State *L, int index, struct tagua_buffer *buffer,
                           struct tagua_error *error);

/* Reads one value from the first bytes and pushes it. Returns the number of bytes it took, or 0
 * with EPROTOCOL where the bytes are not a value (nothing is pushed then). */
size_t tagua_lua_values_read(lua_State *L, const char *bytes, size_t length,
                             struct tagua_error *error);

#endif
