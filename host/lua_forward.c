/* Binding: core.forward. A userdata owns one forward. */
#include <string.h>

#include "clock.h"
#include "forward.h"
#include "lua_support.h"

#define CLASS "tagua.forward"

enum { CONNECTIONS_MOST = 64 };

struct holder {
    struct tagua_forward *forward; /* NULL once closed */
};

static struct tagua_forward *check_open(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, CLASS);
    if (holder->forward == NULL)
        luaL_error(L, "the forward is closed");
    return holder->forward;
}

static int64_t seconds_option(lua_State *L, const char *name, double otherwise)
{
    double seconds = tagua_lua_number_option(L, 1, name, otherwise);
    if (!(seconds >= 0.01 && seconds <= 3600))
        luaL_error(L, "option '%s' must be 0.01 to 3600 seconds, got %f", name, seconds);
    return (int64_t)(seconds * (double)TAGUA_SECOND_NS);
}

static int64_t count_option(lua_State *L, const char *name, int64_t otherwise, int64_t most)
{
    int64_t value = tagua_lua_integer_option(L, 1, name, otherwise);
    if (value < 1 || value > most)
        luaL_error(L, "option '%s' must be 1 to %I, got %I", name, (LUAI_UACINT)most,
                   (LUAI_UACINT)value);
    return value;
}

/* forward.open { base=, path="/", user_agent=, ca_file=, connections=4, waiting=1000, bytes=,
 * connect_timeout=5, timeout=10 } -> forward | nil, message, code. */
static int forward_open(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    const struct tagua_forward_options options = {
        .base = tagua_lua_text_option(L, 1, "base", ""),
        .path = tagua_lua_text_option(L, 1, "path", "/"),
        .user_agent = tagua_lua_text_option(L, 1, "user_agent", NULL),
        .ca_file = tagua_lua_text_option(L, 1, "ca_file", NULL),
        .connections = (unsigned)count_option(L, "connections", 4, CONNECTIONS_MOST),
        .waiting_most = (size_t)count_option(L, "waiting", 1000, 1000000),
        .waiting_bytes = (size_t)count_option(L, "bytes", 16 << 20, 1 << 30),
        .connect_timeout_ns = seconds_option(L, "connect_timeout", 5),
        .timeout_ns = seconds_option(L, "timeout", 10),
    };
    struct tagua_error error;
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 0);
    holder->forward = NULL;
    luaL_setmetatable(L, CLASS);
    holder->forward = tagua_forward_new(&options, &error);
    return holder->forward != NULL ? 1 : tagua_lua_fail(L, &error);
}

/* f:send(number, body, { "Name: value", ... }) -> true; false when too much waits; nil, message,
 * code. */
static int forward_send(lua_State *L)
{
    struct tagua_forward *forward = check_open(L);
    int64_t number = luaL_checkinteger(L, 2);
    size_t length;
    const char *body = luaL_checklstring(L, 3, &length);
    const char *headers[TAGUA_FORWARD_HEADERS];
    luaL_checktype(L, 4, LUA_TTABLE);
    size_t count = (size_t)lua_rawlen(L, 4);
    luaL_argcheck(L, count <= TAGUA_FORWARD_HEADERS, 4, "too many headers");
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, 4, (lua_Integer)i + 1) != LUA_TSTRING)
            return luaL_argerror(L, 4, "every header must be a string");
        headers[i] = lua_tostring(L, -1); /* the table keeps it */
        lua_pop(L, 1);
    }
    struct tagua_error error;
    int result = tagua_forward_send(forward, number, body, length, headers, count, &error);
    if (result < 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, result == 0);
    return 1;
}

/* f:step() -> { { number=, done=, status=, trouble= }, ... } of those that are over | nil, message,
 * code. */
static int forward_step(lua_State *L)
{
    struct tagua_forward *forward = check_open(L);
    struct tagua_forward_result result;
    struct tagua_error error;
    if (tagua_forward_step(forward, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_newtable(L);
    for (lua_Integer i = 1; tagua_forward_next(forward, &result); i++) {
        lua_createtable(L, 0, 4);
        lua_pushinteger(L, result.number);
        lua_setfield(L, -2, "number");
        lua_pushboolean(L, result.done);
        lua_setfield(L, -2, "done");
        if (result.status != 0) {
            lua_pushinteger(L, result.status);
            lua_setfield(L, -2, "status");
        }
        if (!result.done) {
            lua_pushstring(L, result.trouble);
            lua_setfield(L, -2, "trouble");
        }
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* f:pending() -> how many wait or are under way. */
static int forward_pending(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tagua_forward_pending(check_open(L)));
    return 1;
}

/* f:fd() -> a descriptor to wait for, and for how many seconds at most (nil: without an end); to be
 * asked after each step | nil, message, code. */
static int forward_fd(lua_State *L)
{
    struct tagua_error error;
    int64_t timeout_ns;
    int descriptor = tagua_forward_descriptor(check_open(L), &timeout_ns, &error);
    if (descriptor < 0)
        return tagua_lua_fail(L, &error);
    lua_pushinteger(L, descriptor);
    if (timeout_ns == INT64_MAX)
        return 1;
    lua_pushnumber(L, (double)timeout_ns / (double)TAGUA_SECOND_NS);
    return 2;
}

static int forward_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, CLASS);
    struct tagua_forward *forward = holder->forward;
    holder->forward = NULL;
    tagua_forward_free(forward);
    return 0;
}

int tagua_lua_open_forward(lua_State *L);

int tagua_lua_open_forward(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"send", forward_send}, {"step", forward_step}, {"pending", forward_pending},
        {"fd", forward_fd},     {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"open", forward_open}, {NULL, NULL}};
    tagua_lua_class(L, CLASS, methods, forward_close);
    luaL_newlib(L, functions);
    return 1;
}
