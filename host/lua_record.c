/* Binding: records as Lua tables, for who reads few of them; workers use the C reader. A userdata
 * owns a schema and its reader, and keeps its zone alive. */
#include <string.h>

#include "lua_record.h"
#include "lua_support.h"

static const char reader_class[] = "tagua.record.reader";

struct holder {
    struct tagua_schema *schema; /* NULL once closed */
    struct tagua_reader *reader;
};

enum tagua_format tagua_lua_format_option(lua_State *L, int index)
{
    const char *format = tagua_lua_text_option(L, index, "format", "");
    if (strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0)
        luaL_error(L, "option 'format' must be \"csv\" or \"jsonl\", got '%s'", format);
    return format[0] == 'c' ? TAGUA_CSV : TAGUA_JSONL;
}

char tagua_lua_delimiter_option(lua_State *L, int index)
{
    const char *delimiter = tagua_lua_text_option(L, index, "delimiter", ",");
    if (delimiter[0] == '\0' || delimiter[1] != '\0')
        luaL_error(L, "option 'delimiter' must be one ASCII character, got '%s'", delimiter);
    return delimiter[0];
}

static struct holder *check_reader(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, reader_class);
    luaL_argcheck(L, holder->schema != NULL, 1, "the reader is closed");
    return holder;
}

static int reader_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, reader_class);
    tagua_reader_free(holder->reader);
    tagua_schema_free(holder->schema);
    holder->reader = NULL;
    holder->schema = NULL;
    return 0;
}

/* The array of tables or strings called `name`; its length, 0 when it is missing. Leaves it on the
 * stack. */
static size_t array_option(lua_State *L, const char *name)
{
    int type = lua_getfield(L, 1, name);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "option '%s' must be an array", name);
    size_t count = type == LUA_TNIL ? 0 : lua_rawlen(L, -1);
    if (count > 10000)
        luaL_error(L, "option '%s' has more than 10000 entries", name);
    return count;
}

/* Reads options.fields into memory of Lua's; the strings stay the table's. */
static struct tagua_field *check_fields(lua_State *L, size_t *count)
{
    *count = array_option(L, "fields");
    int array = lua_gettop(L);
    struct tagua_field *fields = lua_newuserdatauv(L, (*count + 1) * sizeof *fields, 0);
    for (size_t i = 0; i < *count; i++) {
        if (lua_rawgeti(L, array, (lua_Integer)i + 1) != LUA_TTABLE)
            luaL_error(L, "every field must be a table");
        int field = lua_gettop(L);
        const char *type = tagua_lua_text_option(L, field, "type", "text");
        int number = tagua_field_type(type);
        fields[i].name = tagua_lua_text_option(L, field, "name", NULL);
        if (fields[i].name == NULL)
            luaL_error(L, "field %d has no name", (int)i + 1);
        if (number < 0)
            luaL_error(L, "the type of the field '%s' is not known: '%s'", fields[i].name, type);
        fields[i].type = (enum tagua_field_type)number;
        fields[i].source = tagua_lua_text_option(L, field, "source", fields[i].name);
        fields[i].format = tagua_lua_text_option(L, field, "format", NULL);
        fields[i].roc = tagua_lua_boolean_option(L, field, "roc", false);
        lua_pop(L, 1);
    }
    return fields;
}

/* Reads options.header likewise. */
static const char **check_header(lua_State *L, size_t *count)
{
    *count = array_option(L, "header");
    int array = lua_gettop(L);
    const char **header = lua_newuserdatauv(L, (*count + 1) * sizeof *header, 0);
    for (size_t i = 0; i < *count; i++) {
        if (lua_rawgeti(L, array, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "every column of the header must be a string");
        header[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return header;
}

/* record.reader{ format = "csv" | "jsonl", delimiter = ",", header = { columns }, id = "id",
 * fields = { { name =, source =, type =, format =, roc = } }, zone = zone | nil for UTC }
 * -> reader | nil, message, "EINPUT" (a missing column) | "ECONFIG" (a date's format). */
static int reader_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct tagua_schema_options options = {
        .format = tagua_lua_format_option(L, 1),
        .delimiter = tagua_lua_delimiter_option(L, 1),
        .id = tagua_lua_text_option(L, 1, "id", "id"),
    };
    options.fields = check_fields(L, &options.field_count);
    options.header = check_header(L, &options.header_count);
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 2);
    memset(holder, 0, sizeof *holder);
    luaL_setmetatable(L, reader_class);
    int self = lua_gettop(L);
    if (lua_getfield(L, 1, "zone") != LUA_TNIL) {
        options.zone = tagua_lua_check_zone(L, -1);
        lua_setiuservalue(L, self, 1);
    }
    /* The names of the fields, which become the keys of the records' tables. */
    lua_createtable(L, (int)options.field_count, 0);
    for (size_t i = 0; i < options.field_count; i++) {
        lua_pushstring(L, options.fields[i].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, (lua_Integer)options.field_count);
    lua_setfield(L, -2, "n");
    lua_setiuservalue(L, self, 2);
    struct tagua_error error;
    holder->schema = tagua_schema_new(&options, &error);
    if (holder->schema == NULL)
        return tagua_lua_fail(L, &error);
    holder->reader = tagua_reader_new(holder->schema, &error);
    if (holder->reader == NULL)
        return tagua_lua_fail(L, &error);
    lua_settop(L, self);
    return 1;
}

/* Sets table[part][name] to the value on top of the stack, and pops it. */
static void set_in(lua_State *L, int table, const char *part, int names, lua_Integer field)
{
    lua_getfield(L, table, part);
    lua_rawgeti(L, names, field);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

static void push_record(lua_State *L, const struct tagua_record *record, int names,
                        lua_Integer count)
{
    static const char *const parts[] = {"values", "empty", "absent", "bad"};
    lua_createtable(L, 0, 6);
    int table = lua_gettop(L);
    lua_pushinteger(L, record->line);
    lua_setfield(L, table, "line");
    lua_pushlstring(L, record->id, record->id_length);
    lua_setfield(L, table, "id");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        lua_newtable(L);
        lua_setfield(L, table, parts[i]);
    }
    for (lua_Integer i = 1; i <= count; i++) {
        const struct tagua_value *value = &record->values[i - 1];
        const char *part = "values";
        switch (value->state) {
        case TAGUA_VALUE_ABSENT:
            part = "absent";
            lua_pushboolean(L, 1);
            break;
        case TAGUA_VALUE_EMPTY:
            part = "empty";
            lua_pushboolean(L, 1);
            break;
        case TAGUA_VALUE_BAD:
            part = "bad";
            lua_pushlstring(L, value->text, value->length);
            break;
        case TAGUA_VALUE_TEXT: lua_pushlstring(L, value->text, value->length); break;
        case TAGUA_VALUE_NUMBER: lua_pushnumber(L, value->number); break;
        case TAGUA_VALUE_BOOLEAN: lua_pushboolean(L, value->boolean); break;
        case TAGUA_VALUE_INTEGER:
        case TAGUA_VALUE_DATE: lua_pushinteger(L, value->integer); break;
        }
        set_in(L, table, part, names, i);
    }
}

static void push_rejected(lua_State *L, const struct tagua_record *record)
{
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, record->line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, record->column);
    lua_setfield(L, -2, "column");
    lua_pushstring(L, record->message);
    lua_setfield(L, -2, "message");
}

/* r:read(chunk[, first_line = 1]) -> array of { line =, id =, values = { field = value },
 * empty = { field = true }, absent = { field = true }, bad = { field = text } }, and of
 * { line =, column =, message = } for a record that is rejected. */
static int reader_read(lua_State *L)
{
    struct holder *holder = check_reader(L);
    size_t length;
    const char *chunk = luaL_checklstring(L, 2, &length);
    int64_t first_line = luaL_optinteger(L, 3, 1);
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, 2);
    int names = lua_gettop(L);
    lua_getfield(L, names, "n");
    lua_Integer count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_newtable(L);
    struct tagua_record record;
    tagua_reader_open(holder->reader, chunk, length, first_line);
    for (lua_Integer i = 1;; i++) {
        int outcome = tagua_reader_next(holder->reader, &record);
        if (outcome == 0)
            return 1;
        if (outcome > 0)
            push_record(L, &record, names, count);
        else
            push_rejected(L, &record);
        lua_rawseti(L, -2, i);
    }
}

int tagua_lua_open_record(lua_State *L);

int tagua_lua_open_record(lua_State *L)
{
    static const luaL_Reg methods[] = {{"read", reader_read}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"reader", reader_new}, {NULL, NULL}};
    tagua_lua_class(L, reader_class, methods, reader_close);
    luaL_newlib(L, functions);
    tagua_lua_add_splitter(L);
    tagua_lua_add_seen(L);
    return 1;
}
