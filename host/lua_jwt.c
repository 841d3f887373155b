/* Binding: core.jwt, for who issues tokens. A token that a client sent is read from its request
 * inside C: Lua sees the claims, never the token. */
#include <stdlib.h>
#include <string.h>

#include "jwt_hs256.h"
#include "lua_secret.h"
#include "lua_server.h"
#include "lua_support.h"

/* A signed token as a text for the caller to free(), or NULL with *error; raises on misuse. */
static char *sign(lua_State *L, struct tagua_error *error)
{
    size_t key_length;
    const char *key = luaL_checklstring(L, 1, &key_length);
    luaL_argcheck(L, key_length >= TAGUA_JWT_KEY_MIN && key_length <= TAGUA_JWT_KEY_MAX, 1,
                  "a key has 32 to 1024 bytes");
    luaL_checktype(L, 2, LUA_TTABLE);
    struct tagua_jwt_claims claims = {
        .serial = tagua_lua_integer_option(L, 2, "serial", 0),
        .issued = tagua_lua_integer_option(L, 2, "issued", 0),
        .expires = tagua_lua_integer_option(L, 2, "expires", 0),
    };
    const char *subject = tagua_lua_text_option(L, 2, "subject", "");
    luaL_argcheck(L, strlen(subject) < sizeof claims.subject, 2, "option 'subject' is too long");
    memcpy(claims.subject, subject, strlen(subject) + 1);
    return tagua_jwt_sign(&claims, key, key_length, error);
}

/* jwt.sign(key, { subject=, serial=, issued=, expires= }) -> token | nil, message, code. */
static int jwt_sign(lua_State *L)
{
    struct tagua_error error;
    char *token = sign(L, &error);
    if (token == NULL)
        return tagua_lua_fail(L, &error);
    char copy[TAGUA_JWT_MAX + 1]; /* so that nothing is held when Lua runs out of memory */
    size_t length = strlen(token);
    if (length < sizeof copy)
        memcpy(copy, token, length + 1);
    free(token);
    luaL_argcheck(L, length < sizeof copy, 2, "the token would be too long");
    lua_pushlstring(L, copy, length);
    return 1;
}

/* jwt.secret(key, { ... }): a token that Lua does not see -> secret | nil, message, code. */
static int jwt_secret(lua_State *L)
{
    struct tagua_error error;
    struct tagua_buffer text;
    tagua_buffer_init(&text, TAGUA_JWT_MAX);
    lua_settop(L, 2);
    struct tagua_secret **place = tagua_lua_secret_push(L);
    char *token = sign(L, &error);
    if (token == NULL)
        return tagua_lua_fail(L, &error);
    int failed = tagua_buffer_append_text(&text, token);
    free(token);
    if (failed != 0)
        return luaL_error(L, "the token would be too long");
    *place = tagua_secret_from_bytes(&text, "a token signed here", "", &error);
    return *place != NULL ? 1 : tagua_lua_fail(L, &error);
}

/* jwt.verify(key, request or token) -> { subject=, serial=, issued=, expires= } | nil, message,
 * code. The signature is checked, the time is not. */
static int jwt_verify(lua_State *L)
{
    size_t key_length;
    const char *key = luaL_checklstring(L, 1, &key_length);
    size_t length = 0;
    const char *token = lua_type(L, 2) == LUA_TSTRING
                            ? lua_tolstring(L, 2, &length)
                            : tagua_request_bearer(tagua_lua_request(L, 2), &length);
    struct tagua_jwt_claims claims;
    struct tagua_error error;
    if (tagua_jwt_verify(token != NULL ? token : "", key, key_length, &claims, &error) != 0)
        return tagua_lua_fail(L, &error);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, claims.subject);
    lua_setfield(L, -2, "subject");
    lua_pushinteger(L, claims.serial);
    lua_setfield(L, -2, "serial");
    lua_pushinteger(L, claims.issued);
    lua_setfield(L, -2, "issued");
    lua_pushinteger(L, claims.expires);
    lua_setfield(L, -2, "expires");
    return 1;
}

int tagua_lua_open_jwt(lua_State *L);

int tagua_lua_open_jwt(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sign", jwt_sign}, {"secret", jwt_secret}, {"verify", jwt_verify}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
