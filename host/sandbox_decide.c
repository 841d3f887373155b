/* The rule VM at work: chunks of records in, blocks of decisions out. Owns the counters of the task at
 * hand. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "lua_values.h"
#include "sandbox_state.h"

enum {
    LISTED_MOST = 200,    /* failures and rejections that a block lists */
    LISTED_FOR_A_RULE = 5 /* failures of one rule that a block lists */
};

static const char tagsets_key = 0;

/* --- what the decider asks and tells -------------------------------------------------------- */

static const char *on_enter(void *context, size_t rule)
{
    struct tagua_sandbox *sandbox = context;
    sandbox->rule = rule;
    if (rule == 0 || sandbox->alone) {
        tagua_watchdog_begin(); /* the record's time counts from here, */
        tagua_watchdog_end();   /* but only inside of rules */
    }
    if (sandbox->record == TAGUA_SANDBOX_LOADING)
        return NULL;
    for (size_t i = 0; i < sandbox->skip_count; i++)
        if (sandbox->skips[i].record == sandbox->record &&
            (sandbox->skips[i].rule == rule || sandbox->skips[i].rule == SIZE_MAX))
            return sandbox->skips[i].reason;
    if (sandbox->failed[rule].disabled[0] != '\0')
        return sandbox->failed[rule].disabled;
    if (sandbox->announce && sandbox->options.announce != NULL)
        sandbox->options.announce(sandbox->options.context, sandbox->record, rule);
    return NULL;
}

static void on_start(void *context)
{
    (void)context;
    tagua_watchdog_resume();
}

static const char *on_leave(void *context, lua_State *L, int status)
{
    struct tagua_sandbox *sandbox = context;
    (void)L;
    struct tagua_rule_health *health = &sandbox->failed[sandbox->rule];
    bool tripped = sandbox->tripped;
    const char *reason = tagua_sandbox_settle(sandbox, status);
    sandbox->troubled = sandbox->troubled || tripped;
    if (!tripped)
        health->in_a_row = 0;
    else if (++health->in_a_row >= TAGUA_SANDBOX_IN_A_ROW)
        snprintf(health->disabled, sizeof health->disabled,
                 "is not run any more: it ran out of time for %d users one after another",
                 TAGUA_SANDBOX_IN_A_ROW);
    return reason;
}

static void on_unknown(void *context, size_t rule, size_t field)
{
    struct tagua_sandbox *sandbox = context;
    if (!sandbox->alone) /* later moments count for nothing but their changes */
        sandbox->unknown[rule * sandbox->fields + field]++;
}

static void put(struct tagua_sandbox *sandbox, struct tagua_buffer *buffer, const void *bytes,
                size_t length)
{
    if (length > 0 && tagua_buffer_append(buffer, bytes, length) != 0)
        sandbox->overflow = true;
}

static void put_text(struct tagua_sandbox *sandbox, struct tagua_buffer *buffer, const char *text,
                     size_t length)
{
    uint16_t size = length > UINT16_MAX ? UINT16_MAX : (uint16_t)length;
    put(sandbox, buffer, &size, sizeof size);
    put(sandbox, buffer, text, size);
}

static void on_failed(void *context, size_t rule, const char *message, bool undeclared)
{
    struct tagua_sandbox *sandbox = context;
    (void)undeclared;
    if (sandbox->record == TAGUA_SANDBOX_LOADING || sandbox->alone)
        return;
    sandbox->failures_all++;
    if (sandbox->failures_listed >= LISTED_MOST ||
        sandbox->failed[rule].listed >= LISTED_FOR_A_RULE)
        return;
    sandbox->failures_listed++;
    sandbox->failed[rule].listed++;
    uint32_t number = (uint32_t)rule;
    size_t length = strlen(message);
    put(sandbox, &sandbox->failures, &sandbox->current.line, sizeof sandbox->current.line);
    put(sandbox, &sandbox->failures, &number, sizeof number);
    put_text(sandbox, &sandbox->failures, sandbox->current.id, sandbox->current.id_length);
    put_text(sandbox, &sandbox->failures, message, length < 1000 ? length : 1000);
}

void tagua_sandbox_watch_rules(struct tagua_sandbox *sandbox)
{
    lua_State *L = sandbox->L;
    sandbox->watch = (struct tagua_decider_watch){
        .context = sandbox,
        .rule = &sandbox->rule,
        .tripped = &sandbox->tripped,
        .enter = on_enter,
        .start = on_start,
        .leave = on_leave,
        .unknown = on_unknown,
        .failed = on_failed,
    };
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_decider);
    tagua_decider_watch(lua_touserdata(L, -1), &sandbox->watch);
    lua_pop(L, 1);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Gives the tagset field the tags that the task knows of the record's user. */
static void set_tags(lua_State *L, int decider, int tagsets, size_t field,
                     const struct tagua_record *record, uint32_t *present)
{
    int top = lua_gettop(L);
    if (lua_istable(L, tagsets)) {
        lua_pushlstring(L, record->id, record->id_length);
        lua_rawget(L, tagsets);
    } else {
        lua_pushnil(L);
    }
    if (!lua_istable(L, -1)) {
        tagua_decider_absent(L, decider, field);
        lua_settop(L, top);
        return;
    }
    size_t count = lua_rawlen(L, -1);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, -2, (lua_Integer)i);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            continue;
        }
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
    }
    (*present)++;
    tagua_decider_set(L, decider, field);
    lua_settop(L, top);
}

/* Whether the rules' record holds this value already. Texts are never taken for the same. */
static bool is_shown(const struct tagua_value *shown, const struct tagua_value *value)
{
    if (shown->state != value->state)
        return false;
    switch (value->state) {
    case TAGUA_VALUE_INTEGER:
    case TAGUA_VALUE_DATE:
        return shown->integer == value->integer;
    case TAGUA_VALUE_BOOLEAN:
        return shown->boolean == value->boolean;
    case TAGUA_VALUE_TEXT:
    case TAGUA_VALUE_NUMBER:
        return false;
    default:
        return true;
    }
}

/* Where things are on the stack while a chunk is decided. */
struct places {
    struct tagua_decider *decider;
    int index, tagsets, open;
    ptrdiff_t tagset;
};

/* Hands the record's values to the decider. */
static void fill(lua_State *L, struct tagua_sandbox *sandbox, const struct places *at)
{
    const struct tagua_record *record = &sandbox->current;
    for (size_t i = 0; i < sandbox->fields; i++) {
        if ((ptrdiff_t)i == at->tagset) {
            set_tags(L, at->index, at->tagsets, i, record, &sandbox->present[i]);
            continue;
        }
        const struct tagua_value *value = &record->values[i];
        if (value->state != TAGUA_VALUE_ABSENT)
            sandbox->present[i]++;
        if (is_shown(&sandbox->shown[i], value))
            continue;
        sandbox->shown[i] = *value;
        switch (value->state) {
        case TAGUA_VALUE_ABSENT:
            tagua_decider_absent(L, at->index, i);
            continue;
        case TAGUA_VALUE_EMPTY:
            tagua_decider_empty(L, at->index, i);
            continue;
        case TAGUA_VALUE_BAD:
            tagua_decider_bad(L, at->index, i);
            continue;
        default:
            break;
        }
        tagua_decider_key(L, at->open, i);
        if (value->state == TAGUA_VALUE_TEXT)
            lua_pushlstring(L, value->text, value->length);
        else if (value->state == TAGUA_VALUE_NUMBER)
            lua_pushnumber(L, value->number);
        else if (value->state == TAGUA_VALUE_BOOLEAN)
            lua_pushboolean(L, value->boolean);
        else
            lua_pushinteger(L, value->integer);
        tagua_decider_close(L, at->open, at->decider, i);
    }
}

/* The head of a row: where its record stands and whose it is. Room for its wants, or NULL. */
static char *put_row_head(struct tagua_sandbox *sandbox)
{
    const struct tagua_record *record = &sandbox->current;
    uint32_t delta = (uint32_t)(record->line - sandbox->last_line);
    uint16_t length = (uint16_t)record->id_length; /* TAGUA_RECORD_MAX_ID at most */
    size_t whole = sizeof delta + sizeof length + length + sandbox->tags;
    char *row = tagua_buffer_reserve(&sandbox->rows, whole);
    sandbox->last_line = record->line;
    sandbox->records++;
    if (row == NULL) {
        sandbox->overflow = true;
        return NULL;
    }
    memcpy(row, &delta, sizeof delta);
    memcpy(row + sizeof delta, &length, sizeof length);
    memcpy(row + sizeof delta + sizeof length, record->id, length);
    sandbox->rows.length += whole;
    return row + whole - sandbox->tags;
}

static void put_row(struct tagua_sandbox *sandbox, const char *wants)
{
    char *room = put_row_head(sandbox);
    if (room != NULL)
        memcpy(room, wants, sandbox->tags);
}

/* A record that could not even be handed to the rules: all its tags have failed. */
static void put_failed_row(struct tagua_sandbox *sandbox)
{
    for (size_t rule = 0; rule < sandbox->rules; rule++)
        on_failed(sandbox, rule, "the record does not fit into the rules' memory", false);
    char *room = put_row_head(sandbox);
    if (room != NULL)
        memset(room, TAGUA_WANT_FAILED, sandbox->tags);
}

static void put_rejected(struct tagua_sandbox *sandbox)
{
    const struct tagua_record *record = &sandbox->current;
    sandbox->rejected_all++;
    if (sandbox->rejected_listed >= LISTED_MOST)
        return;
    sandbox->rejected_listed++;
    put(sandbox, &sandbox->rejected, &record->line, sizeof record->line);
    put(sandbox, &sandbox->rejected, &record->column, sizeof record->column);
    put_text(sandbox, &sandbox->rejected, record->message, strlen(record->message));
}

static void put_changes(struct tagua_sandbox *sandbox, size_t day, size_t first, size_t count,
                        const char *wants)
{
    for (size_t tag = first; tag < first + count; tag++) {
        if (wants[tag] == sandbox->before[tag])
            continue;
        sandbox->before[tag] = wants[tag];
        uint32_t place[2] = {sandbox->records - 1, (uint32_t)tag};
        uint16_t moment = (uint16_t)day;
        put(sandbox, &sandbox->changes, place, sizeof place);
        put(sandbox, &sandbox->changes, &moment, sizeof moment);
        put(sandbox, &sandbox->changes, &wants[tag], 1);
        sandbox->change_count++;
    }
}

/* Decides the record at hand at each later moment: again only the rules that asked for the time, for
 * the others can't want anything else. */
static void look_ahead(lua_State *L, struct tagua_sandbox *sandbox, int index)
{
    struct tagua_decider *decider = lua_touserdata(L, index);
    bool any = true;
    sandbox->alone = true;
    for (size_t day = 0; any && day < sandbox->day_count; day++) {
        tagua_decider_set_now(decider, sandbox->days[day]);
        any = false;
        for (size_t rule = 0; rule < sandbox->rules; rule++) {
            if (!tagua_decider_clocked(decider, rule))
                continue;
            any = true;
            size_t first, count;
            tagua_decider_tags_of(decider, rule, &first, &count);
            put_changes(sandbox, day, first, count, tagua_decider_run_one(L, index, rule));
        }
    }
    sandbox->alone = false;
    tagua_decider_set_now(decider, sandbox->now);
}

/* The rules have decided the record at hand. */
static void finish_record(lua_State *L, struct tagua_sandbox *sandbox, int index, const char *wants)
{
    tagua_watchdog_end();
    if (sandbox->tripped) /* after the last rule had come to its end */
        tagua_sandbox_settle(sandbox, LUA_OK);
    put_row(sandbox, wants);
    sandbox->deciding = false;
    if (sandbox->day_count > 0) {
        memcpy(sandbox->before, wants, sandbox->tags);
        look_ahead(L, sandbox, index);
    }
}

/* Whether rules may run without anybody being asked before each of them. */
static bool is_quick(const struct tagua_sandbox *sandbox)
{
    return !sandbox->troubled && !sandbox->announce && sandbox->skip_count == 0;
}

/* Goes through the rest of the chunk; raises what a rule raises, to be called again with that, and
 * when a record exhausts the memory. */
static int decide_rest(lua_State *L)
{
    struct tagua_sandbox *sandbox = lua_touserdata(L, 1);
    lua_settop(L, 2); /* the error of the rule at hand, where it has one */
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_decider);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagsets_key);
    struct tagua_decider *decider = lua_touserdata(L, 3);
    struct places at = {decider, 3, 4, tagua_decider_open(L, 3), tagua_decider_tagset(decider)};
    if (sandbox->status != LUA_OK) {
        int status = sandbox->status;
        sandbox->status = LUA_OK;
        sandbox->watch.quick = is_quick(sandbox);
        lua_pushvalue(L, 2);
        finish_record(L, sandbox, 3, tagua_decider_resume(L, at.open, decider, status));
    }
    for (size_t i = 0; i < sandbox->fields; i++) /* somebody else may have filled it since */
        sandbox->shown[i].state = TAGUA_VALUE_TEXT;
    for (;;) {
        int got = tagua_reader_next(sandbox->reader, &sandbox->current);
        if (got == 0)
            break;
        sandbox->record = sandbox->next_record++;
        if (got < 0) {
            put_rejected(sandbox);
        } else {
            sandbox->deciding = true;
            fill(L, sandbox, &at);
            sandbox->watch.quick = is_quick(sandbox);
            if (sandbox->watch.quick)
                tagua_watchdog_begin(); /* the record's time counts from here */
            finish_record(L, sandbox, 3, tagua_decider_run_open(L, at.open, decider));
        }
        if (tagua_watchdog_ticked() && sandbox->options.alive != NULL)
            sandbox->options.alive(sandbox->options.context);
    }
    sandbox->ended = true;
    return 0;
}

struct task_call {
    struct tagua_sandbox *sandbox;
    const char *bytes;
    size_t length;
    size_t used; /* by the value in front of the chunk */
    int64_t first_line;
    struct tagua_error *error;
};

static void copy_reason(lua_State *L, int entry, char *to, size_t size)
{
    lua_getfield(L, entry, "reason");
    snprintf(to, size, "%s", luaL_optstring(L, -1, "ended the worker"));
    lua_pop(L, 1);
}

/* The rules that sleep: a list of their positions in the task, which is on top of the stack. */
static void read_asleep(lua_State *L, struct tagua_sandbox *sandbox)
{
    memset(sandbox->asleep, 0, sandbox->rules);
    lua_getfield(L, -1, "asleep");
    size_t count = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        lua_Integer rule = luaL_checkinteger(L, -1);
        if (rule >= 1 && (size_t)rule <= sandbox->rules)
            sandbox->asleep[rule - 1] = 1;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    sandbox->watch.asleep = count > 0 ? sandbox->asleep : NULL;
}

/* Reads the value in front of the chunk. */
static int read_task(lua_State *L)
{
    struct task_call *call = lua_touserdata(L, 1);
    struct tagua_sandbox *sandbox = call->sandbox;
    call->used = tagua_lua_values_read(L, call->bytes, call->length, call->error);
    if (call->used == 0)
        return 0;
    luaL_checktype(L, 2, LUA_TTABLE);
    read_asleep(L, sandbox);
    lua_getfield(L, 2, "tagsets");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tagsets_key);
    lua_getfield(L, 2, "first_line");
    call->first_line = luaL_optinteger(L, -1, 1);
    lua_getfield(L, 2, "announce");
    sandbox->announce = lua_toboolean(L, -1);
    sandbox->skip_count = 0;
    lua_getfield(L, 2, "skip");
    if (lua_istable(L, -1)) {
        int list = lua_gettop(L);
        size_t count = lua_rawlen(L, list);
        for (size_t i = 0; i < count && i < TAGUA_SANDBOX_SKIPS; i++) {
            struct tagua_skip *skip = &sandbox->skips[sandbox->skip_count++];
            lua_rawgeti(L, list, (lua_Integer)i + 1);
            int entry = lua_gettop(L);
            lua_getfield(L, entry, "record");
            skip->record = (size_t)luaL_checkinteger(L, -1);
            lua_getfield(L, entry, "rule");
            skip->rule = lua_isnil(L, -1) ? SIZE_MAX : (size_t)luaL_checkinteger(L, -1);
            copy_reason(L, entry, skip->reason, sizeof skip->reason);
            lua_settop(L, list);
        }
    }
    lua_getfield(L, 2, "disabled");
    if (lua_istable(L, -1)) {
        int list = lua_gettop(L);
        size_t count = lua_rawlen(L, list);
        for (size_t i = 0; i < count; i++) {
            lua_rawgeti(L, list, (lua_Integer)i + 1);
            int entry = lua_gettop(L);
            lua_getfield(L, entry, "rule");
            size_t rule = (size_t)luaL_checkinteger(L, -1);
            sandbox->troubled = true;
            if (rule < sandbox->rules)
                copy_reason(L, entry, sandbox->failed[rule].disabled,
                            sizeof sandbox->failed[rule].disabled);
            lua_settop(L, list);
        }
    }
    return 0;
}

static void clear_counters(struct tagua_sandbox *sandbox)
{
    tagua_buffer_clear(&sandbox->rows);
    tagua_buffer_clear(&sandbox->rejected);
    tagua_buffer_clear(&sandbox->failures);
    tagua_buffer_clear(&sandbox->changes);
    sandbox->alone = false;
    sandbox->change_count = 0;
    sandbox->records = sandbox->rejected_listed = sandbox->rejected_all = 0;
    sandbox->failures_listed = sandbox->failures_all = 0;
    sandbox->next_record = 0;
    sandbox->ended = sandbox->overflow = sandbox->deciding = false;
    memset(sandbox->present, 0, sandbox->fields * sizeof *sandbox->present);
    memset(sandbox->unknown, 0, sandbox->rules * sandbox->fields * sizeof *sandbox->unknown);
    sandbox->status = LUA_OK;
    sandbox->troubled = false;
    for (size_t rule = 0; rule < sandbox->rules; rule++) {
        struct tagua_rule_health *health = &sandbox->failed[rule];
        health->listed = 0;
        if (health->in_a_row > 0 || health->disabled[0] != '\0')
            sandbox->troubled = true;
    }
}

static int put_block(struct tagua_sandbox *sandbox, int64_t first_line, struct tagua_buffer *block,
                     struct tagua_error *error)
{
    struct tagua_block_head head;
    memset(&head, 0, sizeof head);
    head.first_line = first_line;
    head.tags = (uint32_t)sandbox->tags;
    head.fields = (uint32_t)sandbox->fields;
    head.records = sandbox->records;
    head.row_bytes = (uint32_t)sandbox->rows.length;
    head.rejected = sandbox->rejected_listed;
    head.rejected_all = sandbox->rejected_all;
    head.failures = sandbox->failures_listed;
    head.failures_all = sandbox->failures_all;
    head.changes = sandbox->change_count;
    for (size_t i = 0; i < sandbox->rules * sandbox->fields; i++)
        head.unknown += sandbox->unknown[i] > 0;
    put(sandbox, block, &head, sizeof head);
    put(sandbox, block, sandbox->rows.data, sandbox->rows.length);
    put(sandbox, block, sandbox->rejected.data, sandbox->rejected.length);
    put(sandbox, block, sandbox->failures.data, sandbox->failures.length);
    for (size_t i = 0; i < sandbox->rules * sandbox->fields; i++) {
        if (sandbox->unknown[i] == 0)
            continue;
        uint32_t row[3] = {(uint32_t)(i / sandbox->fields), (uint32_t)(i % sandbox->fields),
                           sandbox->unknown[i]};
        put(sandbox, block, row, sizeof row);
    }
    put(sandbox, block, sandbox->present, sandbox->fields * sizeof *sandbox->present);
    put(sandbox, block, sandbox->changes.data, sandbox->changes.length);
    if (sandbox->overflow)
        return tagua_error_set(error, "ETOOBIG",
                               "the decisions of one chunk of records exceed %d MiB: %zu tags are "
                               "too many for it",
                               TAGUA_SANDBOX_BLOCK_MOST / (1024 * 1024), sandbox->tags);
    return 0;
}

int tagua_sandbox_decide(struct tagua_sandbox *sandbox, const char *task, size_t length,
                         const char *chunk, size_t chunk_length, struct tagua_buffer *block,
                         struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    if (sandbox->reader == NULL)
        return tagua_error_set(error, "EPROTOCOL", "nobody said what records look like");
    struct task_call call = {sandbox, task, length, 0, 1, error};
    clear_counters(sandbox);
    tagua_sandbox_watch_rules(sandbox);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_decider);
    tagua_decider_set_now(lua_touserdata(L, -1), sandbox->now);
    lua_pop(L, 1);
    tagua_error_set(error, "EPROTOCOL", "a worker's task makes no sense");
    lua_pushcfunction(L, read_task);
    lua_pushlightuserdata(L, &call);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        tagua_error_set(error, "EPROTOCOL", "a worker's task makes no sense: %s",
                        message != NULL ? message : "no reason");
        lua_pop(L, 1);
        return -1;
    }
    if (call.used == 0)
        return -1;
    sandbox->last_line = call.first_line;
    if (chunk == NULL) {
        chunk = task + call.used;
        chunk_length = length - call.used;
    }
    tagua_reader_open(sandbox->reader, chunk, chunk_length, call.first_line);
    bool failed = false; /* a rule has raised, and its error is on top of the stack */
    while (!sandbox->ended) {
        size_t before = sandbox->next_record;
        lua_pushcfunction(L, decide_rest);
        lua_pushlightuserdata(L, sandbox);
        if (failed)
            lua_rotate(L, -3, -1);
        int status = lua_pcall(L, failed ? 2 : 1, 0, 0);
        failed = false;
        if (status == LUA_OK)
            continue;
        lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_decider);
        struct tagua_decider *decider = lua_touserdata(L, -1);
        lua_pop(L, 1);
        if (tagua_decider_stopped(decider) && sandbox->deciding) {
            sandbox->status = status;
            failed = true;
            continue;
        }
        lua_pop(L, 1);
        tagua_sandbox_settle(sandbox, LUA_ERRMEM);
        sandbox->status = LUA_OK;
        sandbox->alone = false;
        tagua_decider_set_now(decider, sandbox->now);
        if (sandbox->next_record == before && !sandbox->deciding)
            return tagua_error_set(error, "ERULES", "the rules leave no memory to decide with");
        if (sandbox->deciding)
            put_failed_row(sandbox);
        sandbox->deciding = false;
    }
    sandbox->watch.asleep = NULL; /* who asks or tests next asks all of them */
    return put_block(sandbox, call.first_line, block, error);
}
