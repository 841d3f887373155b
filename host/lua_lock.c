/* Binding: core.lock. A lock is held until it is released, collected or left by its scope. */
#include <string.h>

#include "lock.h"
#include "lua_support.h"

#define LOCK "tagua.lock"

struct box {
    struct tagua_lock *lock; /* NULL once released */
};

/* lock.try(path, text) -> lock | nil, the holder's text, "ELOCKED" | nil, message, code. */
static int lock_try(lua_State *L)
{
    size_t path_length, length;
    const char *path = luaL_checklstring(L, 1, &path_length);
    luaL_argcheck(L, path_length > 0 && strlen(path) == path_length, 1,
                  "path is empty or holds a NUL byte");
    const char *text = luaL_checklstring(L, 2, &length);
    struct box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->lock = NULL;
    luaL_setmetatable(L, LOCK);
    char holder[TAGUA_LOCK_MAX_TEXT + 1];
    struct tagua_error error;
    int status = tagua_lock_try(path, text, length, &box->lock, holder, sizeof holder, &error);
    if (status == 0)
        return 1;
    if (status < 0)
        return tagua_lua_fail(L, &error);
    lua_pushnil(L);
    lua_pushstring(L, holder);
    lua_pushliteral(L, "ELOCKED");
    return 3;
}

static int lock_release(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, LOCK);
    tagua_lock_release(box->lock);
    box->lock = NULL;
    return 0;
}

/* lock:held() -> boolean. */
static int lock_held(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, LOCK);
    lua_pushboolean(L, box->lock != NULL);
    return 1;
}

int tagua_lua_open_lock(lua_State *L);

int tagua_lua_open_lock(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"release", lock_release},
        {"held", lock_held},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"try", lock_try}, {NULL, NULL}};
    tagua_lua_class(L, LOCK, methods, lock_release);
    luaL_newlib(L, functions);
    return 1;
}
