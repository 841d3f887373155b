/* Binding: core.process. Processes of this program as userdata; one that is collected is killed. */
#define _DEFAULT_SOURCE
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "lua_support.h"
#include "process.h"

#define PROCESS "tagua.process"

enum { ARGUMENTS_MOST = 64 };

struct box {
    struct tagua_process *process; /* NULL: closed */
};

static struct tagua_process *check(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, PROCESS);
    if (box->process == NULL)
        luaL_error(L, "the process is closed");
    return box->process;
}

static struct box *new_box(lua_State *L)
{
    struct box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->process = NULL;
    luaL_setmetatable(L, PROCESS);
    return box;
}

/* process.start(executable, { argument, ... }) -> process | nil, message, "EIO". */
static int process_start(lua_State *L)
{
    const char *executable = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = (size_t)lua_rawlen(L, 2);
    luaL_argcheck(L, count <= ARGUMENTS_MOST, 2, "at most 64 arguments");
    char name[] = "tagua";
    char *argv[ARGUMENTS_MOST + 2] = {name};
    luaL_checkstack(L, (int)count + 4, "arguments");
    for (size_t i = 1; i <= count; i++) { /* the strings stay on the stack */
        if (lua_rawgeti(L, 2, (lua_Integer)i) != LUA_TSTRING)
            return luaL_error(L, "argument %d is no string", (int)i);
        argv[i] = (char *)(uintptr_t)lua_tostring(L, -1);
    }
    struct box *box = new_box(L);
    struct tagua_error error;
    box->process = tagua_process_start(executable, argv, &error);
    return box->process != NULL ? 1 : tagua_lua_fail(L, &error);
}

/* process.owner() -> the process that started this one | nil, message, "EIO". */
static int process_owner(lua_State *L)
{
    struct box *box = new_box(L);
    struct tagua_error error;
    box->process = tagua_process_owner(&error);
    return box->process != NULL ? 1 : tagua_lua_fail(L, &error);
}

/* p:write(line) -> true | nil, message, code. */
static int process_write(lua_State *L)
{
    struct tagua_process *process = check(L);
    size_t length;
    const char *line = luaL_checklstring(L, 2, &length);
    struct tagua_error error;
    if (tagua_process_write(process, line, length, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* p:flush() -> whether nothing waits to be written. */
static int process_flush(lua_State *L)
{
    lua_pushboolean(L, tagua_process_flush(check(L)));
    return 1;
}

/* p:lines() -> { line, ... } that have come, and whether more can come. */
static int process_lines(lua_State *L)
{
    struct tagua_process *process = check(L);
    tagua_process_read(process);
    lua_newtable(L);
    const char *line = NULL;
    size_t length = 0;
    lua_Integer count = 0;
    int found;
    while ((found = tagua_process_line(process, &line, &length)) == 1) {
        lua_pushlstring(L, line, length);
        lua_rawseti(L, -2, ++count);
    }
    lua_pushboolean(L, found == 0);
    return 2;
}

/* p:wait(seconds): until a line may have come, a signal comes, or the time is over. */
static int process_wait(lua_State *L)
{
    struct pollfd wanted = {.fd = tagua_process_fd(check(L)), .events = POLLIN};
    lua_Number seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 2, "must be 0 to 3600 seconds");
    poll(&wanted, 1, (int)(seconds * 1000));
    return 0;
}

/* p:finish(): the other side reads its end. */
static int process_finish(lua_State *L)
{
    tagua_process_finish(check(L));
    return 0;
}

/* p:fd() -> a descriptor that is readable when lines have come. */
static int process_fd(lua_State *L)
{
    lua_pushinteger(L, tagua_process_fd(check(L)));
    return 1;
}

/* p:pid() -> its id, nil for the owner and once it has ended. */
static int process_pid(lua_State *L)
{
    pid_t pid = tagua_process_pid(check(L));
    if (pid <= 0)
        return 0;
    lua_pushinteger(L, pid);
    return 1;
}

/* p:ended() -> nil while it runs, else "exit" and its code or "signal" and its number. */
static int process_ended(lua_State *L)
{
    int status;
    if (!tagua_process_ended(check(L), &status))
        return 0;
    lua_pushstring(L, WIFSIGNALED(status) ? "signal" : "exit");
    lua_pushinteger(L, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 2;
}

/* p:signal("term" | "kill"). */
static int process_signal(lua_State *L)
{
    static const char *const names[] = {"term", "kill", NULL};
    static const int numbers[] = {SIGTERM, SIGKILL};
    struct tagua_process *process = check(L);
    tagua_process_signal(process, numbers[luaL_checkoption(L, 2, NULL, names)]);
    return 0;
}

static int process_close(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, PROCESS);
    struct tagua_process *process = box->process;
    box->process = NULL;
    tagua_process_free(process);
    return 0;
}

int tagua_lua_open_process(lua_State *L);

int tagua_lua_open_process(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"write", process_write},   {"flush", process_flush}, {"lines", process_lines},
        {"finish", process_finish}, {"fd", process_fd},       {"pid", process_pid},
        {"ended", process_ended},   {"signal", process_signal}, {"wait", process_wait},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"start", process_start}, {"owner", process_owner}, {NULL, NULL}};
    tagua_lua_class(L, PROCESS, methods, process_close);
    luaL_newlib(L, functions);
    return 1;
}
