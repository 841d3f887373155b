/* The rule VM: one Lua state for one rule file, with a cap on memory and on time, in which nothing
 * of the system can be reached. Owns the state; lives in a worker process, one for each process,
 * because of the watchdog. */
#ifndef TAGUA_SANDBOX_H
#define TAGUA_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "embedded.h"
#include "error.h"

struct tagua_sandbox;

struct tagua_sandbox_options {
    size_t memory;    /* bytes that the state may hold */
    int64_t limit_ns; /* processor time that the rules may take for one record */
    const struct tagua_embedded *(*find)(const char *name); /* where the prelude comes from */

    void *context;
    /* Between two records, now and then: the worker is alive. May be NULL. */
    void (*alive)(void *context);
    /* Before a rule runs on a record (counted from 0, rejected ones too), where asked for. */
    void (*announce)(void *context, size_t record, size_t rule);
    /* A rule did not stop when it should have. Called from a signal handler; should not return. */
    void (*stuck)(void *context, size_t record, size_t rule);
};

/* NULL with *error. */
struct tagua_sandbox *tagua_sandbox_new(const struct tagua_sandbox_options *options,
                                        struct tagua_error *error);

void tagua_sandbox_free(struct tagua_sandbox *sandbox); /* NULL is fine */

/* A rule file, and what it may include: a value of lua_values.h, or nothing. */
struct tagua_sandbox_file {
    const char *name, *source, *includes;
    size_t length, includes_length; /* of source and includes */
    bool apart;                     /* each member of a one_of becomes a rule of its own */
};

/* Loads the rule file; once in the life of a sandbox. Appends the ruleset's description (a value of
 * lua_values.h). -1 with ERULES and the file's line where it is rejected. */
int tagua_sandbox_load(struct tagua_sandbox *sandbox, const struct tagua_sandbox_file *file,
                       struct tagua_buffer *description, struct tagua_error *error);

/* Tries the rules on a few made-up users, for the one mistake that needs no data to be seen: reading
 * a field that is not declared. -1 with ERULES and the rule's line. Whatever else goes wrong is left
 * to the real users to show. */
int tagua_sandbox_probe(struct tagua_sandbox *sandbox, struct tagua_error *error);

/* Runs the test blocks at that moment (seconds since the epoch); appends their results. */
int tagua_sandbox_test(struct tagua_sandbox *sandbox, int64_t at, struct tagua_buffer *results,
                       struct tagua_error *error);

/* Asks one rule about made-up records: `request` is a value, see lua/tagua/rules/asking.lua. Appends
 * the answers, a value, too. */
int tagua_sandbox_ask(struct tagua_sandbox *sandbox, const char *request, size_t length,
                      struct tagua_buffer *answers, struct tagua_error *error);

/* Has one of the rule file's own hooks turn bodies into events: `request` is a value, see
 * lua/tagua/rules/sources.lua. Appends a value, one result for each body. */
int tagua_sandbox_hook(struct tagua_sandbox *sandbox, const char *request, size_t length,
                       struct tagua_buffer *results, struct tagua_error *error);

/* Says what the records look like: `options` is a value, a table with format, header, delimiter,
 * id, at (seconds since the epoch: the run's now) and days (a list of later moments, at which
 * every record is decided again; a block then holds what changes). EINPUT when the input lacks a
 * field. */
int tagua_sandbox_input(struct tagua_sandbox *sandbox, const char *options, size_t length,
                        struct tagua_error *error);

/* Decides a chunk of records. `task` is a value, a table with first_line, skip, disabled, asleep
 * (the positions, from 1, of rules that are not run and leave their tags alone), tagsets and
 * announce; without a `chunk` (NULL) the chunk's bytes follow it. Appends a block: see block.h. */
int tagua_sandbox_decide(struct tagua_sandbox *sandbox, const char *task, size_t length,
                         const char *chunk, size_t chunk_length, struct tagua_buffer *block,
                         struct tagua_error *error);

#endif
