/* The parts of the binding core.record, and what other bindings need of it. */
#ifndef TAGUA_LUA_RECORD_H
#define TAGUA_LUA_RECORD_H

#include <lua.h>

#include "record.h"
#include "zone.h"

/* Each sets its function in the table on top of the stack. */
void tagua_lua_add_splitter(lua_State *L);
void tagua_lua_add_seen(lua_State *L);

/* The zone that the userdata at `index` holds; raises when it is none or closed. */
const struct tagua_zone *tagua_lua_check_zone(lua_State *L, int index);

/* The options `format` ("csv" or "jsonl") and `delimiter` of the table at `index`. Raises when
 * they are something else. */
enum tagua_format tagua_lua_format_option(lua_State *L, int index);
char tagua_lua_delimiter_option(lua_State *L, int index);

#endif
