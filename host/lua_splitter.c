/* Binding: the splitter. A userdata owns it. */
#include <stdio.h>

#include "lua_digest.h"
#include "lua_record.h"
#include "lua_support.h"
#include "splitter.h"

static const char splitter_class[] = "tagua.record.splitter";

struct holder {
    struct tagua_splitter *splitter; /* NULL once closed */
};

static struct tagua_splitter *check_splitter(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, splitter_class);
    luaL_argcheck(L, holder->splitter != NULL, 1, "the splitter is closed");
    return holder->splitter;
}

static size_t size_option(lua_State *L, const char *name)
{
    int64_t size = tagua_lua_integer_option(L, 1, name, 0);
    if (size < 0 || size > 1 << 29)
        luaL_error(L, "option '%s' must be at most 512 MiB", name);
    return (size_t)size;
}

/* record.splitter{ format = "csv" | "jsonl", delimiter = ",", encoding = nil | "big5",
 * max_record = 1048576, chunk = 262144 } -> splitter | nil, message, "EUSAGE". */
static int splitter_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct tagua_splitter_options options = {
        .format = tagua_lua_format_option(L, 1),
        .delimiter = tagua_lua_delimiter_option(L, 1),
        .encoding = tagua_lua_text_option(L, 1, "encoding", NULL),
        .max_record = size_option(L, "max_record"),
        .chunk = size_option(L, "chunk"),
    };
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 0);
    holder->splitter = NULL;
    luaL_setmetatable(L, splitter_class);
    struct tagua_error error;
    holder->splitter = tagua_splitter_new(&options, &error);
    return holder->splitter != NULL ? 1 : tagua_lua_fail(L, &error);
}

static int splitter_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, splitter_class);
    tagua_splitter_free(holder->splitter);
    holder->splitter = NULL;
    return 0;
}

/* Pushes the array of the chunks that are ready. */
static int push_chunks(lua_State *L, struct tagua_splitter *splitter)
{
    struct tagua_error error;
    struct tagua_chunk chunk;
    lua_newtable(L);
    for (lua_Integer i = 1;; i++) {
        int found = tagua_splitter_next(splitter, &chunk, &error);
        if (found < 0)
            return tagua_lua_fail(L, &error);
        if (found == 0)
            return 1;
        lua_createtable(L, 2, 0);
        lua_pushlstring(L, chunk.bytes, chunk.length);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, chunk.first_line);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, i);
    }
}

/* s:feed(bytes) -> array of { chunk, first_line } | nil, message, code. */
static int splitter_feed(lua_State *L)
{
    struct tagua_splitter *splitter = check_splitter(L);
    size_t length;
    const char *bytes = luaL_checklstring(L, 2, &length);
    struct tagua_error error;
    if (tagua_splitter_feed(splitter, bytes, length, &error) != 0)
        return tagua_lua_fail(L, &error);
    return push_chunks(L, splitter);
}

/* s:read(file, size[, digest]) -> array as of feed, bytes read: from an open file of io's, without a string of
 * them; the digest sees them, too. nil at the end; nil, message, number of the error where the file can't be
 * read; nil, message, code. Not where an encoding is converted. */
static int splitter_read(lua_State *L)
{
    struct tagua_splitter *splitter = check_splitter(L);
    luaL_Stream *stream = luaL_checkudata(L, 2, LUA_FILEHANDLE);
    lua_Integer size = luaL_checkinteger(L, 3);
    luaL_argcheck(L, stream->closef != NULL, 2, "the file is closed");
    luaL_argcheck(L, size > 0 && size <= 1 << 24, 3, "must be at most 16 MiB");
    char *room = tagua_splitter_room(splitter, (size_t)size);
    if (room == NULL)
        return luaL_error(L, "no room to read into, or an encoding to convert");
    clearerr(stream->f);
    size_t got = fread(room, 1, (size_t)size, stream->f);
    if (ferror(stream->f))
        return luaL_fileresult(L, 0, NULL);
    if (got == 0)
        return 0;
    if (!lua_isnoneornil(L, 4))
        tagua_lua_digest_add(L, 4, room, got);
    struct tagua_error error;
    if (tagua_splitter_filled(splitter, got, &error) != 0)
        return tagua_lua_fail(L, &error);
    int pushed = push_chunks(L, splitter);
    if (pushed != 1)
        return pushed;
    lua_pushinteger(L, (lua_Integer)got);
    return 2;
}

/* s:finish() -> the last chunks, as feed gives them | nil, message, code. */
static int splitter_finish(lua_State *L)
{
    struct tagua_splitter *splitter = check_splitter(L);
    struct tagua_error error;
    if (tagua_splitter_finish(splitter, &error) != 0)
        return tagua_lua_fail(L, &error);
    return push_chunks(L, splitter);
}

/* s:header() -> array of the columns' names once they are known, else nil. */
static int splitter_header(lua_State *L)
{
    const char *const *names;
    size_t count = tagua_splitter_header(check_splitter(L), &names);
    if (count == 0)
        return 0;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void tagua_lua_add_splitter(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"feed", splitter_feed},
        {"read", splitter_read},
        {"finish", splitter_finish},
        {"header", splitter_header},
        {NULL, NULL},
    };
    tagua_lua_class(L, splitter_class, methods, splitter_close);
    lua_pushcfunction(L, splitter_new);
    lua_setfield(L, -2, "splitter");
}
