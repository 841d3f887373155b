/* SQL: a database in one file, statements prepared once and run many times.
 * Speaks of texts, numbers and rows alone, so that another database can stand behind it. */
#ifndef TAGUA_SQL_H
#define TAGUA_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* A text, a statement and a path never exceed these. */
#define TAGUA_SQL_MAX_TEXT ((size_t)64 * 1024 * 1024)
#define TAGUA_SQL_MAX_STATEMENT ((size_t)1024 * 1024)

struct tagua_sql;           /* an open database; used by one thread */
struct tagua_sql_statement; /* belongs to its database, outlives it harmlessly */

enum tagua_sql_durability {
    TAGUA_SQL_DURABLE, /* a commit is on the disk when it returns, whatever happens to the power */
    TAGUA_SQL_ORDERED, /* a power cut may lose the last commits, never damages the file */
    TAGUA_SQL_FAST,    /* a power cut may damage the file; a killed process never does */
};

struct tagua_sql_options {
    bool readonly;                         /* writing fails */
    bool create;                           /* make the file (mode 0600) when there is none */
    enum tagua_sql_durability durability;  /* of a commit */
    int busy_milliseconds;                 /* how long to wait for another process's transaction */
    int cache_kib;                         /* memory for pages of the file */
};

enum tagua_sql_kind { TAGUA_SQL_NULL, TAGUA_SQL_INTEGER, TAGUA_SQL_REAL, TAGUA_SQL_TEXT };

/* Opens the file at `path` (":memory:" is one of the caller's own, gone at the close).
 * Returns 0 and *db, or -1: EDISK, ELOCKED, ESQL. */
int tagua_sql_open(const char *path, const struct tagua_sql_options *options,
                   struct tagua_sql **db, struct tagua_error *error);

/* Closes the database and every statement of it; a transaction that is open is rolled back.
 * NULL is fine. */
void tagua_sql_close(struct tagua_sql *db);

/* Runs one or more statements without parameters and ignores their rows. 0 or -1. */
int tagua_sql_exec(struct tagua_sql *db, const char *text, struct tagua_error *error);

/* Begins a transaction that may write at once (so that it can't fail for a lock half-way).
 * 0 or -1: ELOCKED after the busy time. */
int tagua_sql_begin(struct tagua_sql *db, struct tagua_error *error);

/* Ends the transaction. After -1 nothing of it has happened. */
int tagua_sql_commit(struct tagua_sql *db, struct tagua_error *error);

/* Undoes the transaction, if there is still one. */
void tagua_sql_rollback(struct tagua_sql *db);

/* Whether begin was called, and neither commit nor rollback since. */
bool tagua_sql_in_transaction(const struct tagua_sql *db);

/* Reads the whole file for damage: 0 when it is sound, else -1 and what was found. */
int tagua_sql_check(struct tagua_sql *db, struct tagua_error *error);

/* Prepares exactly one statement. The caller owns *statement: tagua_sql_finish. 0 or -1. */
int tagua_sql_prepare(struct tagua_sql *db, const char *text, size_t length,
                      struct tagua_sql_statement **statement, struct tagua_error *error);

/* Frees the statement; the close of its database has done so already. NULL is fine. */
void tagua_sql_finish(struct tagua_sql_statement *statement);

/* How many parameters and columns it has; whether it only reads. */
int tagua_sql_parameters(const struct tagua_sql_statement *statement);
int tagua_sql_columns(const struct tagua_sql_statement *statement);
bool tagua_sql_reads_only(const struct tagua_sql_statement *statement);

/* Parameters count from 1 and keep their value until bound again. A text is copied where `copy`
 * says so, else it must stay until the next reset. 0 or -1 (no such parameter, no memory). */
int tagua_sql_bind_null(struct tagua_sql_statement *statement, int index);
int tagua_sql_bind_integer(struct tagua_sql_statement *statement, int index, int64_t value);
int tagua_sql_bind_real(struct tagua_sql_statement *statement, int index, double value);
int tagua_sql_bind_text(struct tagua_sql_statement *statement, int index, const char *text,
                        size_t length, bool copy);

/* Goes to the next row: 1 when there is one, 0 at the end, -1 on failure. */
int tagua_sql_step(struct tagua_sql_statement *statement, struct tagua_error *error);

/* Ready to be run from the start; lets go of the rows. */
void tagua_sql_reset(struct tagua_sql_statement *statement);

/* Columns of the current row count from 0. A text is valid until the next step or reset. */
enum tagua_sql_kind tagua_sql_kind(struct tagua_sql_statement *statement, int column);
int64_t tagua_sql_integer(struct tagua_sql_statement *statement, int column);
double tagua_sql_real(struct tagua_sql_statement *statement, int column);
const char *tagua_sql_text(struct tagua_sql_statement *statement, int column, size_t *length);

/* Rows that the last insert, update or delete of this database touched. */
int64_t tagua_sql_changes(const struct tagua_sql *db);

#endif
