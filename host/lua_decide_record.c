/* The record that rules read: an empty table that looks into a reused one, and notices every read
 * of a field that has no value. Holds nothing of its own. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua_decide_state.h"

/* The position of the field whose name is at `name`, or -1. */
static ptrdiff_t find_field(lua_State *L, int index, int name)
{
    index = lua_absindex(L, index);
    name = lua_absindex(L, name);
    lua_getiuservalue(L, index, SLOT_POSITIONS);
    lua_pushvalue(L, name);
    ptrdiff_t position = -1;
    if (!lua_isnil(L, name) && lua_rawget(L, -2) == LUA_TNUMBER)
        position = (ptrdiff_t)lua_tointeger(L, -1) - 1;
    lua_pop(L, 2);
    return position;
}

/* Raises at the rule's line; the decision fails even if the rule catches the error. */
static int undeclared(lua_State *L, int index, int name)
{
    struct tagua_decider *decider = lua_touserdata(L, index);
    if (lua_type(L, name) != LUA_TSTRING)
        return luaL_error(L, "a record is read by the name of a field, not by a %s",
                          luaL_typename(L, name));
    luaL_where(L, 1);
    lua_getiuservalue(L, index, SLOT_HINT);
    lua_pushvalue(L, name);
    lua_call(L, 1, 1);
    lua_pushfstring(L, "the field '%s' is not declared in fields { }%s", lua_tostring(L, name),
                    lua_tostring(L, -1));
    lua_remove(L, -2);
    lua_concat(L, 2);
    snprintf(decider->complaint, sizeof decider->complaint, "%s", lua_tostring(L, -1));
    return lua_error(L);
}

/* __index of the values: reached only for fields that hold nothing. */
static int read_nothing(lua_State *L)
{
    int index = lua_upvalueindex(1);
    struct tagua_decider *decider = lua_touserdata(L, index);
    ptrdiff_t field = find_field(L, index, 2);
    if (field < 0)
        return undeclared(L, index, 2);
    uint8_t state = decider->states[field];
    if (decider->missing < 0 && (state == STATE_BAD || !decider->asked[field]))
        decider->missing = field;
    lua_pushnil(L);
    return 1;
}

/* __index of the record while the decider traces: notes the read, then reads. */
static int read_traced(lua_State *L)
{
    int index = lua_upvalueindex(1);
    struct tagua_decider *decider = lua_touserdata(L, index);
    ptrdiff_t field = find_field(L, index, 2);
    if (field < 0)
        return undeclared(L, index, 2);
    decider->reads[field] = 1;
    lua_getiuservalue(L, index, SLOT_VALUES);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) == LUA_TNIL)
        return read_nothing(L);
    return 1;
}

void tagua_decider_trace(lua_State *L, int index, bool on)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    memset(decider->reads, 0, decider->fields);
    lua_getiuservalue(L, index, SLOT_RECORD);
    lua_getmetatable(L, -1);
    if (on) {
        lua_pushvalue(L, index);
        lua_pushcclosure(L, read_traced, 1);
    } else {
        lua_getiuservalue(L, index, SLOT_VALUES);
    }
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

/* has(user, "city"): does the field have a value. Who asks has thought of the case that it has
 * none, so reading it then does not make the decision unknown. A value that does not fit does:
 * there is one, and nobody knows which. */
int tagua_decider_has(lua_State *L)
{
    int index = lua_upvalueindex(1);
    struct tagua_decider *decider = lua_touserdata(L, index);
    lua_getiuservalue(L, index, SLOT_RECORD);
    if (lua_gettop(L) < 2 || !lua_rawequal(L, 1, -1) || lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "has wants the user and the name of a field: has(user, \"city\")");
    ptrdiff_t field = find_field(L, index, 2);
    if (field < 0)
        return undeclared(L, index, 2);
    decider->reads[field] = 1;
    uint8_t state = decider->states[field];
    if (state == STATE_BAD) {
        if (decider->missing < 0)
            decider->missing = field;
    } else if (state != STATE_VALUE) {
        decider->asked[field] = 1;
        decider->has_asked = true;
    }
    lua_pushboolean(L, state == STATE_VALUE || state == STATE_BAD);
    return 1;
}

static int refuse_write(lua_State *L)
{
    return luaL_error(L, "a record cannot be written to: a rule only reads it (it wrote '%s')",
                      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static int refuse_walk(lua_State *L)
{
    return luaL_error(L, "a record cannot be walked or measured: read its fields by name");
}

static int answer_false(lua_State *L)
{
    lua_pushboolean(L, 0);
    return 1;
}

/* Pushes a metatable under which a table is a window that nobody can write through. The caller
 * adds the __index. */
static void push_window(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, refuse_walk);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, refuse_walk);
    lua_setfield(L, -2, "__len");
    lua_pushliteral(L, "record");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

void tagua_decider_make_record(lua_State *L, int index)
{
    lua_newtable(L); /* values, whose metatable knows the decider */
    lua_newtable(L);
    lua_pushvalue(L, index);
    lua_pushcclosure(L, read_nothing, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);

    lua_newtable(L); /* the record */
    push_window(L);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setiuservalue(L, index, SLOT_RECORD);
    lua_setiuservalue(L, index, SLOT_VALUES);

    lua_newtable(L); /* the window on a set of tags */
    push_window(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, SLOT_LOOK);
    lua_setmetatable(L, -2);
    lua_setiuservalue(L, index, SLOT_TAGSET);

    lua_newtable(L);
    lua_pushcfunction(L, answer_false);
    lua_setfield(L, -2, "__index");
    lua_setiuservalue(L, index, SLOT_FALSE);
}

/* Sets the field to what is on top of the stack, which may be nil, and pops it. */
static void store(lua_State *L, int index, size_t field)
{
    lua_getiuservalue(L, index, SLOT_VALUES);
    lua_getiuservalue(L, index, SLOT_NAMES);
    lua_rawgeti(L, -1, (lua_Integer)field + 1);
    lua_pushvalue(L, -4);
    lua_rawset(L, -4);
    lua_pop(L, 3);
}

void tagua_decider_set(lua_State *L, int index, size_t field)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    decider->states[field] = STATE_VALUE;
    if (decider->sets[field]) { /* the set goes behind the window */
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_getiuservalue(L, index, SLOT_FALSE);
        lua_setmetatable(L, -2);
        lua_getiuservalue(L, index, SLOT_LOOK);
        lua_insert(L, -2);
        lua_setfield(L, -2, "__index");
        lua_pop(L, 1);
        lua_getiuservalue(L, index, SLOT_TAGSET);
    }
    store(L, index, field);
}

void tagua_decider_empty(lua_State *L, int index, size_t field)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    decider->states[field] = STATE_EMPTY;
    lua_getiuservalue(L, index, SLOT_DEFAULTS);
    lua_rawgeti(L, -1, (lua_Integer)field + 1);
    lua_remove(L, -2);
    store(L, index, field);
}

static void store_nothing(lua_State *L, int index, size_t field, enum state state)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    decider->states[field] = (uint8_t)state;
    lua_pushnil(L);
    store(L, index, field);
}

void tagua_decider_bad(lua_State *L, int index, size_t field)
{
    store_nothing(L, index, field, STATE_BAD);
}

void tagua_decider_absent(lua_State *L, int index, size_t field)
{
    store_nothing(L, index, field, STATE_ABSENT);
}
