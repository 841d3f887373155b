/* Binding: SHA-256 of what comes in pieces, such as a file that is read once. A userdata owns the
 * context. */
#include <openssl/evp.h>
#include <stddef.h>

#include "lua_digest.h"
#include "lua_support.h"

static const char digest_class[] = "tagua.digest";

struct holder {
    EVP_MD_CTX *context; /* NULL once closed */
};

static EVP_MD_CTX *check_digest(lua_State *L, int index)
{
    struct holder *holder = luaL_checkudata(L, index, digest_class);
    luaL_argcheck(L, holder->context != NULL, index, "the digest is closed");
    return holder->context;
}

/* digest.sha256() -> digest. */
static int digest_new(lua_State *L)
{
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 0);
    holder->context = NULL;
    luaL_setmetatable(L, digest_class);
    holder->context = EVP_MD_CTX_new();
    if (holder->context == NULL || EVP_DigestInit_ex(holder->context, EVP_sha256(), NULL) != 1)
        return luaL_error(L, "SHA-256 is not available");
    return 1;
}

static int digest_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, digest_class);
    EVP_MD_CTX_free(holder->context);
    holder->context = NULL;
    return 0;
}

void tagua_lua_digest_add(lua_State *L, int index, const char *bytes, size_t length)
{
    if (EVP_DigestUpdate(check_digest(L, index), bytes, length) != 1)
        luaL_error(L, "SHA-256 failed");
}

/* digest:add(bytes) -> digest. */
static int digest_add(lua_State *L)
{
    size_t length;
    const char *bytes = luaL_checklstring(L, 2, &length);
    tagua_lua_digest_add(L, 1, bytes, length);
    lua_settop(L, 1);
    return 1;
}

/* digest:finish() -> 64 lower-case hexadecimal digits. Closes the digest. */
static int digest_finish(lua_State *L)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(check_digest(L, 1), digest, &size) != 1)
        return luaL_error(L, "SHA-256 failed");
    digest_close(L);
    char hex[2 * EVP_MAX_MD_SIZE];
    for (unsigned int i = 0; i < size; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    lua_pushlstring(L, hex, 2 * (size_t)size);
    return 1;
}

int tagua_lua_open_digest(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"add", digest_add}, {"finish", digest_finish}, {NULL, NULL}};
    tagua_lua_class(L, digest_class, methods, digest_close);
    lua_newtable(L);
    lua_pushcfunction(L, digest_new);
    lua_setfield(L, -2, "sha256");
    return 1;
}
