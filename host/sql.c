/* SQL over SQLite: owns the handle and the list of its statements, so that closing frees them all.
 * The only file that knows SQLite. */
#define _DEFAULT_SOURCE
#include "sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tagua_sql {
    sqlite3 *handle;
    char *path;
    struct tagua_sql_statement *statements; /* all that are prepared and not finished */
    int busy_milliseconds;
    bool transaction; /* the caller believes that one is open */
};

struct tagua_sql_statement {
    sqlite3_stmt *handle; /* NULL once the database is closed */
    struct tagua_sql *db; /* likewise */
    struct tagua_sql_statement *next, *previous;
};

static bool disk_is_full(struct tagua_sql *db, int result)
{
    if ((result & 0xFF) == SQLITE_FULL)
        return true;
    int reason = sqlite3_system_errno(db->handle);
    return (result & 0xFF) == SQLITE_IOERR && (reason == ENOSPC || reason == EDQUOT);
}

/* Turns the result of a call into code and sentence; `doing` is a verb: "open". */
static int fail(struct tagua_sql *db, int result, const char *doing, struct tagua_error *error)
{
    if (disk_is_full(db, result))
        return tagua_error_set(error, "EDISK",
                               "cannot %s '%s': the disk is full; nothing of this step was kept, "
                               "make room and run it again",
                               doing, db->path);
    switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return tagua_error_set(error, "ELOCKED",
                               "cannot %s '%s': another process has been writing to it for more "
                               "than %d ms; wait until it is done, or end it",
                               doing, db->path, db->busy_milliseconds);
    case SQLITE_NOTADB:
        return tagua_error_set(error, "ESQL",
                               "cannot %s '%s': it is not a database, or its beginning is "
                               "damaged; name another file, or put a copy of it back",
                               doing, db->path);
    case SQLITE_CORRUPT:
        return tagua_error_set(error, "ESQL",
                               "cannot %s '%s': the file is damaged (%s); put a copy of it back",
                               doing, db->path, sqlite3_errmsg(db->handle));
    case SQLITE_READONLY:
        return tagua_error_set(error, "ESQL",
                               "cannot %s '%s': it may only be read; see the modes of the file "
                               "and of its folder",
                               doing, db->path);
    case SQLITE_IOERR:
        return tagua_error_set(error, "ESQL", "cannot %s '%s': %s (%s)", doing, db->path,
                               sqlite3_errmsg(db->handle),
                               strerror(sqlite3_system_errno(db->handle)));
    default:
        return tagua_error_set(error, "ESQL", "cannot %s '%s': %s", doing, db->path,
                               sqlite3_errmsg(db->handle));
    }
}

int tagua_sql_exec(struct tagua_sql *db, const char *text, struct tagua_error *error)
{
    if (db->transaction && sqlite3_get_autocommit(db->handle))
        return tagua_error_set(error, "ESQL",
                               "cannot write to '%s': the transaction failed earlier and was "
                               "rolled back",
                               db->path);
    int result = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : fail(db, result, "write to", error);
}

/* The file holds what is private: it is made for its owner alone, and the files beside it take
 * its mode. A file that is there already is not opened here, since closing a second descriptor
 * would drop the locks of the first. */
static int make_private(const char *path, struct tagua_error *error)
{
    int descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (descriptor >= 0)
        close(descriptor);
    else if (errno != EEXIST && errno != EISDIR)
        return tagua_error_set(error, "ESQL", "cannot make '%s': %s", path, strerror(errno));
    return 0;
}

static int configure(struct tagua_sql *db, const struct tagua_sql_options *options,
                     struct tagua_error *error)
{
    static const char *const durability[] = {
        [TAGUA_SQL_DURABLE] = "full", [TAGUA_SQL_ORDERED] = "normal", [TAGUA_SQL_FAST] = "off"};
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, options->busy_milliseconds);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, (int)TAGUA_SQL_MAX_TEXT);
    sqlite3_limit(db->handle, SQLITE_LIMIT_SQL_LENGTH, (int)TAGUA_SQL_MAX_STATEMENT);
    sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 1); /* vacuum needs one */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    char text[300];
    snprintf(text, sizeof text,
             "pragma synchronous = %s; pragma cache_size = -%d; pragma foreign_keys = on;"
             "pragma cell_size_check = on; %s"
             "select count(*) from sqlite_schema;",
             durability[options->durability], options->cache_kib,
             options->readonly ? "" : "pragma journal_mode = wal;");
    int result = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : fail(db, result, "open", error);
}

int tagua_sql_open(const char *path, const struct tagua_sql_options *options,
                   struct tagua_sql **out_db, struct tagua_error *error)
{
    *out_db = NULL;
    if (path[0] == '\0')
        return tagua_error_set(error, "ESQL", "cannot open a database: its path is empty");
    struct tagua_sql *db = calloc(1, sizeof *db);
    if (db != NULL)
        db->path = strdup(path);
    if (db == NULL || db->path == NULL) {
        free(db);
        return tagua_error_set(error, "ESQL", "cannot open '%s': out of memory", path);
    }
    db->busy_milliseconds = options->busy_milliseconds;
    bool create = options->create && !options->readonly;
    if (create && strcmp(path, ":memory:") != 0 && make_private(path, error) != 0) {
        tagua_sql_close(db);
        return -1;
    }
    int flags = options->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (create)
        flags |= SQLITE_OPEN_CREATE;
    int result = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK) {
        if (configure(db, options, error) == 0) {
            *out_db = db;
            return 0;
        }
    } else if (db->handle == NULL) {
        tagua_error_set(error, "ESQL", "cannot open '%s': out of memory", path);
    } else {
        int reason = sqlite3_system_errno(db->handle);
        tagua_error_set(error, "ESQL", "cannot open '%s': %s", path,
                        reason != 0 ? strerror(reason) : sqlite3_errmsg(db->handle));
    }
    tagua_sql_close(db);
    return -1;
}

void tagua_sql_close(struct tagua_sql *db)
{
    if (db == NULL)
        return;
    for (struct tagua_sql_statement *s = db->statements, *next; s != NULL; s = next) {
        next = s->next;
        sqlite3_finalize(s->handle);
        free(s);
    }
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

int tagua_sql_begin(struct tagua_sql *db, struct tagua_error *error)
{
    int result = sqlite3_exec(db->handle, "begin immediate", NULL, NULL, NULL);
    if (result != SQLITE_OK)
        return fail(db, result, "begin to write to", error);
    db->transaction = true;
    return 0;
}

void tagua_sql_rollback(struct tagua_sql *db)
{
    db->transaction = false;
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "rollback", NULL, NULL, NULL);
}

int tagua_sql_commit(struct tagua_sql *db, struct tagua_error *error)
{
    int status = tagua_sql_exec(db, "commit", error);
    if (status != 0)
        tagua_sql_rollback(db);
    db->transaction = false;
    return status;
}

bool tagua_sql_in_transaction(const struct tagua_sql *db)
{
    return db->transaction;
}

int tagua_sql_check(struct tagua_sql *db, struct tagua_error *error)
{
    struct tagua_sql_statement *statement = NULL;
    static const char text[] = "pragma quick_check(1)";
    if (tagua_sql_prepare(db, text, sizeof text - 1, &statement, error) != 0)
        return -1;
    int status = -1;
    int row = statement != NULL ? tagua_sql_step(statement, error) : -1;
    if (row < 0)
        goto out;
    const char *found = row == 1 ? (const char *)sqlite3_column_text(statement->handle, 0) : NULL;
    if (found != NULL && strcmp(found, "ok") == 0)
        status = 0;
    else
        tagua_error_set(error, "ESQL", "the file '%s' is damaged (%s); put a copy of it back",
                        db->path, found != NULL ? found : "nothing could be read");
out:
    tagua_sql_finish(statement);
    return status;
}

int tagua_sql_prepare(struct tagua_sql *db, const char *text, size_t length,
                      struct tagua_sql_statement **out_statement, struct tagua_error *error)
{
    *out_statement = NULL;
    if (length > TAGUA_SQL_MAX_STATEMENT)
        return tagua_error_set(error, "ETOOBIG", "cannot prepare a statement of %zu bytes: at most "
                               "%zu", length, TAGUA_SQL_MAX_STATEMENT);
    struct tagua_sql_statement *statement = calloc(1, sizeof *statement);
    if (statement == NULL)
        return tagua_error_set(error, "ESQL", "cannot prepare a statement: out of memory");
    const char *rest = NULL;
    int result = sqlite3_prepare_v3(db->handle, text, (int)length, SQLITE_PREPARE_PERSISTENT,
                                    &statement->handle, &rest);
    size_t more = 0;
    if (result == SQLITE_OK && statement->handle != NULL) {
        size_t left = length - (size_t)(rest - text);
        more = left - (strspn(rest, " \t\r\n;") < left ? strspn(rest, " \t\r\n;") : left);
    }
    if (result != SQLITE_OK || statement->handle == NULL || more > 0) {
        int shown = length > 200 ? 200 : (int)length;
        if (result != SQLITE_OK && (result & 0xFF) != SQLITE_ERROR)
            fail(db, result, "read", error);
        else
            tagua_error_set(error, "ESQL", "cannot prepare '%.*s': %s", shown, text,
                            result != SQLITE_OK ? sqlite3_errmsg(db->handle)
                            : more > 0          ? "it is more than one statement"
                                                : "there is no statement in it");
        sqlite3_finalize(statement->handle);
        free(statement);
        return -1;
    }
    statement->db = db;
    statement->next = db->statements;
    if (db->statements != NULL)
        db->statements->previous = statement;
    db->statements = statement;
    *out_statement = statement;
    return 0;
}

void tagua_sql_finish(struct tagua_sql_statement *statement)
{
    if (statement == NULL)
        return;
    if (statement->previous != NULL)
        statement->previous->next = statement->next;
    else
        statement->db->statements = statement->next;
    if (statement->next != NULL)
        statement->next->previous = statement->previous;
    sqlite3_finalize(statement->handle);
    free(statement);
}

int tagua_sql_parameters(const struct tagua_sql_statement *statement)
{
    return sqlite3_bind_parameter_count(statement->handle);
}

int tagua_sql_columns(const struct tagua_sql_statement *statement)
{
    return sqlite3_column_count(statement->handle);
}

bool tagua_sql_reads_only(const struct tagua_sql_statement *statement)
{
    return sqlite3_stmt_readonly(statement->handle) != 0;
}

int tagua_sql_bind_null(struct tagua_sql_statement *statement, int index)
{
    return sqlite3_bind_null(statement->handle, index) == SQLITE_OK ? 0 : -1;
}

int tagua_sql_bind_integer(struct tagua_sql_statement *statement, int index, int64_t value)
{
    return sqlite3_bind_int64(statement->handle, index, value) == SQLITE_OK ? 0 : -1;
}

int tagua_sql_bind_real(struct tagua_sql_statement *statement, int index, double value)
{
    return sqlite3_bind_double(statement->handle, index, value) == SQLITE_OK ? 0 : -1;
}

int tagua_sql_bind_text(struct tagua_sql_statement *statement, int index, const char *text,
                        size_t length, bool copy)
{
    int result = sqlite3_bind_text64(statement->handle, index, text, length,
                                     copy ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
    return result == SQLITE_OK ? 0 : -1;
}

int tagua_sql_step(struct tagua_sql_statement *statement, struct tagua_error *error)
{
    struct tagua_sql *db = statement->db;
    if (db->transaction && sqlite3_get_autocommit(db->handle))
        return tagua_error_set(error, "ESQL",
                               "cannot go on in '%s': the transaction failed earlier and was "
                               "rolled back",
                               db->path);
    int result = sqlite3_step(statement->handle);
    if (result == SQLITE_ROW)
        return 1;
    if (result == SQLITE_DONE)
        return 0;
    fail(db, result, sqlite3_stmt_readonly(statement->handle) ? "read" : "write to", error);
    sqlite3_reset(statement->handle);
    return -1;
}

void tagua_sql_reset(struct tagua_sql_statement *statement)
{
    if (statement->handle != NULL)
        sqlite3_reset(statement->handle);
}

enum tagua_sql_kind tagua_sql_kind(struct tagua_sql_statement *statement, int column)
{
    switch (sqlite3_column_type(statement->handle, column)) {
    case SQLITE_INTEGER:
        return TAGUA_SQL_INTEGER;
    case SQLITE_FLOAT:
        return TAGUA_SQL_REAL;
    case SQLITE_NULL:
        return TAGUA_SQL_NULL;
    default:
        return TAGUA_SQL_TEXT;
    }
}

int64_t tagua_sql_integer(struct tagua_sql_statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

double tagua_sql_real(struct tagua_sql_statement *statement, int column)
{
    return sqlite3_column_double(statement->handle, column);
}

const char *tagua_sql_text(struct tagua_sql_statement *statement, int column, size_t *length)
{
    const void *text = sqlite3_column_blob(statement->handle, column);
    *length = (size_t)sqlite3_column_bytes(statement->handle, column);
    return text != NULL ? text : "";
}

int64_t tagua_sql_changes(const struct tagua_sql *db)
{
    return sqlite3_changes64(db->handle);
}
