/* Runs a script again and again, each time with one allocation less far into it refused: first those of
 * Lua, then those of the units. Nothing may crash, leak, or go on as if nothing had happened. The script
 * sees tagua.core and Lua's libraries. A number behind the script makes larger steps.
 *
 * With --collect in front it runs the script once, with the collector at its most aggressive: Lua is
 * refused the memory for each object (or each Nth, with a number) at first, collects everything that
 * nobody holds, and gets it then. From `collect()` in the script on: loading would take all day.
 *
 * Prints how many allocations were refused; 1 and the reason when something is wrong. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_core.h"

int luaopen_cjson(lua_State *L);

/* Counts down; the allocation that finds it at 1 is refused. 0: none is. */
static long refuse_lua, refuse_units;
static long collect_step; /* of Lua's objects, every how many-th is refused at first; 0: none */
static long collect_next, collected;
static bool refused;
static size_t held; /* bytes that the state has */

static bool refuse(long *countdown)
{
    if (*countdown == 0 || --*countdown > 0)
        return false;
    refused = true;
    return true;
}

/* What the linker puts in the place of the units' own calls. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return refuse(&refuse_units) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse(&refuse_units) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refuse(&refuse_units) ? NULL : __real_realloc(old, size);
}

static void *allocate(void *user, void *block, size_t old, size_t size)
{
    (void)user;
    bool object = block == NULL && old > 0; /* Lua says which kind; a buffer of lauxlib has none */
    old = block != NULL ? old : 0;
    if (size == 0) {
        free(block);
        held -= old;
        return NULL;
    }
    if (size > old && refuse(&refuse_lua))
        return NULL;
    if (object && collect_next > 0 && --collect_next == 0) {
        collect_next = collect_step + 1; /* the next one is the same again, and gets what it wants */
        collected++;
        return NULL;
    }
    void *made = __real_realloc(block, size);
    if (made != NULL)
        held += size - old;
    return made;
}

/* collect(): from here on every allocation collects; nothing where the sweep does not. */
static int start_collecting(lua_State *L)
{
    (void)L;
    collect_next = collect_step;
    return 0;
}

static int run(lua_State *L)
{
    const char *script = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_register(L, "collect", start_collecting);
    long units = refuse_units; /* lua-cjson ends the process where it gets no memory */
    refuse_units = 0;
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    refuse_units = units;
    luaL_requiref(L, "tagua.core", luaopen_tagua_core, 0);
    lua_settop(L, 0);
    if (luaL_loadfile(L, script) != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

/* One run -> whether an allocation was refused. Ends the process when something is wrong. */
static bool once(const char *script, long lua, long units)
{
    refused = false;
    refuse_lua = 0;
    refuse_units = 0;
    held = 0;
    lua_State *L = lua_newstate(allocate, NULL);
    if (L == NULL)
        exit(1);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, (void *)(size_t)script);
    refuse_lua = lua;
    refuse_units = units;
    int status = lua_pcall(L, 1, 0, 0);
    refuse_lua = 0;
    refuse_units = 0;
    const char *message = status == LUA_OK ? "" : luaL_tolstring(L, -1, NULL);
    if (status != LUA_OK && strstr(message, "memory") == NULL) {
        fprintf(stderr, "allocation %ld of Lua, %ld of the units refused: %s\n", lua, units, message);
        exit(1);
    }
    collect_next = 0;
    lua_close(L);
    if (held != 0) {
        fprintf(stderr, "allocation %ld of Lua, %ld of the units refused: %zu bytes are left\n", lua,
                units, held);
        exit(1);
    }
    return refused;
}

int main(int count, char **arguments)
{
    long lua = 1, units = 1;
    bool collecting = count > 2 && strcmp(arguments[1], "--collect") == 0;
    count -= collecting;
    arguments += collecting;
    long step = count == 3 ? strtol(arguments[2], NULL, 10) : 1;
    if (count < 2 || count > 3 || step < 1)
        return 2;
    collect_step = collecting ? step : 0;
    once(arguments[1], 0, 0);
    if (collecting) {
        printf("everything was collected %ld times\n", collected);
        return collected > 0 ? 0 : 1;
    }
    while (once(arguments[1], lua, 0))
        lua += step;
    while (once(arguments[1], 0, units))
        units++;
    printf("%ld allocations of Lua and %ld of the units refused\n", lua / step, units - 1);
    return 0;
}
