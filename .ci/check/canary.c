/* What the checks of memory have to find, or they find nothing: a module with a leak and a use of what
 * was freed, each on demand. Built by .ci/check/run. */
#include <lua.h>
#include <stdlib.h>
#include <string.h>

static int leak(lua_State *L)
{
    char *volatile lost = malloc(1000);
    if (lost != NULL)
        lost[0] = 1;
    lost = NULL;
    (void)L;
    return 0;
}

static int touch(lua_State *L)
{
    char *volatile gone = malloc(1000);
    if (gone == NULL)
        return 0;
    free(gone);
    gone[1] = 1;
    lua_pushinteger(L, gone[1]);
    return 1;
}

__attribute__((visibility("default"))) int luaopen_canary(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, leak);
    lua_setfield(L, -2, "leak");
    lua_pushcfunction(L, touch);
    lua_setfield(L, -2, "touch");
    return 1;
}
