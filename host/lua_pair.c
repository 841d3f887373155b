/* Binding: core.pair. A userdata owns one pair; its halves reach Lua as secrets, which can't be read
 * there. */
#include <math.h>
#include <string.h>

#include "ask.h"
#include "claims.h"
#include "clock.h"
#include "lua_secret.h"
#include "lua_support.h"
#include "pair.h"

#define CLASS "tagua.pair"
/* How long another process may take to replace the pair: its attempts, each with its deadline. */
#define PATIENCE_NS (300 * TAGUA_SECOND_NS)

struct handle {
    struct tagua_pair *pair; /* NULL once closed */
};

static struct tagua_pair *check_open(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    if (handle->pair == NULL)
        luaL_error(L, "this pair is closed");
    return handle->pair;
}

/* Where the function is that is told of the points at which a process may end. */
struct observer {
    lua_State *L;
    int function; /* its place on the stack; 0: none */
};

static int tell(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 2));
    lua_replace(L, 2);
    lua_call(L, 1, 0);
    return 0;
}

/* Nothing that the function does may pass through the unit that calls it. */
static void observe(void *context, const char *point)
{
    struct observer *observer = context;
    lua_State *L = observer->L;
    if (observer->function == 0)
        return;
    lua_pushcfunction(L, tell);
    lua_pushvalue(L, observer->function);
    lua_pushlightuserdata(L, (void *)(uintptr_t)point);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}

static struct observer observer_at(lua_State *L, int index, const char *name)
{
    struct observer observer = {.L = L};
    luaL_checkstack(L, 8, "a pair");
    if (lua_istable(L, index) && lua_getfield(L, index, name) == LUA_TFUNCTION)
        observer.function = lua_gettop(L);
    return observer;
}

/* pair.open(path) -> pair | nil, message, code. */
static int pair_open(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct tagua_error error;
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->pair = NULL;
    luaL_setmetatable(L, CLASS);
    if (tagua_pair_open(path, PATIENCE_NS, &handle->pair, &error) != 0)
        return tagua_lua_fail(L, &error);
    return 1;
}

/* pair.store(path, { token = secret, secret = secret, reached = function(point) | nil })
 * -> true | nil, message, code. */
static int pair_store(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct tagua_error error;
    luaL_checktype(L, 2, LUA_TTABLE);
    struct tagua_secret *token = tagua_lua_secret_option(L, 2, "token");
    struct tagua_secret *secret = tagua_lua_secret_option(L, 2, "secret");
    luaL_argcheck(L, token != NULL && secret != NULL, 2, "a pair has a token and a secret");
    struct observer observer = observer_at(L, 2, "reached");
    if (tagua_pair_store(path, token, secret, PATIENCE_NS, observe, &observer, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* pair.ask(prompt, name): one line of standard input, not shown -> secret | nil, message, code. */
static int pair_ask(lua_State *L)
{
    const char *prompt = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
    struct tagua_error error;
    struct tagua_secret **place = tagua_lua_secret_push(L);
    *place = tagua_ask_secret(prompt, name, &error);
    return *place != NULL ? 1 : tagua_lua_fail(L, &error);
}

static void set_time(lua_State *L, const char *name, int64_t seconds)
{
    if (seconds == 0)
        return;
    lua_pushinteger(L, seconds);
    lua_setfield(L, -2, name);
}

/* pair.claims(secret) -> { issued =, expires = } of a token, seconds; what it does not say is nil. */
static int pair_claims(lua_State *L)
{
    struct tagua_claims claims;
    size_t length;
    lua_settop(L, 1);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, 1);
    lua_setfield(L, 2, "token");
    struct tagua_secret *token = tagua_lua_secret_option(L, 2, "token");
    luaL_argcheck(L, token != NULL, 1, "a secret expected");
    const char *value = tagua_secret_value(token, &length);
    tagua_claims_read(value, length, &claims);
    lua_pushnil(L);
    lua_setfield(L, 2, "token");
    set_time(L, "issued", claims.issued);
    set_time(L, "expires", claims.expires);
    return 1;
}

/* pair:token(), pair:secret() -> secret. */
static int pair_token(lua_State *L)
{
    struct tagua_pair *pair = check_open(L);
    *tagua_lua_secret_push(L) = tagua_secret_retain(tagua_pair_token(pair));
    return 1;
}

static int pair_secret(lua_State *L)
{
    struct tagua_pair *pair = check_open(L);
    *tagua_lua_secret_push(L) = tagua_secret_retain(tagua_pair_secret(pair));
    return 1;
}

/* pair:times() -> { stored =, issued =, expires =, cut_off = }, seconds; what is not known is nil. */
static int pair_times(lua_State *L)
{
    struct tagua_pair_times times;
    tagua_pair_times(check_open(L), &times);
    lua_createtable(L, 0, 4);
    set_time(L, "stored", times.stored);
    set_time(L, "issued", times.issued);
    set_time(L, "expires", times.expires);
    set_time(L, "cut_off", times.cut_off);
    return 1;
}

/* pair:reload() -> whether another pair is in the file now | nil, message, code. */
static int pair_reload(lua_State *L)
{
    struct tagua_error error;
    bool changed;
    if (tagua_pair_reload(check_open(L), PATIENCE_NS, &changed, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, changed);
    return 1;
}

static const char *needed(lua_State *L, const char *name)
{
    const char *text = tagua_lua_text_option(L, 2, name, NULL);
    if (text == NULL)
        luaL_error(L, "a refresh needs the option '%s'", name);
    return text;
}

static int64_t seconds_option(lua_State *L, const char *name, double otherwise)
{
    double seconds = tagua_lua_number_option(L, 2, name, otherwise);
    if (!(seconds >= 0.001 && seconds <= 3600))
        luaL_error(L, "option '%s' must be 0.001 to 3600 seconds, got %f", name, seconds);
    return (int64_t)llround(seconds * (double)TAGUA_SECOND_NS);
}

/* pair:refresh{ base=, path=, field=, success=, code=, message=, token=, secret=, replaced=,
 * user_agent=, ca_file=, connect_timeout=, timeout=, attempts=, reached=function(point) }
 * -> "rotated" | "adopted" (another process did it) | nil, message, code. */
static int pair_refresh(lua_State *L)
{
    struct tagua_pair *pair = check_open(L);
    struct tagua_error error;
    luaL_checktype(L, 2, LUA_TTABLE);
    const struct tagua_pair_request request = {
        .base = needed(L, "base"),
        .path = needed(L, "path"),
        .body_field = needed(L, "field"),
        .user_agent = tagua_lua_text_option(L, 2, "user_agent", NULL),
        .ca_file = tagua_lua_text_option(L, 2, "ca_file", NULL),
        .connect_timeout_ns = seconds_option(L, "connect_timeout", 10),
        .timeout_ns = seconds_option(L, "timeout", 30),
        .attempts = (unsigned)tagua_lua_integer_option(L, 2, "attempts", 5),
        .success = needed(L, "success"),
        .code = needed(L, "code"),
        .message = needed(L, "message"),
        .token = needed(L, "token"),
        .secret = needed(L, "secret"),
        .replaced = tagua_lua_integer_option(L, 2, "replaced", 0),
    };
    luaL_argcheck(L, request.path[0] == '/', 2, "a path begins with '/'");
    struct observer observer = observer_at(L, 2, "reached");
    bool adopted;
    if (tagua_pair_refresh(pair, &request, PATIENCE_NS, observe, &observer, &adopted, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushstring(L, adopted ? "adopted" : "rotated");
    return 1;
}

static int pair_close(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    tagua_pair_free(handle->pair);
    handle->pair = NULL;
    return 0;
}

int tagua_lua_open_pair(lua_State *L);

int tagua_lua_open_pair(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"token", pair_token},   {"secret", pair_secret},   {"times", pair_times},
        {"reload", pair_reload}, {"refresh", pair_refresh}, {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"open", pair_open}, {"store", pair_store}, {"ask", pair_ask},
        {"claims", pair_claims}, {NULL, NULL}};
    tagua_lua_class(L, CLASS, methods, pair_close);
    luaL_newlib(L, functions);
    return 1;
}
