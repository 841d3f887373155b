/* Binding: one rate limiter for Lua. Times are integer nanoseconds that the caller gives, costs are
 * whole numbers. A userdata owns its limiter. The waits of retries are here, too. */
#include "lua_limiter.h"

#include "lua_support.h"
#include "retry.h"

#define CLASS "tagua.limiter"

struct handle {
    struct tagua_limiter *limiter; /* NULL once closed */
    int64_t burst;
};

void tagua_lua_limiter_options(lua_State *L, int index, struct tagua_limiter_options *options)
{
    options->per_second = tagua_lua_number_option(L, index, "per_second", 5);
    options->burst = tagua_lua_integer_option(L, index, "burst", 1);
    options->adaptive = tagua_lua_boolean_option(L, index, "adaptive", false);
    options->at_most = tagua_lua_number_option(L, index, "at_most", 0);
}

static struct handle *check_open(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    if (handle->limiter == NULL)
        luaL_error(L, "this limiter is closed");
    return handle;
}

static int64_t check_cost(lua_State *L, const struct handle *handle, int index)
{
    int64_t cost = luaL_optinteger(L, index, 1);
    luaL_argcheck(L, cost >= 1 && cost <= handle->burst, index,
                  "a cost is 1 to the burst: more than that could never be taken");
    return cost;
}

/* limiter.new{ per_second=, burst=, adaptive=, at_most=, seed= } -> limiter; raises on misuse. */
static int limiter_new(lua_State *L)
{
    struct tagua_limiter_options options;
    struct tagua_error error;
    luaL_checktype(L, 1, LUA_TTABLE);
    tagua_lua_limiter_options(L, 1, &options);
    options.seed = (uint64_t)tagua_lua_integer_option(L, 1, "seed", 1);
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (struct handle){.burst = options.burst};
    luaL_setmetatable(L, CLASS);
    handle->limiter = tagua_limiter_new(&options, &error);
    return handle->limiter != NULL ? 1 : luaL_error(L, "%s", error.message);
}

/* limiter:reserve(now_ns, cost=1) -> 0 when taken, or the wait in nanoseconds. */
static int limiter_reserve(lua_State *L)
{
    struct handle *handle = check_open(L);
    int64_t now_ns = luaL_checkinteger(L, 2);
    lua_pushinteger(L,
                    tagua_limiter_reserve(handle->limiter, now_ns, check_cost(L, handle, 3)));
    return 1;
}

/* limiter:refund(cost=1) */
static int limiter_refund(lua_State *L)
{
    struct handle *handle = check_open(L);
    tagua_limiter_refund(handle->limiter, check_cost(L, handle, 2));
    return 0;
}

/* limiter:throttled(now_ns, retry_after_ns|nil) */
static int limiter_throttled(lua_State *L)
{
    struct handle *handle = check_open(L);
    tagua_limiter_throttled(handle->limiter, luaL_checkinteger(L, 2), luaL_optinteger(L, 3, -1));
    return 0;
}

/* limiter:succeeded(now_ns) */
static int limiter_succeeded(lua_State *L)
{
    struct handle *handle = check_open(L);
    tagua_limiter_succeeded(handle->limiter, luaL_checkinteger(L, 2));
    return 0;
}

/* limiter:rate() -> a second. */
static int limiter_rate(lua_State *L)
{
    lua_pushnumber(L, tagua_limiter_rate(check_open(L)->limiter));
    return 1;
}

/* limiter:paused_until() -> nanoseconds on the caller's clock; 0 when it never was. */
static int limiter_paused_until(lua_State *L)
{
    lua_pushinteger(L, tagua_limiter_paused_until_ns(check_open(L)->limiter));
    return 1;
}

/* limiter.retry_after(value, wall_ns) -> nanoseconds to wait that a Retry-After header asks for,
 * or nil where it is neither seconds nor a date. */
static int limiter_retry_after(lua_State *L)
{
    int64_t wait_ns = tagua_retry_after_ns(luaL_checkstring(L, 1), luaL_checkinteger(L, 2));
    if (wait_ns < 0)
        return 0;
    lua_pushinteger(L, wait_ns);
    return 1;
}

/* limiter.backoff(failure, base_ns, max_ns, random) -> a wait in nanoseconds, picked by a random
 * integer from 0 to the longest for that failure -> wait, longest. */
static int limiter_backoff(lua_State *L)
{
    lua_Integer failure = luaL_checkinteger(L, 1);
    luaL_argcheck(L, failure >= 1 && failure <= 1000000, 1, "failures are counted from 1");
    int64_t base_ns = luaL_checkinteger(L, 2);
    int64_t max_ns = luaL_checkinteger(L, 3);
    luaL_argcheck(L, base_ns >= 0 && max_ns >= 0, 2, "waits are not negative");
    int64_t ceiling_ns = tagua_backoff_ceiling_ns((unsigned)failure, base_ns, max_ns);
    lua_pushinteger(L, tagua_backoff_pick_ns(
                           ceiling_ns, tagua_random_next((uint64_t)luaL_checkinteger(L, 4))));
    lua_pushinteger(L, ceiling_ns);
    return 2;
}

static int limiter_close(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    tagua_limiter_free(handle->limiter);
    handle->limiter = NULL;
    return 0;
}

int tagua_lua_open_limiter(lua_State *L);

int tagua_lua_open_limiter(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"reserve", limiter_reserve},     {"refund", limiter_refund},
        {"throttled", limiter_throttled}, {"succeeded", limiter_succeeded},
        {"rate", limiter_rate},           {"paused_until", limiter_paused_until},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"new", limiter_new},
                                         {"retry_after", limiter_retry_after},
                                         {"backoff", limiter_backoff},
                                         {NULL, NULL}};
    tagua_lua_class(L, CLASS, methods, limiter_close);
    luaL_newlib(L, functions);
    return 1;
}
