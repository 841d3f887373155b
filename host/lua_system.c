/* Binding: the few things a command needs of the operating system that Lua does not give it:
 * clocks, sleep, signals, the terminal, folders. Owns the flag that a signal sets. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "lua_support.h"

#define FOLDER "tagua open folder"

/* How often SIGINT, SIGTERM or SIGHUP came, and which came last. */
static volatile sig_atomic_t interruptions;
static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t hangups; /* how many of them were SIGHUP */

static void on_signal(int number)
{
    interruptions++;
    last_signal = number;
    if (number == SIGHUP)
        hangups++;
}

/* system.catch_signals(): from now on SIGINT, SIGTERM and SIGHUP (unless nohup has it ignored) set
 * a flag instead of ending the process, and a closed pipe is an error of the write. */
static int system_catch_signals(lua_State *L)
{
    (void)L;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    return 0;
}

/* system.interrupted() -> how many times, "int", "term" or "hup" for the last. */
static int system_interrupted(lua_State *L)
{
    lua_pushinteger(L, interruptions);
    if (last_signal == 0)
        return 1;
    lua_pushstring(L, last_signal == SIGINT ? "int" : last_signal == SIGHUP ? "hup" : "term");
    return 2;
}

/* system.hangups() -> how many of the signals that interrupted() counts were SIGHUP. */
static int system_hangups(lua_State *L)
{
    lua_pushinteger(L, hangups);
    return 1;
}

/* system.monotonic_ns() -> nanoseconds on a clock that only goes forward. */
static int system_monotonic_ns(lua_State *L)
{
    lua_pushinteger(L, tagua_clock_monotonic_ns());
    return 1;
}

/* system.wall_ns() -> nanoseconds since the epoch. */
static int system_wall_ns(lua_State *L)
{
    lua_pushinteger(L, tagua_clock_wall_ns());
    return 1;
}

/* system.sleep(seconds): returns early when a signal comes. */
static int system_sleep(lua_State *L)
{
    double seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 86400, 1, "must be 0 to 86400 seconds");
    poll(NULL, 0, (int)(seconds * 1000));
    return 0;
}

/* system.is_terminal(descriptor) -> boolean. */
static int system_is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* system.columns(descriptor) -> the terminal's width, or nil where there is none. */
static int system_columns(lua_State *L)
{
    struct winsize size;
    if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    lua_pushinteger(L, size.ws_col);
    return 1;
}

/* system.cores() -> how many processors are online. */
static int system_cores(lua_State *L)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    lua_pushinteger(L, cores > 0 ? cores : 1);
    return 1;
}

/* system.descriptors(wanted) -> how many descriptors this process may have open, after it was raised
 * to `wanted`, or as far towards it as the system lets it. */
static int system_descriptors(lua_State *L)
{
    lua_Integer wanted = luaL_checkinteger(L, 1);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return luaL_error(L, "the limit of open descriptors can't be read");
    if (wanted > 0 && limit.rlim_cur != RLIM_INFINITY && (rlim_t)wanted > limit.rlim_cur) {
        struct rlimit raised = limit;
        raised.rlim_cur =
            limit.rlim_max != RLIM_INFINITY && (rlim_t)wanted > limit.rlim_max ? limit.rlim_max
                                                                              : (rlim_t)wanted;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    lua_pushinteger(L, limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT32_MAX
                           ? INT32_MAX
                           : (lua_Integer)limit.rlim_cur);
    return 1;
}

/* system.pid() -> this process. */
static int system_pid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

/* system.executable() -> path of the running program. */
static int system_executable(lua_State *L)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0 || (size_t)length >= sizeof path) {
        struct tagua_error error;
        tagua_error_set(&error, "EIO", "cannot find the path of the running program: %s",
                        strerror(errno));
        return tagua_lua_fail(L, &error);
    }
    lua_pushlstring(L, path, (size_t)length);
    return 1;
}

/* system.random_hex(bytes) -> twice as many digits from the kernel's generator. */
static int system_random_hex(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 1 && count <= 64, 1, "must be 1 to 64 bytes");
    unsigned char bytes[64];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return luaL_error(L, "cannot read random bytes: %s", strerror(errno));
    char text[129];
    for (lua_Integer i = 0; i < count; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    lua_pushlstring(L, text, (size_t)count * 2);
    return 1;
}

/* create_file(path, text) -> true | nil, message, "EIO". A file that is there stays as it is. */
static int system_create_file(lua_State *L)
{
    size_t length;
    const char *path = luaL_checkstring(L, 1);
    const char *text = luaL_checklstring(L, 2, &length);
    struct tagua_error error;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) {
        tagua_error_set(&error, "EIO", "cannot make the file '%s': %s", path, strerror(errno));
        return tagua_lua_fail(L, &error);
    }
    int failure = 0;
    while (length > 0 && failure == 0) {
        ssize_t written = write(file, text, length);
        if (written >= 0) {
            text += written;
            length -= (size_t)written;
        } else if (errno != EINTR) {
            failure = errno;
        }
    }
    if (close(file) != 0 && failure == 0)
        failure = errno;
    if (failure != 0) {
        unlink(path);
        tagua_error_set(&error, "EIO", "cannot write '%s': %s", path, strerror(failure));
        return tagua_lua_fail(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* system.make_folder(path): with its parents, mode 0700 -> true | nil, message, code. */
static int system_make_folder(lua_State *L)
{
    size_t length;
    const char *path = luaL_checklstring(L, 1, &length);
    char partial[4096];
    luaL_argcheck(L, length > 0 && length < sizeof partial, 1, "path is empty or too long");
    memcpy(partial, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        partial[i] = '\0';
        struct stat status;
        bool exists = stat(partial, &status) == 0 && S_ISDIR(status.st_mode);
        if (!exists && mkdir(partial, 0700) != 0 && errno != EEXIST) {
            struct tagua_error error;
            tagua_error_set(&error, "EIO", "cannot make the folder '%s': %s", partial,
                            strerror(errno));
            return tagua_lua_fail(L, &error);
        }
        if (i < length)
            partial[i] = '/';
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* system.remove_folder(path): one empty folder -> true | nil, message, code. */
static int system_remove_folder(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    if (rmdir(path) != 0) {
        struct tagua_error error;
        tagua_error_set(&error, "EIO", "cannot remove the folder '%s': %s", path, strerror(errno));
        return tagua_lua_fail(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* system.file_kind(path) -> "file", "folder" or "other"; nil where there is nothing. */
static int system_file_kind(lua_State *L)
{
    struct stat status;
    if (stat(luaL_checkstring(L, 1), &status) != 0)
        return 0;
    lua_pushstring(L, S_ISREG(status.st_mode)   ? "file"
                      : S_ISDIR(status.st_mode) ? "folder"
                                                : "other");
    return 1;
}

/* system.list(path) -> { name, ... } of what a folder holds, in no order, without . and .. | nil,
 * message, code. */
static int system_list(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    DIR **held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = NULL;
    luaL_setmetatable(L, FOLDER);
    *held = opendir(path);
    if (*held == NULL) {
        struct tagua_error error;
        tagua_error_set(&error, "EIO", "cannot read the folder '%s': %s", path, strerror(errno));
        return tagua_lua_fail(L, &error);
    }
    lua_newtable(L);
    lua_Integer count = 0;
    for (const struct dirent *entry = readdir(*held); entry != NULL; entry = readdir(*held)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        lua_pushstring(L, entry->d_name);
        lua_rawseti(L, -2, ++count);
    }
    closedir(*held);
    *held = NULL;
    return 1;
}

static int close_folder(lua_State *L)
{
    DIR **held = luaL_checkudata(L, 1, FOLDER);
    if (*held != NULL)
        closedir(*held);
    *held = NULL;
    return 0;
}

/* system.real_path(path) -> the path without links, . and .. | nil, message, code. */
static int system_real_path(lua_State *L)
{
    char real[PATH_MAX];
    const char *path = luaL_checkstring(L, 1);
    if (realpath(path, real) == NULL) {
        struct tagua_error error;
        tagua_error_set(&error, "EIO", "cannot find '%s': %s", path, strerror(errno));
        return tagua_lua_fail(L, &error);
    }
    lua_pushstring(L, real);
    return 1;
}

int tagua_lua_open_system(lua_State *L);

int tagua_lua_open_system(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"catch_signals", system_catch_signals},
        {"interrupted", system_interrupted},
        {"hangups", system_hangups},
        {"monotonic_ns", system_monotonic_ns},
        {"wall_ns", system_wall_ns},
        {"sleep", system_sleep},
        {"is_terminal", system_is_terminal},
        {"columns", system_columns},
        {"cores", system_cores},
        {"descriptors", system_descriptors},
        {"pid", system_pid},
        {"executable", system_executable},
        {"random_hex", system_random_hex},
        {"create_file", system_create_file},
        {"make_folder", system_make_folder},
        {"remove_folder", system_remove_folder},
        {"file_kind", system_file_kind},
        {"list", system_list},
        {"real_path", system_real_path},
        {NULL, NULL},
    };
    static const luaL_Reg no_methods[] = {{NULL, NULL}};
    tagua_lua_class(L, FOLDER, no_methods, close_folder);
    luaL_newlib(L, functions);
    return 1;
}
