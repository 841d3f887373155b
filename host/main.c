/* tagua, the command: one Lua state with the embedded modules, handed the arguments.
 * Owns the process: the only file that ends it. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "embedded.h"
#include "lua_core.h"
#include "worker.h"
#include "secret.h"

int luaopen_cjson(lua_State *L);
int luaopen_cjson_safe(lua_State *L);

enum { EXIT_USAGE = 2, EXIT_CRASH = 70 }; /* 70: a bug of ours, EX_SOFTWARE in sysexits.h */

/* A package searcher: modules that are built in come before those on disk. */
static int find_embedded(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const struct tagua_embedded *module = tagua_embedded_find(name);
    if (module == NULL) {
        lua_pushfstring(L, "no embedded module '%s'", name);
        return 1;
    }
    const char *chunk = lua_pushfstring(L, "@%s", module->file);
    if (luaL_loadbufferx(L, (const char *)module->source, module->length, chunk, "t") != LUA_OK)
        return lua_error(L);
    lua_pushstring(L, module->file);
    return 2;
}

static void preload(lua_State *L, const char *name, lua_CFunction open)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* Puts find_embedded second in package.searchers, behind package.preload; with a folder given,
 * puts that folder on package.path instead. */
static void set_searchers(lua_State *L, const char *folder)
{
    lua_getglobal(L, "package");
    if (folder != NULL) {
        lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", folder, folder);
        lua_setfield(L, -2, "path");
    } else {
        lua_getfield(L, -1, "searchers");
        for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
            lua_geti(L, -1, i);
            lua_seti(L, -2, i + 1);
        }
        lua_pushcfunction(L, find_embedded);
        lua_seti(L, -2, 2);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int add_traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* A bug of ours, told without the secrets that its text may quote. */
static void complain(const char *message)
{
    struct tagua_buffer text;
    tagua_buffer_init(&text, SIZE_MAX / 4);
    if (message == NULL || tagua_secret_redact(message, strlen(message), &text) != 0)
        fputs("tagua: out of memory\n", stderr);
    else
        fprintf(stderr, "tagua: this is a bug in tagua, please report it:\n%.*s\n",
                (int)text.length, text.data != NULL ? text.data : "");
    tagua_buffer_wipe(&text);
}

/* Runs require("tagua.command").main(arguments); leaves the exit code on the stack. */
static int run(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    luaL_openlibs(L);
    preload(L, "cjson", luaopen_cjson);
    preload(L, "cjson.safe", luaopen_cjson_safe);
    preload(L, "tagua.core", luaopen_tagua_core);
    int first = 1;
    const char *folder = NULL;
    if (argc > 2 && strcmp(argv[1], "--lua-path") == 0) {
        folder = argv[2];
        first = 3;
    }
    set_searchers(L, folder);
    lua_getglobal(L, "require");
    lua_pushstring(L, "tagua.command");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 0);
    for (int i = first; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_seti(L, -2, i - first + 1);
    }
    lua_call(L, 1, 1);
    luaL_checkinteger(L, -1);
    return 1;
}

/* A standard stream that was closed (>&-) stays shut: whatever is opened next would take its number,
 * and what is meant for people would go into the ledger or to the platform. */
static void keep_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            abort();
}

int main(int argc, char **argv)
{
    prctl(PR_SET_DUMPABLE, 0); /* no core files: the process holds credentials */
    if (argc == 2 && strcmp(argv[1], "--worker") == 0)
        return tagua_worker_main(tagua_embedded_find); /* which holds its two pipes and nothing else */
    keep_streams();
    /* Whoever starts this may ignore SIGCHLD, and that is inherited: then nobody could learn how a process ended. */
    signal(SIGCHLD, SIG_DFL);
    /* Chunks and pages of users come and go: what they were in is kept for the next ones. */
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fputs("tagua: out of memory\n", stderr);
        return EXIT_CRASH;
    }
    lua_gc(L, LUA_GCSETPAUSE, 400); /* what a command loads is little, and mostly stays */
    lua_pushcfunction(L, add_traceback);
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int code = EXIT_CRASH;
    if (lua_pcall(L, 2, 1, 1) == LUA_OK)
        code = (int)lua_tointeger(L, -1);
    else
        complain(lua_tostring(L, -1));
    lua_close(L);
    return code;
}
