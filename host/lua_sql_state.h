/* What the parts of the SQL binding share: lua_sql.c has databases, statements and loops over rows,
 * lua_sql_many.c asks one question of many keys at once. Not for anybody else. */
#ifndef TAGUA_LUA_SQL_STATE_H
#define TAGUA_LUA_SQL_STATE_H

#include <lua.h>

#include "sql.h"

#define STATEMENT "tagua.sql.statement"

struct database {
    struct tagua_sql *db; /* NULL once closed */
};

struct statement {
    struct tagua_sql_statement *statement; /* NULL once closed; gone with the database, too */
    struct database *database;             /* alive as long as user value 1 is */
    int parameters, columns;
    bool reads_only;
    lua_Integer runs; /* tells a cursor that its statement was run again */
};

/* The open statement at index 1; raises for any other value. */
struct statement *tagua_lua_sql_check(lua_State *L);

/* Binds the value at `index`; raises where it can't be. `copy`: it may go before the statement has run. */
void tagua_lua_sql_bind(lua_State *L, struct statement *statement, int parameter, int index,
                        bool copy);

/* Binds all arguments behind the statement, and counts a run. */
void tagua_lua_sql_arguments(lua_State *L, struct statement *statement, bool copy);

/* Pushes a column of the current row. */
void tagua_lua_sql_push(lua_State *L, const struct statement *statement, int column);

/* Methods of a statement: see lua_sql_many.c. */
int tagua_lua_sql_many(lua_State *L);
int tagua_lua_sql_letters(lua_State *L);
int tagua_lua_sql_tally(lua_State *L);

#endif
