/* Binding: the verdict table for Lua, as the engine reads it: for the tables of specs, for modules
 * that want to know what a platform code means. Holds no state. */
#include <string.h>

#include "lua_support.h"
#include "lua_verdict.h"

#define ROWS_MAX 4096

size_t tagua_lua_verdict_rows(lua_State *L, int index, const char *name,
                              struct tagua_verdict_row **rows)
{
    size_t count = 0;
    index = lua_absindex(L, index);
    *rows = NULL;
    if (lua_getfield(L, index, name) == LUA_TNIL)
        return 0;
    if (lua_type(L, -1) != LUA_TTABLE)
        luaL_error(L, "option '%s' must be a table, got %s", name, luaL_typename(L, -1));
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        if (++count > ROWS_MAX)
            luaL_error(L, "option '%s' has more than %d rows", name, ROWS_MAX);
    }
    /* The userdata is left on the stack: it is what keeps the rows. */
    struct tagua_verdict_row *made = lua_newuserdatauv(L, (count + 1) * sizeof *made, 0);
    size_t next = 0;
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) {
        struct tagua_error error;
        if (!lua_isinteger(L, -2) || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "option '%s' maps platform codes (whole numbers) to verdicts (strings)",
                       name);
        if (next == count)
            luaL_error(L, "option '%s' changed while it was read", name);
        made[next].platform_code = lua_tointeger(L, -2);
        if (tagua_verdict_parse(lua_tostring(L, -1), &made[next].verdict, &error) != 0)
            luaL_error(L, "option '%s': %s", name, error.message);
        next++;
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
    tagua_verdict_sort(made, next);
    *rows = made;
    return next;
}

static int choose(lua_State *L, const char *name, const char *otherwise, const char *const names[])
{
    const char *value = tagua_lua_text_option(L, 1, name, otherwise);
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], value) == 0)
            return i;
    return luaL_error(L, "option '%s' does not know '%s'", name, value);
}

/* verdict.of{ transport="answered", status=, envelope="none"|"broken"|"success"|"error",
 * platform_code=, repeatable=, codes= } -> verdict, code|nil */
static int verdict_of(lua_State *L)
{
    static const char *const transports[] = {"answered",  "unreached", "untrusted", "lost",
                                             "timed out", "too large", "refused",   NULL};
    static const char *const envelopes[] = {"none", "broken", "success", "error", NULL};
    struct tagua_verdict_row *rows;
    struct tagua_verdict_input input = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    input.transport = (enum tagua_transport)choose(L, "transport", "answered", transports);
    input.envelope = (enum tagua_envelope)choose(L, "envelope", "none", envelopes);
    input.status = (int)tagua_lua_integer_option(L, 1, "status", 0);
    input.repeatable = tagua_lua_boolean_option(L, 1, "repeatable", false);
    input.has_platform_code = lua_getfield(L, 1, "platform_code") != LUA_TNIL;
    input.platform_code = tagua_lua_integer_option(L, 1, "platform_code", 0);
    input.row_count = tagua_lua_verdict_rows(L, 1, "codes", &rows);
    input.rows = rows;
    struct tagua_verdict verdict = tagua_verdict_of(&input);
    lua_pushstring(L, tagua_verdict_name(verdict.kind));
    if (verdict.code[0] == '\0')
        return 1;
    lua_pushstring(L, verdict.code);
    return 2;
}

int tagua_lua_open_verdict(lua_State *L);

int tagua_lua_open_verdict(lua_State *L)
{
    static const luaL_Reg functions[] = {{"of", verdict_of}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
