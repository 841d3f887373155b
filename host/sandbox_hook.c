/* The rule VM at hooks: bodies of webhooks in, the events that the rule file makes of them out. Each body has a
 * record's time and what memory there is, and costs only itself. Owns nothing. */
#include <lauxlib.h>
#include <string.h>

#include "lua_values.h"
#include "sandbox_state.h"

enum { BODIES_MOST = 1000 };

struct hook_call {
    struct tagua_sandbox *sandbox;
    const char *bytes;
    size_t length;
    struct tagua_error *error;
};

/* language:hear(request, i) -> the body's events. */
static int hear_one(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);
    lua_getfield(L, -1, "hear");
    lua_insert(L, 1); /* hear, request, i, language */
    lua_insert(L, 2);
    lua_call(L, 3, 1);
    return 1;
}

/* Replaces what a failed call left on the stack with { failed = why }. */
static void push_failure(lua_State *L, const char *reason)
{
    lua_createtable(L, 0, 1);
    if (reason != NULL)
        lua_pushstring(L, reason);
    else if (lua_type(L, -2) == LUA_TSTRING)
        lua_pushvalue(L, -2);
    else /* never asked for its text: that would run the rule's code again */
        lua_pushfstring(L, "raised a %s instead of a message", luaL_typename(L, -2));
    lua_setfield(L, -2, "failed");
    lua_remove(L, -2);
}

/* Goes through all bodies; raises where memory is short between two of them. */
static int hear_all(lua_State *L)
{
    const struct hook_call *call = lua_touserdata(L, 1);
    struct tagua_sandbox *sandbox = call->sandbox;
    if (tagua_lua_values_read(L, call->bytes, call->length, call->error) == 0)
        return luaL_error(L, "%s", call->error->message);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "bodies");
    luaL_checktype(L, 3, LUA_TTABLE);
    size_t count = (size_t)lua_rawlen(L, 3);
    if (count > BODIES_MOST)
        return luaL_error(L, "%d bodies are more than %d", (int)count, BODIES_MOST);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        sandbox->record = i - 1;
        lua_pushcfunction(L, hear_one);
        lua_pushvalue(L, 2);
        lua_pushinteger(L, (lua_Integer)i);
        tagua_watchdog_begin();
        int status = lua_pcall(L, 2, 1, 0);
        const char *reason = tagua_sandbox_settle(sandbox, status);
        if (reason != NULL || status != LUA_OK)
            push_failure(L, reason);
        lua_rawseti(L, 4, (lua_Integer)i);
        if (sandbox->options.alive != NULL && tagua_watchdog_ticked())
            sandbox->options.alive(sandbox->options.context);
    }
    return 1;
}

int tagua_sandbox_hook(struct tagua_sandbox *sandbox, const char *bytes, size_t length,
                       struct tagua_buffer *results, struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    if (sandbox->failed == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    struct hook_call call = {sandbox, bytes, length, error};
    sandbox->rule = TAGUA_SANDBOX_LOADING;
    lua_pushcfunction(L, hear_all);
    lua_pushlightuserdata(L, &call);
    int status = lua_pcall(L, 1, 1, 0);
    if (status != LUA_OK) {
        const char *reason = tagua_sandbox_settle(sandbox, status);
        const char *message = reason != NULL ? reason : lua_tostring(L, -1);
        tagua_error_set(error, "ERULES", "hearing hooks: %s",
                        message != NULL ? message : "no reason");
        lua_pop(L, 1);
        return -1;
    }
    int result = tagua_lua_values_write(L, -1, results, error);
    lua_pop(L, 1);
    return result;
}
