/* Binding: core.engine. A userdata owns its engine; its user value is the table of the callers'
 * tokens, by the number that the engine carries. Results are built one by one, each out of the
 * engine's hands while it is, for a finalizer that runs meanwhile may close the engine. */
#include <math.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "lua_limiter.h"
#include "lua_secret.h"
#include "lua_support.h"
#include "lua_verdict.h"
#include "nearest.h"

#define CLASS "tagua.engine"
#define TOKENS 1

struct handle {
    struct tagua_engine *engine; /* NULL once closed */
    struct tagua_call *taken;    /* its result is being built */
};

static struct tagua_engine *check_open(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    if (handle->engine == NULL)
        luaL_error(L, "this engine is closed");
    return handle->engine;
}

/* Raises when the table at `index` has a key that is not among `names` (ends with NULL). */
static void check_names(lua_State *L, int index, const char *const *names, const char *what)
{
    size_t count = 0;
    while (names[count] != NULL)
        count++;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "%s has no option that is a %s", what, luaL_typename(L, -1));
        const char *name = lua_tostring(L, -1);
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i < count)
            continue;
        const char *nearest = tagua_nearest(name, names, count);
        if (nearest != NULL)
            luaL_error(L, "%s has no option '%s'; did you mean '%s'?", what, name, nearest);
        luaL_error(L, "%s has no option '%s'", what, name);
    }
}

static int64_t seconds_option(lua_State *L, const char *name, double otherwise)
{
    double seconds = tagua_lua_number_option(L, 1, name, otherwise);
    if (!(seconds >= 0.001 && seconds <= 86400))
        luaL_error(L, "option '%s' must be 0.001 to 86400 seconds, got %f", name, seconds);
    return (int64_t)llround(seconds * (double)TAGUA_SECOND_NS);
}

static unsigned count_option(lua_State *L, const char *name, int64_t otherwise, int64_t most)
{
    int64_t value = tagua_lua_integer_option(L, 1, name, otherwise);
    if (value < 1 || value > most)
        luaL_error(L, "option '%s' must be 1 to %I, got %I", name, (LUAI_UACINT)most,
                   (LUAI_UACINT)value);
    return (unsigned)value;
}

/* Pushes table option `name`, or nil and returns false. */
static bool push_table_option(lua_State *L, int index, const char *name)
{
    int type = lua_getfield(L, index, name);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "option '%s' must be a table, got %s", name, luaL_typename(L, -1));
    return type == LUA_TTABLE;
}

static size_t class_options(lua_State *L, int rate, struct tagua_engine_class *classes)
{
    static const char *const names[] = {"per_second", "burst", "adaptive", "at_most", NULL};
    size_t count = 0;
    if (!push_table_option(L, rate, "classes"))
        return 0;
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TTABLE)
            luaL_error(L, "option 'rate.classes' maps names of classes to rates");
        if (count == TAGUA_ENGINE_CLASSES_MAX)
            luaL_error(L, "option 'rate.classes' has more than %d classes",
                       TAGUA_ENGINE_CLASSES_MAX);
        check_names(L, lua_gettop(L), names, "a rate of a class");
        classes[count].name = lua_tostring(L, -2); /* the table keeps it */
        if (strlen(classes[count].name) > 31)
            luaL_error(L, "the name of a class has at most 31 bytes, got '%s'",
                       classes[count].name);
        classes[count].rate = (struct tagua_limiter_options){.seed = (uint64_t)count + 1};
        tagua_lua_limiter_options(L, lua_gettop(L), &classes[count].rate);
        count++;
        lua_pop(L, 1);
    }
    return count;
}

/* What is read stays on the stack, which keeps the texts until the engine has copied them. */
static void read_options(lua_State *L, struct tagua_engine_options *options,
                         struct tagua_engine_class *classes)
{
    static const char *const names[] = {
        "name",      "base",        "bearer",        "body_secret",       "rate",
        "in_flight", "connect_timeout", "timeout",   "attempts",          "backoff",
        "backoff_max", "give_up_after", "unreachable_after", "alone_first", "envelope",
        "codes",     "user_agent",  "ca_file",       "renewable",         NULL};
    static const char *const rate_names[] = {"per_second", "burst",   "adaptive",
                                             "at_most",    "classes", NULL};
    static const char *const envelope_names[] = {"code", "message", "status", "success", NULL};
    static const char *const secret_names[] = {"field", "value", NULL};
    check_names(L, 1, names, "an engine");
    options->name = tagua_lua_text_option(L, 1, "name", "unnamed");
    options->base = tagua_lua_text_option(L, 1, "base", NULL);
    if (options->base == NULL)
        luaL_error(L, "an engine needs the option 'base'");
    options->user_agent = tagua_lua_text_option(L, 1, "user_agent", NULL);
    if (options->user_agent != NULL && strpbrk(options->user_agent, "\r\n") != NULL)
        luaL_error(L, "option 'user_agent' must be one line");
    options->ca_file = tagua_lua_text_option(L, 1, "ca_file", NULL);
    options->bearer = tagua_lua_secret_option(L, 1, "bearer");
    if (push_table_option(L, 1, "body_secret")) {
        check_names(L, lua_gettop(L), secret_names, "body_secret");
        options->body_field = tagua_lua_text_option(L, lua_gettop(L), "field", NULL);
        options->body_secret = tagua_lua_secret_option(L, lua_gettop(L), "value");
        if (options->body_field == NULL || options->body_secret == NULL)
            luaL_error(L, "option 'body_secret' needs a field and a value");
    }
    options->rate = (struct tagua_limiter_options){.per_second = 5, .burst = 1};
    if (push_table_option(L, 1, "rate")) {
        int rate = lua_gettop(L);
        check_names(L, rate, rate_names, "rate");
        tagua_lua_limiter_options(L, rate, &options->rate);
        options->class_count = class_options(L, rate, classes);
        options->classes = classes;
    }
    options->in_flight = count_option(L, "in_flight", 16, TAGUA_CLIENT_CONNECTIONS_MAX);
    options->connect_timeout_ns = seconds_option(L, "connect_timeout", 10);
    options->timeout_ns = seconds_option(L, "timeout", 30);
    options->attempts = count_option(L, "attempts", 5, 1000);
    options->backoff_ns = seconds_option(L, "backoff", 0.5);
    options->backoff_max_ns = seconds_option(L, "backoff_max", 30);
    options->give_up_after_ns = seconds_option(L, "give_up_after", 600);
    options->unreachable_after = count_option(L, "unreachable_after", 5, 1000);
    options->alone_first = tagua_lua_boolean_option(L, 1, "alone_first", true);
    options->renewable = tagua_lua_boolean_option(L, 1, "renewable", false);
    if (push_table_option(L, 1, "envelope")) {
        int envelope = lua_gettop(L);
        check_names(L, envelope, envelope_names, "envelope");
        options->has_envelope = true;
        options->envelope.code = tagua_lua_text_option(L, envelope, "code", NULL);
        options->envelope.message = tagua_lua_text_option(L, envelope, "message", NULL);
        options->envelope.status = tagua_lua_text_option(L, envelope, "status", NULL);
        options->envelope.success = tagua_lua_text_option(L, envelope, "success", NULL);
    }
    struct tagua_verdict_row *rows;
    options->row_count = tagua_lua_verdict_rows(L, 1, "codes", &rows);
    options->rows = rows;
}

/* engine.new{...} -> engine | nil, message, code; raises on misuse. */
static int engine_new(lua_State *L)
{
    struct tagua_engine_options options = {0};
    struct tagua_engine_class classes[TAGUA_ENGINE_CLASSES_MAX];
    struct tagua_error error;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, TOKENS);
    *handle = (struct handle){0};
    luaL_setmetatable(L, CLASS);
    lua_newtable(L);
    lua_setiuservalue(L, 2, TOKENS);
    read_options(L, &options, classes);
    handle->engine = tagua_engine_new(&options, &error);
    if (handle->engine == NULL)
        return tagua_lua_fail(L, &error);
    lua_settop(L, 2);
    return 1;
}

/* The caller's text, left on the stack, which keeps it; its length. */
static const char *text_field(lua_State *L, const char *name, size_t *length)
{
    *length = 0;
    int type = lua_getfield(L, 2, name);
    const char *text = NULL;
    if (type == LUA_TSTRING)
        text = lua_tolstring(L, -1, length);
    else if (type != LUA_TNIL)
        luaL_error(L, "option '%s' must be a string, got %s", name, luaL_typename(L, -1));
    return text;
}

/* The method as a text that outlives the Lua state. */
static const char *method_field(lua_State *L)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    size_t length;
    const char *method = text_field(L, "method", &length);
    for (size_t i = 0; method != NULL && i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(method, methods[i]) == 0)
            return methods[i];
    luaL_error(L, "option 'method' must be GET, POST, PUT, PATCH or DELETE, got '%s'",
               method != NULL ? method : "nil");
    return NULL;
}

/* engine:submit{ method=, path=, body=, class=, lane=, repeatable=, max_body=, token= }. */
static int engine_submit(lua_State *L)
{
    struct tagua_engine *engine = check_open(L);
    struct tagua_submission submission = {0};
    struct tagua_error error;
    size_t length;
    luaL_checktype(L, 2, LUA_TTABLE);
    submission.method = method_field(L);
    submission.path = text_field(L, "path", &submission.path_length);
    if (submission.path == NULL)
        return luaL_error(L, "a request needs the option 'path'");
    submission.body = text_field(L, "body", &submission.body_length);
    submission.class = text_field(L, "class", &length);
    submission.lane = text_field(L, "lane", &submission.lane_length);
    submission.repeatable = tagua_lua_boolean_option(L, 2, "repeatable", false);
    int64_t max_body = tagua_lua_integer_option(L, 2, "max_body", 1 << 20);
    submission.max_body = max_body > 0 ? (size_t)max_body : 0;
    lua_getiuservalue(L, 1, TOKENS);
    lua_getfield(L, 2, "token");
    if (lua_isnil(L, -1)) {
        submission.token = LUA_REFNIL;
        lua_pop(L, 1);
    } else {
        submission.token = luaL_ref(L, -2);
    }
    if (tagua_engine_submit(engine, &submission, &error) == 0)
        return 0;
    luaL_unref(L, -1, (int)submission.token);
    return luaL_error(L, "%s", error.message);
}

static void set_text(lua_State *L, const char *name, const char *text, size_t length)
{
    lua_pushlstring(L, text, length);
    lua_setfield(L, -2, name);
}

/* Pushes one result as a table. The table of tokens is at `tokens`. */
static void push_result(lua_State *L, const struct tagua_call *call, int tokens)
{
    static const char *const verdicts[] = {
        [TAGUA_FINAL_DONE] = "done",           [TAGUA_FINAL_FAIL] = "fail",
        [TAGUA_FINAL_SETTLE] = "settle",       [TAGUA_FINAL_STOP] = "stop",
        [TAGUA_FINAL_CANCELLED] = "cancelled",
    };
    bool ok = call->final == TAGUA_FINAL_DONE;
    lua_createtable(L, 0, ok ? 7 : 10);
    if (call->token != LUA_REFNIL) {
        lua_rawgeti(L, tokens, call->token);
        lua_setfield(L, -2, "token");
        luaL_unref(L, tokens, (int)call->token);
    }
    lua_pushboolean(L, ok);
    lua_setfield(L, -2, "ok");
    lua_pushstring(L, verdicts[call->final]);
    lua_setfield(L, -2, "verdict");
    lua_pushinteger(L, call->attempts + call->throttles);
    lua_setfield(L, -2, "attempts");
    lua_pushboolean(L, call->sent);
    lua_setfield(L, -2, "sent");
    if (call->status != 0) {
        lua_pushinteger(L, call->status);
        lua_setfield(L, -2, "status");
        const struct tagua_buffer *body = &call->exchange.answer;
        set_text(L, "body", body->length > 0 ? body->data : "", body->length);
    }
    if (ok)
        return;
    set_text(L, "code", call->code, strlen(call->code));
    set_text(L, "message", call->message.length > 0 ? call->message.data : "",
             call->message.length);
    if (call->has_platform_code) {
        lua_pushinteger(L, call->platform_code);
        lua_setfield(L, -2, "platform_code");
    }
}

/* Reads an array of descriptors, or of nothing. */
static size_t descriptors_at(lua_State *L, int index, int *descriptors)
{
    if (lua_isnoneornil(L, index))
        return 0;
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    luaL_argcheck(L, count <= TAGUA_CLIENT_DESCRIPTORS_MAX, index, "too many descriptors");
    for (size_t i = 0; i < count; i++) {
        int exact;
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        lua_Integer descriptor = lua_tointegerx(L, -1, &exact);
        luaL_argcheck(L, exact && descriptor >= 0 && descriptor <= INT32_MAX, index,
                      "descriptors are whole numbers");
        descriptors[i] = (int)descriptor;
        lua_pop(L, 1);
    }
    return count;
}

/* engine:poll(seconds, {fd, ...}|nil) -> array of results | nil, message, code. */
static int engine_poll(lua_State *L)
{
    struct tagua_engine *engine = check_open(L);
    struct handle *handle = lua_touserdata(L, 1);
    struct tagua_error error;
    int descriptors[TAGUA_CLIENT_DESCRIPTORS_MAX];
    double seconds = luaL_optnumber(L, 2, 0);
    luaL_argcheck(L, seconds >= 0, 2, "a time to wait is not negative");
    size_t count = descriptors_at(L, 3, descriptors);
    int64_t timeout_ns = seconds < 86400 ? (int64_t)(seconds * (double)TAGUA_SECOND_NS)
                                         : 86400 * TAGUA_SECOND_NS;
    if (handle->taken != NULL) { /* an error came while it was built */
        tagua_call_recycle(tagua_engine_pool(engine), handle->taken);
        handle->taken = NULL;
    }
    if (tagua_engine_poll(engine, timeout_ns, descriptors, count, &error) != 0)
        return tagua_lua_fail(L, &error);
    size_t results = tagua_engine_results(engine);
    lua_getiuservalue(L, 1, TOKENS);
    int tokens = lua_gettop(L);
    lua_createtable(L, results <= INT32_MAX ? (int)results : 0, 0);
    for (lua_Integer i = 1; handle->engine != NULL; i++) {
        handle->taken = tagua_engine_take(handle->engine);
        if (handle->taken == NULL)
            break;
        push_result(L, handle->taken, tokens);
        lua_rawseti(L, -2, i);
        tagua_call_recycle(handle->engine != NULL ? tagua_engine_pool(handle->engine) : NULL,
                           handle->taken);
        handle->taken = NULL;
    }
    return 1;
}

/* engine:descriptor() -> what to wait for to be readable, seconds to wait at most or nil for no end,
 * before the next poll | nil, message, code. */
static int engine_descriptor(lua_State *L)
{
    struct tagua_error error;
    int64_t timeout_ns;
    int descriptor = tagua_engine_descriptor(check_open(L), &timeout_ns, &error);
    if (descriptor < 0)
        return tagua_lua_fail(L, &error);
    lua_pushinteger(L, descriptor);
    if (timeout_ns == INT64_MAX)
        return 1;
    lua_pushnumber(L, (lua_Number)timeout_ns / (lua_Number)TAGUA_SECOND_NS);
    return 2;
}

/* engine:pending() -> requests that have no result yet. */
static int engine_pending(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tagua_engine_pending(check_open(L)));
    return 1;
}

/* engine:flying() -> requests under way. */
static int engine_flying(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tagua_engine_flying(check_open(L)));
    return 1;
}

/* engine:drop_queued(): all that is not under way comes back as cancelled. */
static int engine_drop_queued(lua_State *L)
{
    tagua_engine_drop_queued(check_open(L));
    return 0;
}

/* engine:stopped() -> nil while the run goes on, or message, code. */
static int engine_stopped(lua_State *L)
{
    const struct tagua_error *stop = tagua_engine_stopped(check_open(L));
    if (stop == NULL)
        return 0;
    lua_pushstring(L, stop->message);
    lua_pushstring(L, stop->code);
    return 2;
}

/* engine:hold(): nothing more is sent until engine:renew. */
static int engine_hold(lua_State *L)
{
    tagua_engine_hold(check_open(L));
    return 0;
}

/* engine:renewal() -> nil, or the platform's code for refusing the credentials, 0 when it did not:
 * nothing is under way any more, and nothing is sent until engine:renew or engine:give_up. */
static int engine_renewal(lua_State *L)
{
    int64_t code;
    if (!tagua_engine_wants_renewal(check_open(L), &code))
        return 0;
    lua_pushinteger(L, code);
    return 1;
}

/* engine:renew{ bearer =, body_secret = } -> true | nil, message, code. */
static int engine_renew(lua_State *L)
{
    struct tagua_engine *engine = check_open(L);
    struct tagua_error error;
    luaL_checktype(L, 2, LUA_TTABLE);
    struct tagua_secret *bearer = tagua_lua_secret_option(L, 2, "bearer");
    struct tagua_secret *body_secret = tagua_lua_secret_option(L, 2, "body_secret");
    if (tagua_engine_renew(engine, bearer, body_secret, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* engine:give_up(message, code): there are no new credentials, and the run ends. */
static int engine_give_up(lua_State *L)
{
    struct tagua_engine *engine = check_open(L);
    const char *message = luaL_checkstring(L, 2);
    tagua_engine_give_up(engine, luaL_checkstring(L, 3), message);
    return 0;
}

/* engine:restart(): a stopped run goes on with what is submitted from now on; the limiter keeps what
 * it learned, and a pause that lasts. */
static int engine_restart(lua_State *L)
{
    tagua_engine_restart(check_open(L));
    return 0;
}

/* engine:stats() -> { sent=, answered=, retries=, throttled=, waited_seconds=, rate= }. */
static int engine_stats(lua_State *L)
{
    struct tagua_engine_stats stats;
    tagua_engine_stats(check_open(L), &stats);
    lua_createtable(L, 0, 6);
    lua_pushinteger(L, stats.sent);
    lua_setfield(L, -2, "sent");
    lua_pushinteger(L, stats.answered);
    lua_setfield(L, -2, "answered");
    lua_pushinteger(L, stats.retries);
    lua_setfield(L, -2, "retries");
    lua_pushinteger(L, stats.throttled);
    lua_setfield(L, -2, "throttled");
    lua_pushnumber(L, (double)stats.waited_ns / (double)TAGUA_SECOND_NS);
    lua_setfield(L, -2, "waited_seconds");
    lua_pushnumber(L, stats.rate);
    lua_setfield(L, -2, "rate");
    return 1;
}

/* engine:close(): drops all, requests under way included. A result that is being built is let be:
 * whoever builds it frees it. */
static int engine_close(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    tagua_engine_free(handle->engine);
    handle->engine = NULL;
    return 0;
}

int tagua_lua_open_engine(lua_State *L);

int tagua_lua_open_engine(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"submit", engine_submit},   {"poll", engine_poll},
        {"pending", engine_pending}, {"flying", engine_flying},
        {"stats", engine_stats},     {"drop_queued", engine_drop_queued},
        {"stopped", engine_stopped}, {"restart", engine_restart},
        {"hold", engine_hold},       {"renewal", engine_renewal},
        {"renew", engine_renew},     {"give_up", engine_give_up},
        {"descriptor", engine_descriptor},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"new", engine_new}, {NULL, NULL}};
    tagua_lua_class(L, CLASS, methods, engine_close);
    luaL_newlib(L, functions);
    return 1;
}
