/* What the rule VM's records look like: the schema, the reader and the run's moments, made out of what
 * the command says and freed with it. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "lua_values.h"
#include "sandbox_state.h"
#include "zone.h"

enum { DAYS_MOST = 4000 }; /* later moments at which records are decided again */

void tagua_sandbox_forget_input(struct tagua_sandbox *sandbox)
{
    tagua_reader_free(sandbox->reader);
    tagua_schema_free(sandbox->schema);
    free(sandbox->present);
    free(sandbox->shown);
    free(sandbox->days);
    free(sandbox->before);
    sandbox->days = NULL;
    sandbox->before = NULL;
    sandbox->day_count = 0;
    sandbox->reader = NULL;
    sandbox->schema = NULL;
    sandbox->present = NULL;
    sandbox->shown = NULL;
    tagua_buffer_free(&sandbox->rows);
    tagua_buffer_free(&sandbox->rejected);
    tagua_buffer_free(&sandbox->failures);
    tagua_buffer_free(&sandbox->changes);
}

struct input_call {
    struct tagua_sandbox *sandbox;
    const char *bytes;
    size_t length;
    struct tagua_error *error;
    int result;
};

static const char *text_at(lua_State *L, int table, const char *name, const char *otherwise)
{
    lua_getfield(L, table, name); /* stays on the stack, and so does its text */
    return lua_isnil(L, -1) ? otherwise : luaL_checkstring(L, -1);
}

/* Builds the schema out of the language's fields (on the stack at `list`) and the options. Texts
 * stay on the stack or in tables until the schema has copied them. */
static int make_schema(lua_State *L, struct input_call *call, int given, int list)
{
    struct tagua_sandbox *sandbox = call->sandbox;
    size_t count = sandbox->fields;
    luaL_checkstack(L, (int)count * 5 + 20, "the fields");
    struct tagua_schema_options options;
    memset(&options, 0, sizeof options);
    const char *format = text_at(L, given, "format", "csv");
    options.format = strcmp(format, "jsonl") == 0 ? TAGUA_JSONL : TAGUA_CSV;
    options.delimiter = text_at(L, given, "delimiter", ",")[0];
    options.id = text_at(L, given, "id", "id");
    lua_getfield(L, given, "header");
    if (lua_istable(L, -1)) {
        int header = lua_gettop(L);
        size_t columns = lua_rawlen(L, header);
        const char **names = lua_newuserdatauv(L, (columns + 1) * sizeof *names, 0);
        for (size_t i = 0; i < columns; i++) {
            lua_rawgeti(L, header, (lua_Integer)i + 1);
            names[i] = luaL_checkstring(L, -1);
            lua_pop(L, 1); /* the table keeps it */
        }
        options.header = names;
        options.header_count = columns;
    }
    struct tagua_field *fields = lua_newuserdatauv(L, (count + 1) * sizeof *fields, 0);
    memset(fields, 0, (count + 1) * sizeof *fields);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        int field = lua_gettop(L);
        fields[i].name = text_at(L, field, "name", NULL);
        fields[i].source = text_at(L, field, "source", NULL);
        fields[i].type = (enum tagua_field_type)tagua_field_type(text_at(L, field, "type", ""));
        fields[i].format = text_at(L, field, "format", NULL);
        lua_getfield(L, field, "roc");
        fields[i].roc = lua_toboolean(L, -1);
    }
    options.fields = fields;
    options.field_count = count;
    options.zone = sandbox->zone;
    sandbox->schema = tagua_schema_new(&options, call->error);
    if (sandbox->schema == NULL)
        return -1;
    sandbox->reader = tagua_reader_new(sandbox->schema, call->error);
    if (sandbox->reader == NULL)
        return -1;
    sandbox->present = calloc(count + 1, sizeof *sandbox->present);
    sandbox->shown = calloc(count + 1, sizeof *sandbox->shown);
    if (sandbox->present == NULL || sandbox->shown == NULL)
        return tagua_error_set(call->error, "EIO", "out of memory");
    return 0;
}

/* Reads the later moments out of the options. */
static int take_days(lua_State *L, struct input_call *call, int given)
{
    struct tagua_sandbox *sandbox = call->sandbox;
    lua_getfield(L, given, "days");
    size_t count = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
    if (count > DAYS_MOST)
        return tagua_error_set(call->error, "EINPUT", "%zu moments are more than %d", count,
                               DAYS_MOST);
    sandbox->days = calloc(count + 1, sizeof *sandbox->days);
    sandbox->before = calloc(sandbox->tags + 1, 1);
    if (sandbox->days == NULL || sandbox->before == NULL)
        return tagua_error_set(call->error, "EIO", "out of memory");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        sandbox->days[i] = lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    sandbox->day_count = count;
    return 0;
}

static int set_input(lua_State *L)
{
    struct input_call *call = lua_touserdata(L, 1);
    call->result = -1;
    if (tagua_lua_values_read(L, call->bytes, call->length, call->error) == 0)
        return 0;
    int given = lua_gettop(L);
    luaL_checktype(L, given, LUA_TTABLE);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);
    int language = lua_gettop(L);
    lua_getfield(L, language, "clock");
    lua_getfield(L, given, "at");
    call->sandbox->now = luaL_checkinteger(L, -1);
    lua_call(L, 1, 0);
    if (take_days(L, call, given) != 0)
        return 0;
    const char *zone = text_at(L, language, "zone_name", "Asia/Taipei");
    if (call->sandbox->zone == NULL) /* once: later a worker can open no file */
        call->sandbox->zone = tagua_zone_open(zone, call->error);
    if (call->sandbox->zone == NULL)
        return 0;
    lua_getfield(L, language, "fields");
    call->result = make_schema(L, call, given, lua_gettop(L));
    return 0;
}

int tagua_sandbox_input(struct tagua_sandbox *sandbox, const char *options, size_t length,
                        struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    if (sandbox->failed == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    tagua_sandbox_forget_input(sandbox);
    struct input_call call = {sandbox, options, length, error, -1};
    lua_pushcfunction(L, set_input);
    lua_pushlightuserdata(L, &call);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        tagua_error_set(error, "EPROTOCOL", "telling a worker what records look like: %s",
                        message != NULL ? message : "no reason");
        lua_pop(L, 1);
        return -1;
    }
    tagua_buffer_init(&sandbox->rows, TAGUA_SANDBOX_BLOCK_MOST);
    tagua_buffer_init(&sandbox->rejected, TAGUA_SANDBOX_BLOCK_MOST);
    tagua_buffer_init(&sandbox->failures, TAGUA_SANDBOX_BLOCK_MOST);
    tagua_buffer_init(&sandbox->changes, TAGUA_SANDBOX_BLOCK_MOST);
    return call.result;
}
