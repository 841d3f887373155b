/* Binding: core.notify, what a service tells its manager. Owns nothing. */
#include "lua_support.h"
#include "notify.h"

/* notify.send(text) -> true, or false where nobody wants to know | nil, message, "EIO". */
static int notify_send(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    struct tagua_error error;
    int status = tagua_notify_send(text, length, &error);
    if (status < 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, status == 0);
    return 1;
}

/* notify.watchdog() -> seconds between which a sign of life is wanted, nil where none is. */
static int notify_watchdog(lua_State *L)
{
    int64_t period_ns = tagua_notify_watchdog_ns();
    if (period_ns == 0)
        return 0;
    lua_pushnumber(L, (lua_Number)period_ns / 1e9);
    return 1;
}

int tagua_lua_open_notify(lua_State *L);

int tagua_lua_open_notify(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"send", notify_send}, {"watchdog", notify_watchdog}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
