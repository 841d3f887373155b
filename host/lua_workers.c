/* Binding: workers and what they say, for tagua.rules.pool. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "embedded.h"
#include "frame.h"
#include "lua_block.h"
#include "lua_support.h"
#include "lua_values.h"
#include "worker.h"
#include "workers.h"

int tagua_lua_open_workers(lua_State *L);

#define CLASS "tagua worker"

enum { POLLED_MOST = 256, ARGUMENTS_MOST = 8 };

/* Only the executable has the embedded modules, and only it can be a worker. */
extern const struct tagua_embedded tagua_embedded_modules[] __attribute__((weak));

struct holder {
    struct tagua_worker *worker; /* NULL when closed */
};

static struct tagua_worker *check_worker(lua_State *L, int index)
{
    struct holder *holder = luaL_checkudata(L, index, CLASS);
    if (holder->worker == NULL)
        luaL_error(L, "the worker is closed");
    return holder->worker;
}

/* workers.start(file, argument...) -> worker | nil, message, code. */
static int workers_start(lua_State *L)
{
    const char *arguments[ARGUMENTS_MOST + 2] = {"tagua"};
    const char *file = luaL_checkstring(L, 1);
    int count = lua_gettop(L) - 1;
    luaL_argcheck(L, count <= ARGUMENTS_MOST, ARGUMENTS_MOST + 1, "too many arguments");
    for (int i = 1; i <= count; i++)
        arguments[i] = luaL_checkstring(L, i + 1);
    struct tagua_error error;
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 0);
    holder->worker = NULL;
    luaL_setmetatable(L, CLASS);
    holder->worker = tagua_worker_start(file, (char *const *)(uintptr_t)arguments, &error);
    return holder->worker != NULL ? 1 : tagua_lua_fail(L, &error);
}

static int worker_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, CLASS);
    tagua_worker_free(holder->worker);
    holder->worker = NULL;
    return 0;
}

/* worker:send(kind, bytes[, more]) -> true | nil, message, code. Kinds are the letters of frame.h.*/
static int worker_send(lua_State *L)
{
    struct tagua_worker *worker = check_worker(L, 1);
    const char *kind = luaL_checkstring(L, 2);
    size_t length, more_length;
    const char *bytes = luaL_checklstring(L, 3, &length);
    const char *more = luaL_optlstring(L, 4, "", &more_length);
    struct tagua_error error;
    if (tagua_worker_send(worker, (uint32_t)(unsigned char)kind[0], bytes, length, more,
                          more_length, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

static int flag(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    int set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

/* worker:load { name =, source =, includes = bytes of a value or nil, memory = bytes, seconds =,
 * probe = boolean, apart = boolean }: queues the load frame. */
static int worker_load(lua_State *L)
{
    struct tagua_worker *worker = check_worker(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t name_length, source_length, includes_length;
    lua_getfield(L, 2, "name");
    const char *name = luaL_checklstring(L, -1, &name_length);
    lua_getfield(L, 2, "source");
    const char *source = luaL_checklstring(L, -1, &source_length);
    lua_getfield(L, 2, "includes");
    const char *includes = luaL_optlstring(L, -1, "", &includes_length);
    lua_getfield(L, 2, "memory");
    lua_getfield(L, 2, "seconds");
    struct {
        uint64_t memory;
        int64_t limit_ns;
        uint64_t probe, apart, length;
    } load = {(uint64_t)luaL_checkinteger(L, -2), (int64_t)(luaL_checknumber(L, -1) * 1e9),
              (uint64_t)flag(L, "probe"), (uint64_t)flag(L, "apart"), source_length};
    luaL_argcheck(L, strlen(name) == name_length, 2, "a file's name holds no NUL");
    luaL_Buffer head;
    luaL_buffinit(L, &head);
    luaL_addlstring(&head, (const char *)&load, sizeof load);
    luaL_addlstring(&head, name, name_length + 1);
    luaL_addlstring(&head, source, source_length);
    luaL_pushresult(&head);
    size_t length;
    const char *bytes = lua_tolstring(L, -1, &length);
    struct tagua_error error;
    if (tagua_worker_send(worker, TAGUA_FRAME_LOAD, bytes, length, includes, includes_length,
                          &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* worker:receive() -> kind, bytes | nil (nothing yet) | false, how it ended. An announcement or
 * last words: kind, record, rule (from 0). An error: kind, message, code. */
static int worker_receive(lua_State *L)
{
    struct tagua_worker *worker = check_worker(L, 1);
    uint32_t kind;
    const char *bytes;
    size_t length;
    int got = tagua_worker_receive(worker, &kind, &bytes, &length);
    if (got == 0)
        return 0;
    if (got < 0) {
        lua_pushboolean(L, 0);
        lua_pushstring(L, tagua_worker_ending(worker));
        return 2;
    }
    char name = (char)kind;
    lua_pushlstring(L, &name, 1);
    if ((kind == TAGUA_FRAME_ANNOUNCE || kind == TAGUA_FRAME_STUCK) && length == 16) {
        int64_t place[2];
        memcpy(place, bytes, sizeof place);
        lua_pushinteger(L, place[0]);
        lua_pushinteger(L, place[1]);
        return 3;
    }
    const char *end = kind == TAGUA_FRAME_ERROR && length > 0 ? memchr(bytes, '\0', length) : NULL;
    if (end != NULL) {
        lua_pushlstring(L, end + 1, length - (size_t)(end + 1 - bytes));
        lua_pushstring(L, bytes);
        return 3;
    }
    lua_pushlstring(L, length > 0 ? bytes : "", length);
    return 2;
}

static int worker_pid(lua_State *L)
{
    lua_pushinteger(L, tagua_worker_pid(check_worker(L, 1)));
    return 1;
}

/* worker:idle() -> seconds since a byte went in or out. */
static int worker_idle(lua_State *L)
{
    int64_t since = tagua_worker_last_active_ns(check_worker(L, 1));
    lua_pushnumber(L, (double)(tagua_clock_monotonic_ns() - since) / 1e9);
    return 1;
}

/* workers.poll({worker, ...}, seconds): moves bytes in both directions. */
static int workers_poll(lua_State *L)
{
    struct tagua_worker *list[POLLED_MOST];
    luaL_checktype(L, 1, LUA_TTABLE);
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 2, "must be 0 to 3600 seconds");
    size_t count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= POLLED_MOST, 1, "too many workers");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        list[i] = check_worker(L, -1);
        lua_pop(L, 1); /* the table keeps it */
    }
    tagua_workers_poll(list, count, (int)(seconds * 1000));
    return 0;
}

/* The buffer of values_write is its own object, so that an error while writing does not lose it. */
static int free_buffer(lua_State *L)
{
    tagua_buffer_free(lua_touserdata(L, 1));
    return 0;
}

/* workers.write(value) -> bytes: what worker:send takes for an input or the front of a task. */
static int workers_write(lua_State *L)
{
    luaL_checkany(L, 1);
    struct tagua_buffer *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
    tagua_buffer_init(buffer, TAGUA_FRAME_MOST);
    lua_newtable(L);
    lua_pushcfunction(L, free_buffer);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    struct tagua_error error;
    if (tagua_lua_values_write(L, 1, buffer, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushlstring(L, buffer->data, buffer->length);
    tagua_buffer_free(buffer);
    return 1;
}

/* workers.read(bytes) -> value | nil, message, code. */
static int workers_read(lua_State *L)
{
    size_t length;
    const char *bytes = luaL_checklstring(L, 1, &length);
    struct tagua_error error;
    if (tagua_lua_values_read(L, bytes, length, &error) == 0)
        return tagua_lua_fail(L, &error);
    return 1;
}

/* --- a worker out of a plain interpreter ---------------------------------------------------------- */

enum { PRELUDE_MOST = 64 };

/* What workers_run was given: one process is one worker, so there is one of it. */
static struct tagua_embedded prelude[PRELUDE_MOST + 1];

static const struct tagua_embedded *find_in_prelude(const char *name)
{
    for (const struct tagua_embedded *module = prelude; module->name != NULL; module++)
        if (strcmp(module->name, name) == 0)
            return module;
    return NULL;
}

/* workers.run { { name =, file =, source = }, ... } -> exit code: this process is a worker from here on, until
 * the other end of its pipes closes; the modules are what it may require. For lua/tagua/rules/worker.lua. */
static int workers_run(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= PRELUDE_MOST, 1, "too many modules");
    for (size_t i = 0; i < count; i++) { /* the table keeps the texts, and stands on the stack */
        struct tagua_embedded *module = &prelude[i];
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        lua_getfield(L, -1, "name");
        module->name = luaL_checkstring(L, -1);
        lua_getfield(L, -2, "file");
        module->file = luaL_checkstring(L, -1);
        lua_getfield(L, -3, "source");
        module->source = (const unsigned char *)luaL_checklstring(L, -1, &module->length);
        lua_pop(L, 4);
    }
    lua_pushinteger(L, tagua_worker_main(find_in_prelude));
    return 1;
}

/* workers.executable() -> the path of this executable, when it can be a worker; nil in a module. */
static int workers_executable(lua_State *L)
{
    /* cppcheck-suppress knownConditionTrueFalse ; a weak symbol is NULL where nobody defines it */
    if (tagua_embedded_modules == NULL)
        return 0;
    lua_pushliteral(L, "/proc/self/exe");
    return 1;
}

int tagua_lua_open_workers(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"send", worker_send}, {"load", worker_load}, {"receive", worker_receive},
        {"pid", worker_pid},   {"idle", worker_idle}, {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"start", workers_start}, {"poll", workers_poll},
        {"write", workers_write}, {"read", workers_read},
        {"executable", workers_executable}, {"run", workers_run},
        {NULL, NULL},
    };
    tagua_lua_class(L, CLASS, methods, worker_close);
    luaL_newlib(L, functions);
    tagua_lua_add_block(L);
    return 1;
}
