/* The rule VM: the state, its limits and its prelude. What it does with records is in
 * sandbox_decide.c. */
#include "sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_values.h"
#include "sandbox_state.h"

int tagua_lua_open_json(lua_State *L);
int tagua_lua_open_zone(lua_State *L);

enum { LOADED_MOST = 4 * 1024 * 1024 }; /* bytes of a rule file */

/* Memory comes and goes through here: what the state holds never exceeds the cap. */
static void *allocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct tagua_sandbox *sandbox = context;
    if (block == NULL)
        old_size = 0; /* Lua passes the kind of object */
    if (new_size == 0) {
        free(block);
        sandbox->used -= old_size;
        return NULL;
    }
    if (new_size > old_size && new_size - old_size > sandbox->options.memory - sandbox->used)
        return NULL;
    void *moved = realloc(block, new_size);
    if (moved != NULL)
        sandbox->used = sandbox->used - old_size + new_size;
    return moved;
}

/* The hook that ends a rule. It stays armed, so a pcall inside the rule catches it in vain. */
static void stop_rule(lua_State *L, lua_Debug *activation)
{
    (void)activation;
    luaL_error(L, "ran out of time");
}

/* From the signal handler; lua_sethook may be called there. */
static void on_overdue(void *context)
{
    struct tagua_sandbox *sandbox = context;
    sandbox->tripped = 1;
    if (lua_gethook(sandbox->L) != stop_rule) { /* somebody may be noting lines */
        sandbox->hook = lua_gethook(sandbox->L);
        sandbox->hook_mask = lua_gethookmask(sandbox->L);
    }
    lua_sethook(sandbox->L, stop_rule, LUA_MASKCOUNT, 1);
}

static void on_stuck(void *context)
{
    struct tagua_sandbox *sandbox = context;
    sandbox->options.stuck(sandbox->options.context, sandbox->record, sandbox->rule);
}

const char *tagua_sandbox_settle(struct tagua_sandbox *sandbox, int status)
{
    tagua_watchdog_end();
    if (sandbox->tripped) {
        lua_sethook(sandbox->L, sandbox->hook, sandbox->hook_mask, 0);
        sandbox->tripped = 0;
        snprintf(sandbox->reason, sizeof sandbox->reason, "ran out of time: it took more than %g s",
                 (double)sandbox->options.limit_ns / 1e9);
        lua_gc(sandbox->L, LUA_GCCOLLECT, 0);
        tagua_watchdog_begin(); /* the record's other rules start from zero */
        tagua_watchdog_end();
        return sandbox->reason;
    }
    if (status == LUA_ERRMEM) {
        snprintf(sandbox->reason, sizeof sandbox->reason,
                 "ran out of memory: the rules may hold %zu MiB",
                 sandbox->options.memory / (1024 * 1024));
        lua_gc(sandbox->L, LUA_GCCOLLECT, 0);
        return sandbox->reason;
    }
    return NULL;
}

/* require, for the prelude alone: only what is embedded, each once. */
static int require_embedded(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    struct tagua_sandbox *sandbox = lua_touserdata(L, lua_upvalueindex(1));
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, 2, name) != LUA_TNIL)
        return 1;
    const struct tagua_embedded *module = sandbox->options.find(name);
    if (module == NULL)
        return luaL_error(L, "the prelude has no module '%s'", name);
    lua_pushfstring(L, "@%s", module->file);
    if (luaL_loadbufferx(L, (const char *)module->source, module->length, lua_tostring(L, -1),
                         "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

/* timed(f, ...) -> true, what it gave | false, its error or why it was stopped. For the prelude, where it
 * runs code of the rule file that is no rule: it has a record's time. */
static int timed(lua_State *L)
{
    struct tagua_sandbox *sandbox = lua_touserdata(L, lua_upvalueindex(1));
    tagua_watchdog_begin();
    int status = lua_pcall(L, lua_gettop(L) - 1, 1, 0);
    const char *reason = tagua_sandbox_settle(sandbox, status);
    lua_pushboolean(L, reason == NULL && status == LUA_OK);
    if (reason != NULL)
        lua_pushstring(L, reason);
    else
        lua_pushvalue(L, -2);
    return 2;
}

/* What is to be loaded; passed by address, so that nothing is allocated outside of a pcall. */
struct file {
    struct tagua_sandbox *sandbox;
    const struct tagua_sandbox_file *given;
};

/* Opens the libraries and the prelude, makes the language for a file of this name, and leaves it
 * behind in the registry. */
static int open_state(lua_State *L)
{
    const struct file *file = lua_touserdata(L, 1);
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},         {LUA_TABLIBNAME, luaopen_table},
        {LUA_STRLIBNAME, luaopen_string},  {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8},   {LUA_DBLIBNAME, luaopen_debug},
        {NULL, NULL},
    };
    struct tagua_sandbox *sandbox = file->sandbox;
    for (const luaL_Reg *library = libraries; library->name != NULL; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_newtable(L);
    tagua_lua_open_zone(L);
    lua_setfield(L, -2, "zone");
    tagua_lua_open_json(L);
    lua_setfield(L, -2, "json");
    lua_pushlightuserdata(L, sandbox);
    lua_pushcclosure(L, timed, 1);
    lua_setfield(L, -2, "timed");
    tagua_lua_open_decide(L);
    lua_setfield(L, -2, "decide");
    lua_setfield(L, -2, "tagua.core");
    lua_pushlightuserdata(L, sandbox);
    lua_pushcclosure(L, require_embedded, 1);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "require");
    lua_pushliteral(L, "tagua.rules.language");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "new");
    lua_pushstring(L, file->given->name);
    lua_pushboolean(L, file->given->apart);
    lua_call(L, 2, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);

    /* Strings find their methods in the read-only copy, and nobody finds the metatable. */
    lua_getfield(L, -1, "strings");
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    return 0;
}

const char tagua_sandbox_language = 0;

struct tagua_sandbox *tagua_sandbox_new(const struct tagua_sandbox_options *options,
                                        struct tagua_error *error)
{
    struct tagua_sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (sandbox == NULL) {
        tagua_error_set(error, "EIO", "out of memory");
        return NULL;
    }
    sandbox->options = *options;
    sandbox->L = lua_newstate(allocate, sandbox);
    sandbox->dog = (struct tagua_watchdog){sandbox, on_overdue, on_stuck};
    if (sandbox->L != NULL) /* what rules hold is little; where memory runs out, garbage goes first */
        lua_gc(sandbox->L, LUA_GCSETPAUSE, 400);
    if (sandbox->L == NULL) {
        tagua_error_set(error, "ECONFIG", "%zu bytes of memory are too little for rules: give 4 MiB",
                        options->memory);
        goto fail;
    }
    if (tagua_watchdog_start(&sandbox->dog, options->limit_ns, error) != 0)
        goto fail;
    return sandbox;
fail:
    tagua_sandbox_free(sandbox);
    return NULL;
}

void tagua_sandbox_free(struct tagua_sandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    tagua_watchdog_end();
    tagua_sandbox_forget_input(sandbox);
    tagua_zone_free(sandbox->zone);
    if (sandbox->L != NULL)
        lua_close(sandbox->L);
    free(sandbox->unknown);
    free(sandbox->failed);
    free(sandbox->asleep);
    free(sandbox);
}

static int ask_for_place(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);
    lua_getfield(L, -1, "placed");
    lua_insert(L, -2);
    lua_pushstring(L, lua_touserdata(L, 1));
    lua_call(L, 2, 1);
    return 1;
}

/* Whether a message names its file and line already, which may be those of an included file. */
static bool has_place(lua_State *L, const char *message)
{
    lua_pushcfunction(L, ask_for_place);
    lua_pushlightuserdata(L, (void *)(uintptr_t)message);
    bool found = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return found;
}

/* Turns what a failed pcall left on the stack into an error. Pops it. */
static int take_error(struct tagua_sandbox *sandbox, const char *name, int status,
                      struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    const char *reason = tagua_sandbox_settle(sandbox, status);
    if (reason != NULL)
        tagua_error_set(error, "ERULES", "%s: loading the rules %s", name, reason);
    else if (lua_type(L, -1) == LUA_TSTRING) {
        const char *message = lua_tostring(L, -1);
        if (strncmp(message, name, strlen(name)) == 0 || has_place(L, message))
            tagua_error_set(error, "ERULES", "%s", message);
        else
            tagua_error_set(error, "ERULES", "%s: %s", name, message);
    } else {
        tagua_error_set(error, "ERULES", "%s: the file raised a %s instead of a message", name,
                        luaL_typename(L, -1));
    }
    lua_pop(L, 1);
    return -1;
}

/* Runs the rule file in its environment: leaves the ruleset's description. */
static int load_file(lua_State *L)
{
    const struct file *file = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);
    lua_getfield(L, 2, "run");
    lua_pushvalue(L, 2);
    lua_pushlstring(L, file->given->source, file->given->length);
    struct tagua_error error;
    if (file->given->includes_length == 0)
        lua_pushnil(L);
    else if (tagua_lua_values_read(L, file->given->includes, file->given->includes_length,
                                   &error) == 0)
        return luaL_error(L, "what the file may include makes no sense: %s", error.message);
    lua_call(L, 3, 0);
    lua_getfield(L, 2, "finish");
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1);
    lua_getfield(L, 2, "decider");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_decider);
    return 1;
}

const char tagua_sandbox_decider = 0;

/* Allocates what counting the rules' troubles takes. */
static int make_counters(struct tagua_sandbox *sandbox, struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_decider);
    const struct tagua_decider *decider = tagua_decider_check(L, -1);
    lua_pop(L, 1);
    sandbox->fields = tagua_decider_fields(decider);
    sandbox->tags = tagua_decider_tags(decider);
    sandbox->rules = tagua_decider_rules(decider);
    if (sandbox->rules * (sandbox->fields + 1) > 16 * 1024 * 1024)
        return tagua_error_set(error, "ERULES", "%zu rules over %zu fields are too many",
                               sandbox->rules, sandbox->fields);
    sandbox->unknown = calloc(sandbox->rules * (sandbox->fields + 1), sizeof *sandbox->unknown);
    sandbox->failed = calloc(sandbox->rules + 1, sizeof *sandbox->failed);
    sandbox->asleep = calloc(sandbox->rules + 1, sizeof *sandbox->asleep);
    if (sandbox->unknown == NULL || sandbox->failed == NULL || sandbox->asleep == NULL)
        return tagua_error_set(error, "EIO", "out of memory");
    return 0;
}

int tagua_sandbox_load(struct tagua_sandbox *sandbox, const struct tagua_sandbox_file *given,
                       struct tagua_buffer *description, struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    const char *name = given->name;
    if (sandbox->failed != NULL)
        return tagua_error_set(error, "EPROTOCOL", "the rules are loaded already");
    if (given->length > LOADED_MOST)
        return tagua_error_set(error, "ETOOBIG", "%s: the file has %zu bytes, a rule file at most %d",
                               name, given->length, LOADED_MOST);
    struct file file = {sandbox, given};
    lua_pushcfunction(L, open_state);
    lua_pushlightuserdata(L, &file);
    int status = lua_pcall(L, 1, 0, 0);
    if (status != LUA_OK)
        return take_error(sandbox, name, status, error);
    sandbox->record = sandbox->rule = TAGUA_SANDBOX_LOADING;
    lua_pushcfunction(L, load_file);
    lua_pushlightuserdata(L, &file);
    tagua_watchdog_begin();
    status = lua_pcall(L, 1, 1, 0);
    if (status != LUA_OK)
        return take_error(sandbox, name, status, error);
    tagua_sandbox_settle(sandbox, LUA_OK);
    int result = tagua_lua_values_write(L, -1, description, error);
    lua_pop(L, 1);
    return result == 0 ? make_counters(sandbox, error) : -1;
}

/* Calls a method of the language: its name, and an integer that it may want. */
static int call_language(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);
    lua_getfield(L, -1, lua_touserdata(L, 1));
    lua_pushvalue(L, -2);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

static int protected_call(struct tagua_sandbox *sandbox, const char *method, int64_t argument)
{
    lua_State *L = sandbox->L;
    tagua_sandbox_watch_rules(sandbox);
    sandbox->record = TAGUA_SANDBOX_LOADING;
    lua_pushcfunction(L, call_language);
    lua_pushlightuserdata(L, (void *)(uintptr_t)method);
    lua_pushinteger(L, argument);
    return lua_pcall(L, 2, 1, 0);
}

int tagua_sandbox_probe(struct tagua_sandbox *sandbox, struct tagua_error *error)
{
    if (sandbox->failed == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    int status = protected_call(sandbox, "probe", 0);
    memset(sandbox->failed, 0, sandbox->rules * sizeof *sandbox->failed); /* it was not in earnest */
    if (status != LUA_OK)
        return take_error(sandbox, "rules", status, error);
    const char *complaint = lua_tostring(sandbox->L, -1);
    if (complaint != NULL)
        tagua_error_set(error, "ERULES", "%s", complaint);
    lua_pop(sandbox->L, 1);
    return complaint == NULL ? 0 : -1;
}

struct request {
    const char *bytes;
    size_t length;
    struct tagua_error *error;
};

static int call_ask(lua_State *L)
{
    const struct request *request = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tagua_sandbox_language);
    lua_getfield(L, -1, "ask");
    lua_insert(L, -2);
    if (tagua_lua_values_read(L, request->bytes, request->length, request->error) == 0)
        return luaL_error(L, "%s", request->error->message);
    lua_call(L, 2, 1);
    return 1;
}

int tagua_sandbox_ask(struct tagua_sandbox *sandbox, const char *bytes, size_t length,
                      struct tagua_buffer *answers, struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    if (sandbox->failed == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    struct request request = {bytes, length, error};
    tagua_sandbox_watch_rules(sandbox);
    sandbox->record = TAGUA_SANDBOX_LOADING;
    sandbox->alone = true;
    lua_pushcfunction(L, call_ask);
    lua_pushlightuserdata(L, &request);
    int status = lua_pcall(L, 1, 1, 0);
    sandbox->alone = false;
    if (status != LUA_OK)
        return take_error(sandbox, "rules", status, error);
    int result = tagua_lua_values_write(L, -1, answers, error);
    lua_pop(L, 1);
    return result;
}

int tagua_sandbox_test(struct tagua_sandbox *sandbox, int64_t at, struct tagua_buffer *results,
                       struct tagua_error *error)
{
    lua_State *L = sandbox->L;
    if (sandbox->failed == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    int status = protected_call(sandbox, "test", at);
    if (status != LUA_OK)
        return take_error(sandbox, "tests", status, error);
    int result = tagua_lua_values_write(L, -1, results, error);
    lua_pop(L, 1);
    return result;
}
