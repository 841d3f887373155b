/* require "tagua.core": gathers the bindings into one table. Owns the list, nothing else. */
#include "lua_core.h"

#include <lauxlib.h>

/* One row a binding: host/lua_NAME.c exports tagua_lua_open_NAME, which pushes its table. The rock
 * (rockspec/) holds those of the module alone, and needs libcurl and OpenSSL alone. */
#define MODULE_BINDINGS(X) \
    X(decide) \
    X(engine) \
    X(json) \
    X(limiter) \
    X(pair) \
    X(record) \
    X(secret) \
    X(system) \
    X(verdict) \
    X(workers) \
    X(zone)
#ifdef TAGUA_ROCK
#define BINDINGS(X) MODULE_BINDINGS(X)
#else
#define BINDINGS(X) \
    MODULE_BINDINGS(X) \
    X(digest) \
    X(forward) \
    X(jwt) \
    X(lock) \
    X(notify) \
    X(process) \
    X(server) \
    X(sql)
#endif

#define DECLARE(name) int tagua_lua_open_##name(lua_State *L);
BINDINGS(DECLARE)

#define ENTRY(name) {#name, tagua_lua_open_##name},
static const luaL_Reg bindings[] = {BINDINGS(ENTRY){NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_tagua_core(lua_State *L)
{
    lua_newtable(L);
    for (const luaL_Reg *binding = bindings; binding->name != NULL; binding++) {
        lua_pushcfunction(L, binding->func);
        lua_call(L, 0, 1);
        lua_setfield(L, -2, binding->name);
    }
    return 1;
}
