/* What the files of the sandbox share of the rule VM. Not for anybody else. */
#ifndef TAGUA_SANDBOX_STATE_H
#define TAGUA_SANDBOX_STATE_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>

#include "lua_compat.h"
#include "lua_decide.h"
#include "record.h"
#include "sandbox.h"
#include "watchdog.h"

#define TAGUA_SANDBOX_LOADING SIZE_MAX /* as a record: the file itself, or its tests */

enum {
    TAGUA_SANDBOX_BLOCK_MOST = 64 * 1024 * 1024, /* bytes of a block, and of each of its parts */
    TAGUA_SANDBOX_SKIPS = 64,    /* records that one task may skip */
    TAGUA_SANDBOX_IN_A_ROW = 10, /* users that a rule may run out of time for, one after another */
};

/* A rule that is not to run on one record, because it ended a worker there. */
struct tagua_skip {
    size_t record, rule; /* rule SIZE_MAX: none of them */
    char reason[200];
};

/* What is known of one rule in this worker. */
struct tagua_rule_health {
    uint32_t listed;     /* failures listed in this block */
    uint32_t in_a_row;   /* users it ran out of time for, one after another */
    char disabled[200];  /* why it is not run at all, or "" */
};

struct tagua_sandbox {
    struct tagua_sandbox_options options;
    struct tagua_watchdog dog;
    lua_State *L;
    size_t used; /* bytes that L holds */
    volatile sig_atomic_t tripped;
    lua_Hook hook; /* what was hooked when a rule was overdue */
    int hook_mask;
    volatile size_t record, rule; /* what runs; the signal handler reads them */
    char reason[200];

    struct tagua_decider_watch watch;
    size_t fields, tags, rules;
    uint32_t *unknown; /* [rule * fields + field]: in this block */
    struct tagua_rule_health *failed;
    uint8_t *asleep; /* one byte a rule: not to be run on this task's records */

    struct tagua_zone *zone;
    struct tagua_schema *schema;
    struct tagua_reader *reader;
    uint32_t *present;
    int64_t now;            /* what the first decision of a record takes for now */
    int64_t *days;          /* later moments */
    size_t day_count;
    char *before;           /* what was wanted at the moment before, one byte a tag */

    /* The task at hand. */
    struct tagua_record current;
    struct tagua_value *shown; /* what the rules' record holds of each field, but for texts */
    int status;                /* of the rule that came back from a chunk with an error, or LUA_OK */
    bool troubled;             /* a rule ran out of time, or is not run any more */
    bool announce, deciding, ended;
    bool alone; /* rules run one at a time: each has the whole of a record's time */
    size_t next_record;
    size_t skip_count;
    struct tagua_skip skips[TAGUA_SANDBOX_SKIPS];
    struct tagua_buffer rows, rejected, failures;
    struct tagua_buffer changes;
    uint32_t change_count;
    uint32_t records, rejected_listed, rejected_all, failures_listed, failures_all;
    int64_t last_line;
    bool overflow; /* a buffer reached its cap */
};

/* Where the language object and its decider are in the registry. */
extern const char tagua_sandbox_language, tagua_sandbox_decider;

/* After a call into rule code: disarms the hook. Why it was stopped, or NULL. */
const char *tagua_sandbox_settle(struct tagua_sandbox *sandbox, int status);

/* Has the decider watched. */
void tagua_sandbox_watch_rules(struct tagua_sandbox *sandbox);

/* Frees what tagua_sandbox_input made. */
void tagua_sandbox_forget_input(struct tagua_sandbox *sandbox);

#endif
