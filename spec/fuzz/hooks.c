/* Fuzzes the readers of webhooks, from the bytes that a platform signed to the events that are kept: whatever
 * comes, a reader gives events that can be kept, or says what is wrong, and raises nothing. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua_core.h"

int luaopen_cjson(lua_State *L);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* `read(text, which)`: raises where something is not as it should be. */
static const char program[] =
    "package.path = 'lua/?.lua;lua/?/init.lua'\n"
    "local json = require('tagua.json')\n"
    "local readers = { require('tagua.serve.hook.line'), require('tagua.serve.hook.meta'),\n"
    "  require('tagua.serve.hook.botbonnie'), require('tagua.serve.hook.events') }\n"
    "return function(text, which)\n"
    "  local result, message = readers[which % 4 + 1].read(text, 'shop', 1795255200000, 'step')\n"
    "  if not result then assert(type(message) == 'string'); return end\n"
    "  for _, event in ipairs(result.events) do\n"
    "    assert(utf8.len(event.user) and event.user ~= '' and event.type ~= '' and utf8.len(event.type))\n"
    "    assert(math.type(event.at) == 'integer' and event.at >= 0 and event.at <= 253402300799999)\n"
    "    assert(event.id == nil or utf8.len(event.id) and #event.id <= 256)\n"
    "    assert(type(json.decode(event.text)) == 'table')\n"
    "  end\n"
    "end\n";

static lua_State *L;

static void fail(void)
{
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
}

static void start(void)
{
    L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    luaL_requiref(L, "tagua.core", luaopen_tagua_core, 0);
    if (luaL_loadstring(L, program) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK)
        fail();
    lua_setfield(L, LUA_REGISTRYINDEX, "read");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (L == NULL)
        start();
    if (size == 0)
        return 0;
    lua_settop(L, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, "read");
    lua_pushlstring(L, (const char *)data + 1, size - 1);
    lua_pushinteger(L, data[0]);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        fail();
    return 0;
}
