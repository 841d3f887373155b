/* Binding: secrets for Lua, which may name, compare by hash and pass them on, but never read them.
 * A userdata owns one reference. */
#include "lua_secret.h"

#include <stdio.h>
#include <string.h>

#include "lua_support.h"

#define CLASS "tagua.secret"

struct handle {
    struct tagua_secret *secret; /* NULL once closed */
};

static struct tagua_secret *check_open(lua_State *L, int index)
{
    struct handle *handle = luaL_checkudata(L, index, CLASS);
    if (handle->secret == NULL)
        luaL_error(L, "this secret is closed");
    return handle->secret;
}

struct tagua_secret *tagua_lua_secret_option(lua_State *L, int index, const char *name)
{
    struct tagua_secret *secret = NULL;
    if (lua_getfield(L, index, name) != LUA_TNIL) {
        struct handle *handle = luaL_testudata(L, -1, CLASS);
        if (handle == NULL)
            luaL_error(L, "option '%s' must be a secret (env, file or command), got %s", name,
                       luaL_typename(L, -1));
        else if (handle->secret == NULL)
            luaL_error(L, "option '%s' is a secret that was closed", name);
        else
            secret = handle->secret;
    }
    lua_pop(L, 1);
    return secret;
}

struct tagua_secret **tagua_lua_secret_push(lua_State *L)
{
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->secret = NULL;
    luaL_setmetatable(L, CLASS);
    return &handle->secret;
}

/* The empty userdata comes first, so that nothing can fail once the secret is there. */
static int push_secret(lua_State *L,
                       struct tagua_secret *(*take)(const char *, struct tagua_error *),
                       const char *from)
{
    struct tagua_error error;
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->secret = NULL;
    luaL_setmetatable(L, CLASS);
    handle->secret = take(from, &error);
    return handle->secret != NULL ? 1 : tagua_lua_fail(L, &error);
}

/* secret.env(name) -> secret | nil, message, code. */
static int secret_env(lua_State *L)
{
    return push_secret(L, tagua_secret_from_environment, luaL_checkstring(L, 1));
}

/* secret.file(path): mode 0600 or stricter -> secret | nil, message, code. */
static int secret_file(lua_State *L)
{
    return push_secret(L, tagua_secret_from_file, luaL_checkstring(L, 1));
}

/* secret.command(line): what a shell command prints -> secret | nil, message, code. */
static int secret_command(lua_State *L)
{
    return push_secret(L, tagua_secret_from_command, luaL_checkstring(L, 1));
}

static struct tagua_secret *take_random(const char *unused, struct tagua_error *error)
{
    (void)unused;
    return tagua_secret_random(error);
}

/* secret.random() -> a new secret of 256 bits | nil, message, code. */
static int secret_random(lua_State *L)
{
    return push_secret(L, take_random, NULL);
}

/* secret.redact(text) -> text, the value of every live secret replaced by "[secret]". */
static int secret_redact(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    struct tagua_buffer *out = lua_newuserdatauv(L, sizeof *out, 0);
    tagua_buffer_init(out, SIZE_MAX / 4);
    luaL_setmetatable(L, CLASS ".text");
    if (tagua_secret_redact(text, length, out) != 0)
        return luaL_error(L, "cannot redact a text of %I bytes: out of memory", (lua_Integer)length);
    lua_pushlstring(L, out->data != NULL ? out->data : "", out->length);
    tagua_buffer_wipe(out);
    return 1;
}

static int text_close(lua_State *L)
{
    tagua_buffer_wipe(luaL_checkudata(L, 1, CLASS ".text"));
    return 0;
}

/* secret:source() -> where it came from. */
static int secret_source(lua_State *L)
{
    lua_pushstring(L, tagua_secret_source(check_open(L, 1)));
    return 1;
}

/* secret:sha256() -> 64 hexadecimal digits. */
static int secret_sha256(lua_State *L)
{
    char hex[TAGUA_SHA256_HEX];
    tagua_secret_sha256(check_open(L, 1), hex);
    lua_pushstring(L, hex);
    return 1;
}

/* secret:hmac_sha256(text) -> 64 hexadecimal digits: a signature to compare with secret:verify. */
static int secret_hmac_sha256(lua_State *L)
{
    struct tagua_secret *secret = check_open(L, 1);
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    unsigned char digest[TAGUA_SHA256_BYTES];
    char hex[TAGUA_SHA256_HEX];
    tagua_secret_hmac(secret, text, length, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    lua_pushstring(L, hex);
    return 1;
}

/* secret.equal(a, b) -> boolean: two texts, compared in constant time. */
static int secret_equal(lua_State *L)
{
    size_t left_length, right_length;
    const char *left = luaL_checklstring(L, 1, &left_length);
    const char *right = luaL_checklstring(L, 2, &right_length);
    lua_pushboolean(L, tagua_secret_equal(left, left_length, right, right_length));
    return 1;
}

/* secret.sha256(text) -> 64 hexadecimal digits, for text that is no secret of this process. */
static int secret_sha256_of(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    char hex[TAGUA_SHA256_HEX];
    tagua_sha256_hex(text, length, hex);
    lua_pushstring(L, hex);
    return 1;
}

/* secret:print([before, after]): the value and a newline to standard output, for whoever just made
 * it; between the two texts, where they are given -> true | nil, message, code. */
static int secret_print(lua_State *L)
{
    size_t length;
    const char *value = tagua_secret_value(check_open(L, 1), &length);
    const char *before = luaL_optstring(L, 2, "");
    const char *after = luaL_optstring(L, 3, "");
    if (fputs(before, stdout) == EOF || fwrite(value, 1, length, stdout) != length ||
        fprintf(stdout, "%s\n", after) < 0 || fflush(stdout) != 0) {
        struct tagua_error error;
        tagua_error_set(&error, "EIO", "cannot write the secret to standard output");
        return tagua_lua_fail(L, &error);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* secret:keep(path): the value in a new file that nobody but its owner may read -> true | nil, message,
 * "EIO". A file that is there stays as it is. */
static int secret_keep(lua_State *L)
{
    struct tagua_secret *secret = check_open(L, 1);
    const char *path = luaL_checkstring(L, 2);
    struct tagua_error error;
    if (tagua_secret_keep(secret, path, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

static int secret_tostring(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    if (handle->secret == NULL)
        lua_pushliteral(L, "secret (closed)");
    else
        lua_pushfstring(L, "secret (%s)", tagua_secret_source(handle->secret));
    return 1;
}

/* secret:close(): wiped, unless a connection still needs it. */
static int secret_close(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, CLASS);
    tagua_secret_release(handle->secret);
    handle->secret = NULL;
    return 0;
}

int tagua_lua_open_secret(lua_State *L);

int tagua_lua_open_secret(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"source", secret_source}, {"sha256", secret_sha256}, {"hmac_sha256", secret_hmac_sha256},
        {"print", secret_print},   {"keep", secret_keep},     {NULL, NULL},
    };
    static const luaL_Reg no_methods[] = {{NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"env", secret_env},       {"file", secret_file},     {"command", secret_command},
        {"random", secret_random}, {"redact", secret_redact}, {"equal", secret_equal},
        {"sha256", secret_sha256_of},
        {NULL, NULL},
    };
    tagua_lua_class(L, CLASS, methods, secret_close);
    luaL_getmetatable(L, CLASS);
    lua_pushcfunction(L, secret_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    tagua_lua_class(L, CLASS ".text", no_methods, text_close);
    luaL_newlib(L, functions);
    return 1;
}
