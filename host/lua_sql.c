/* Binding: core.sql. A database keeps its statements alive no longer than itself; a statement
 * keeps its database from being collected. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lua_sql_state.h"
#include "lua_support.h"

#define DATABASE "tagua.sql.database"
#define CURSOR "tagua.sql.cursor"

/* One loop over rows. User value 1 is the statement. */
struct cursor {
    struct statement *statement;
    lua_Integer run;
};

static struct database *check_database(lua_State *L)
{
    struct database *database = luaL_checkudata(L, 1, DATABASE);
    if (database->db == NULL)
        luaL_error(L, "the database is closed");
    return database;
}

/* The database frees its statements when it is closed: one that was prepared by a finalizer while the
 * state closed has no finalizer of its own. */
static bool is_open(const struct statement *statement)
{
    return statement->statement != NULL && statement->database->db != NULL;
}

struct statement *tagua_lua_sql_check(lua_State *L)
{
    struct statement *statement = luaL_checkudata(L, 1, STATEMENT);
    if (statement->statement == NULL)
        luaL_error(L, "the statement is closed");
    if (!is_open(statement))
        luaL_error(L, "the database of this statement is closed");
    return statement;
}

/* sql.open(path, { readonly = false, create = true, durability = "full"|"normal"|"none",
 * busy = seconds (5), cache = MiB (8) }) -> database | nil, message, code */
static int sql_open(lua_State *L)
{
    size_t length;
    const char *path = luaL_checklstring(L, 1, &length);
    luaL_argcheck(L, strlen(path) == length, 1, "path holds a NUL byte");
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    static const char *const known[] = {"readonly", "create", "durability", "busy", "cache", NULL};
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        int i = 0;
        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] == NULL)
            return luaL_error(L, "unknown option '%s': it may be readonly, create, durability, "
                              "busy or cache", name);
    }
    const char *durability = tagua_lua_text_option(L, 2, "durability", "full");
    double busy = tagua_lua_number_option(L, 2, "busy", 5);
    int64_t cache = tagua_lua_integer_option(L, 2, "cache", 8);
    luaL_argcheck(L, busy >= 0 && busy <= 3600, 2, "option 'busy' must be 0 to 3600 seconds");
    luaL_argcheck(L, cache >= 1 && cache <= 1024, 2, "option 'cache' must be 1 to 1024 MiB");
    struct tagua_sql_options options = {
        .readonly = tagua_lua_boolean_option(L, 2, "readonly", false),
        .create = tagua_lua_boolean_option(L, 2, "create", true),
        .busy_milliseconds = (int)(busy * 1000),
        .cache_kib = (int)(cache * 1024),
    };
    if (strcmp(durability, "full") == 0)
        options.durability = TAGUA_SQL_DURABLE;
    else if (strcmp(durability, "normal") == 0)
        options.durability = TAGUA_SQL_ORDERED;
    else if (strcmp(durability, "none") == 0)
        options.durability = TAGUA_SQL_FAST;
    else
        return luaL_error(L, "option 'durability' must be 'full', 'normal' or 'none', got '%s'",
                          durability);
    struct database *database = lua_newuserdatauv(L, sizeof *database, 0);
    database->db = NULL;
    luaL_setmetatable(L, DATABASE);
    struct tagua_error error;
    if (tagua_sql_open(path, &options, &database->db, &error) != 0)
        return tagua_lua_fail(L, &error);
    return 1;
}

static int database_close(lua_State *L)
{
    struct database *database = luaL_checkudata(L, 1, DATABASE);
    tagua_sql_close(database->db);
    database->db = NULL;
    return 0;
}

/* db:exec(text) -> true | nil, message, code. One statement or more, without parameters. */
static int database_exec(lua_State *L)
{
    struct database *database = check_database(L);
    struct tagua_error error;
    if (tagua_sql_exec(database->db, luaL_checkstring(L, 2), &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* db:prepare(text) -> statement | nil, message, code. Exactly one statement. */
static int database_prepare(lua_State *L)
{
    struct database *database = check_database(L);
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    struct statement *statement = lua_newuserdatauv(L, sizeof *statement, 1);
    *statement = (struct statement){.database = database};
    luaL_setmetatable(L, STATEMENT);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    struct tagua_error error;
    if (tagua_sql_prepare(database->db, text, length, &statement->statement, &error) != 0)
        return tagua_lua_fail(L, &error);
    statement->parameters = tagua_sql_parameters(statement->statement);
    statement->columns = tagua_sql_columns(statement->statement);
    statement->reads_only = tagua_sql_reads_only(statement->statement);
    return 1;
}

/* db:begin() -> true | nil, message, code. The transaction may write from here on. */
static int database_begin(lua_State *L)
{
    struct database *database = check_database(L);
    if (tagua_sql_in_transaction(database->db))
        return luaL_error(L, "a transaction is open already: commit or roll it back first");
    struct tagua_error error;
    if (tagua_sql_begin(database->db, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* db:commit() -> true | nil, message, code; after a failure nothing of it has happened. */
static int database_commit(lua_State *L)
{
    struct database *database = check_database(L);
    if (!tagua_sql_in_transaction(database->db))
        return luaL_error(L, "there is no transaction to commit");
    struct tagua_error error;
    if (tagua_sql_commit(database->db, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* db:rollback() -> true. */
static int database_rollback(lua_State *L)
{
    struct database *database = check_database(L);
    if (!tagua_sql_in_transaction(database->db))
        return luaL_error(L, "there is no transaction to roll back");
    tagua_sql_rollback(database->db);
    lua_pushboolean(L, 1);
    return 1;
}

/* db:transaction(f) -> what f returns (true when it returns nothing), committed; when f raises or
 * returns nil and a message, it is rolled back and that goes on to the caller. */
static int database_transaction(lua_State *L)
{
    struct database *database = check_database(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (tagua_sql_in_transaction(database->db))
        return luaL_error(L, "a transaction is open already: commit or roll it back first");
    struct tagua_error error;
    if (tagua_sql_begin(database->db, &error) != 0)
        return tagua_lua_fail(L, &error);
    int status = lua_pcall(L, 0, LUA_MULTRET, 0);
    if (database->db == NULL)
        return luaL_error(L, "the database was closed inside its transaction");
    bool failed = status != LUA_OK || (lua_gettop(L) >= 3 && !lua_toboolean(L, 2));
    if (failed) {
        tagua_sql_rollback(database->db);
        return status != LUA_OK ? lua_error(L) : lua_gettop(L) - 1;
    }
    if (tagua_sql_commit(database->db, &error) != 0)
        return tagua_lua_fail(L, &error);
    if (lua_gettop(L) == 1)
        lua_pushboolean(L, 1);
    return lua_gettop(L) - 1;
}

/* db:in_transaction() -> boolean. */
static int database_in_transaction(lua_State *L)
{
    lua_pushboolean(L, tagua_sql_in_transaction(check_database(L)->db));
    return 1;
}

/* db:check() -> true | nil, what is damaged, code. Reads the whole file. */
static int database_check(lua_State *L)
{
    struct database *database = check_database(L);
    struct tagua_error error;
    if (tagua_sql_check(database->db, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

static int statement_close(lua_State *L)
{
    struct statement *statement = luaL_checkudata(L, 1, STATEMENT);
    if (is_open(statement))
        tagua_sql_finish(statement->statement);
    statement->statement = NULL;
    return 0;
}

/* Binds what is at the stack index; nil is null. Uncopied texts must stay on the stack, or in a
 * table that does, until the statement is reset. */
void tagua_lua_sql_bind(lua_State *L, struct statement *statement, int parameter, int index,
                       bool copy)
{
    int status = -1;
    size_t length;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        status = tagua_sql_bind_null(statement->statement, parameter);
        break;
    case LUA_TBOOLEAN:
        status = tagua_sql_bind_integer(statement->statement, parameter, lua_toboolean(L, index));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            status =
                tagua_sql_bind_integer(statement->statement, parameter, lua_tointeger(L, index));
        } else {
            luaL_argcheck(L, !isnan(lua_tonumber(L, index)), index, "not a number (NaN)");
            status = tagua_sql_bind_real(statement->statement, parameter, lua_tonumber(L, index));
        }
        break;
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, index, &length);
        luaL_argcheck(L, length < TAGUA_SQL_MAX_TEXT, index, "text is too long (64 MiB)");
        status = tagua_sql_bind_text(statement->statement, parameter, text, length, copy);
        break;
    }
    default:
        luaL_error(L, "parameter %d must be nil, a boolean, a number or a string, got %s",
                   parameter, luaL_typename(L, index));
    }
    if (status != 0)
        luaL_error(L, "parameter %d could not be bound: out of memory", parameter);
}

/* Binds the arguments from stack index 2 on: every parameter has one, nil is null.
 * Uncopied texts stay valid because the arguments stay on the stack. */
void tagua_lua_sql_arguments(lua_State *L, struct statement *statement, bool copy)
{
    int given = lua_gettop(L) - 1;
    if (given != statement->parameters)
        luaL_error(L, "the statement has %d parameters, got %d", statement->parameters, given);
    statement->runs++;
    tagua_sql_reset(statement->statement);
    for (int i = 1; i <= given; i++)
        tagua_lua_sql_bind(L, statement, i, i + 1, copy);
}

/* Pushes a column of the current row; null is nil. */
void tagua_lua_sql_push(lua_State *L, const struct statement *statement, int column)
{
    size_t length;
    const char *text;
    switch (tagua_sql_kind(statement->statement, column)) {
    case TAGUA_SQL_INTEGER:
        lua_pushinteger(L, tagua_sql_integer(statement->statement, column));
        break;
    case TAGUA_SQL_REAL:
        lua_pushnumber(L, tagua_sql_real(statement->statement, column));
        break;
    case TAGUA_SQL_TEXT:
        text = tagua_sql_text(statement->statement, column, &length);
        lua_pushlstring(L, text, length);
        break;
    default:
        lua_pushnil(L);
    }
}

/* Pushes the current row. Its first column may not be null: nil means that there is no row. */
static int push_row(lua_State *L, struct statement *statement)
{
    luaL_checkstack(L, statement->columns, "too many columns");
    for (int i = 0; i < statement->columns; i++) {
        tagua_lua_sql_push(L, statement, i);
        if (i == 0 && lua_isnil(L, -1)) {
            tagua_sql_reset(statement->statement);
            luaL_error(L, "the first column of a row is null, which reads like no row: "
                          "put another column before it");
        }
    }
    return statement->columns;
}

/* st:run(...) -> rows changed | nil, message, code. */
static int statement_run(lua_State *L)
{
    struct statement *statement = tagua_lua_sql_check(L);
    tagua_lua_sql_arguments(L, statement, false);
    struct tagua_error error;
    int row;
    while ((row = tagua_sql_step(statement->statement, &error)) == 1)
        ;
    tagua_sql_reset(statement->statement);
    if (row < 0)
        return tagua_lua_fail(L, &error);
    lua_pushinteger(L, statement->reads_only ? 0 : tagua_sql_changes(statement->database->db));
    return 1;
}

/* st:row(...) -> the columns of the first row; nothing when there is none; nil, message, code. */
static int statement_row(lua_State *L)
{
    struct statement *statement = tagua_lua_sql_check(L);
    tagua_lua_sql_arguments(L, statement, false);
    struct tagua_error error;
    int row = tagua_sql_step(statement->statement, &error);
    int pushed = row == 1 ? push_row(L, statement) : 0;
    if (!statement->reads_only)
        while (row == 1)
            row = tagua_sql_step(statement->statement, &error);
    tagua_sql_reset(statement->statement);
    return row < 0 ? tagua_lua_fail(L, &error) : pushed;
}

static int cursor_next(lua_State *L)
{
    struct cursor *cursor = luaL_checkudata(L, 1, CURSOR);
    struct statement *statement = cursor->statement;
    if (!is_open(statement))
        return luaL_error(L, "the statement was closed while its rows were read");
    if (cursor->run == 0)
        return 0;
    if (cursor->run != statement->runs)
        return luaL_error(L, "the statement was run again while its rows were read: prepare "
                          "another one");
    struct tagua_error error;
    int row = tagua_sql_step(statement->statement, &error);
    if (row == 1)
        return push_row(L, statement);
    cursor->run = 0;
    tagua_sql_reset(statement->statement);
    return row == 0 ? 0 : luaL_error(L, "%s", error.message);
}

/* Lets go of the rows when the loop is left early. */
static int cursor_close(lua_State *L)
{
    struct cursor *cursor = luaL_checkudata(L, 1, CURSOR);
    struct statement *statement = cursor->statement;
    if (cursor->run != 0 && cursor->run == statement->runs && is_open(statement))
        tagua_sql_reset(statement->statement);
    cursor->run = 0;
    return 0;
}

/* for a, b in st:rows(...) do: the columns of each row. Reading that fails raises, since a loop
 * that just ended would look like the end of the rows. */
static int statement_rows(lua_State *L)
{
    struct statement *statement = tagua_lua_sql_check(L);
    tagua_lua_sql_arguments(L, statement, true);
    lua_pushcfunction(L, cursor_next);
    struct cursor *cursor = lua_newuserdatauv(L, sizeof *cursor, 1);
    *cursor = (struct cursor){.statement = statement};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, CURSOR);
    cursor->run = statement->runs;
    lua_pushnil(L);
    lua_pushvalue(L, -2);
    return 4;
}

int tagua_lua_open_sql(lua_State *L);

int tagua_lua_open_sql(lua_State *L)
{
    static const luaL_Reg database_methods[] = {
        {"exec", database_exec},
        {"prepare", database_prepare},
        {"begin", database_begin},
        {"commit", database_commit},
        {"rollback", database_rollback},
        {"transaction", database_transaction},
        {"in_transaction", database_in_transaction},
        {"check", database_check},
        {NULL, NULL},
    };
    static const luaL_Reg statement_methods[] = {
        {"run", statement_run},
        {"row", statement_row},
        {"rows", statement_rows},
        {"many", tagua_lua_sql_many},
        {"letters", tagua_lua_sql_letters},
        {"tally", tagua_lua_sql_tally},
        {NULL, NULL},
    };
    static const luaL_Reg cursor_methods[] = {{NULL, NULL}};
    static const luaL_Reg functions[] = {{"open", sql_open}, {NULL, NULL}};
    tagua_lua_class(L, DATABASE, database_methods, database_close);
    tagua_lua_class(L, STATEMENT, statement_methods, statement_close);
    tagua_lua_class(L, CURSOR, cursor_methods, cursor_close);
    luaL_newlib(L, functions);
    return 1;
}
