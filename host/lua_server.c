/* Binding: core.server. A server and its requests as userdata; both outlive each other safely. */
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "lua_secret.h"
#include "lua_server.h"
#include "lua_support.h"
#include "percent.h"
#include "secret.h"

#define SERVER_CLASS "tagua.server"
#define REQUEST_CLASS "tagua.request"

enum { MAX_HEADERS = 32, MAX_FDS = 64, MAX_WAIT = 3600, MAX_PROXIES = 100 };

struct server_box {
    struct tagua_server *server; /* NULL: closed */
};

struct request_box {
    struct tagua_request *request; /* NULL: answered and given back */
};

static int64_t seconds_to_ns(double seconds)
{
    return (int64_t)(seconds * (double)TAGUA_SECOND_NS);
}

/* ---- the server -------------------------------------------------------------------------- */

static struct tagua_server *check_server(lua_State *L)
{
    struct server_box *box = luaL_checkudata(L, 1, SERVER_CLASS);
    if (box->server == NULL)
        luaL_error(L, "the server is closed");
    return box->server;
}

static int64_t ranged_option(lua_State *L, const char *name, int64_t otherwise, int64_t least,
                             int64_t most)
{
    int64_t value = tagua_lua_integer_option(L, 1, name, otherwise);
    if (value < least || value > most)
        luaL_error(L, "option '%s' must be %I to %I, got %I", name, (LUAI_UACINT)least,
                   (LUAI_UACINT)most, (LUAI_UACINT)value);
    return value;
}

/* Reads `proxies` out of the table at index 1. The strings stay anchored in it. */
static size_t read_proxies(lua_State *L, const char *proxies[MAX_PROXIES])
{
    size_t count = 0;
    if (lua_getfield(L, 1, "proxies") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        count = (size_t)lua_rawlen(L, -1);
        if (count > MAX_PROXIES)
            luaL_error(L, "option 'proxies' may hold at most %d addresses", MAX_PROXIES);
        for (size_t i = 0; i < count; i++) {
            if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
                luaL_error(L, "option 'proxies' must be a list of addresses");
            proxies[i] = lua_tostring(L, -1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return count;
}

/* server.listen { address=, group=, max_body=, max_bodies=, max_header=, max_connections=, timeout=,
 * certificate=, key=, proxies= } -> server. */
static int server_listen(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    double timeout = tagua_lua_number_option(L, 1, "timeout", 30);
    if (!(timeout >= 0.01 && timeout <= 86400))
        return luaL_error(L, "option 'timeout' must be 0.01 to 86400 seconds, got %f", timeout);
    struct tagua_server_options options = {
        .address = tagua_lua_text_option(L, 1, "address", "127.0.0.1:0"),
        .group = tagua_lua_boolean_option(L, 1, "group", false),
        .max_body = (size_t)ranged_option(L, "max_body", 1 << 20, 0, 1 << 30),
        .max_bodies = (size_t)ranged_option(L, "max_bodies", 256 << 20, 1 << 10, (int64_t)1 << 40),
        .max_header = (size_t)ranged_option(L, "max_header", 16 << 10, 1 << 10, 1 << 20),
        .max_connections = (unsigned)ranged_option(L, "max_connections", 1024, 1, 65536),
        .timeout_ns = seconds_to_ns(timeout),
        .certificate = tagua_lua_text_option(L, 1, "certificate", NULL),
        .key = tagua_lua_text_option(L, 1, "key", NULL),
    };
    if ((options.certificate == NULL) != (options.key == NULL))
        return luaL_error(L, "options 'certificate' and 'key' belong together: one is missing");
    const char *proxies[MAX_PROXIES];
    options.proxy_count = read_proxies(L, proxies);
    options.proxies = proxies;
    struct tagua_error error;
    struct server_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->server = NULL;
    luaL_setmetatable(L, SERVER_CLASS);
    box->server = tagua_server_open(&options, &error);
    return box->server != NULL ? 1 : tagua_lua_fail(L, &error);
}

static int server_address(lua_State *L)
{
    lua_pushstring(L, tagua_server_address(check_server(L)));
    return 1;
}

static int server_fd(lua_State *L)
{
    lua_pushinteger(L, tagua_server_fd(check_server(L)));
    return 1;
}

/* s:counts() -> { connections=, evicted=, bodies= }: see server.h. */
static int server_counts(lua_State *L)
{
    struct tagua_server_counts counts;
    tagua_server_counts(check_server(L), &counts);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)counts.connections);
    lua_setfield(L, -2, "connections");
    lua_pushinteger(L, (lua_Integer)counts.evicted);
    lua_setfield(L, -2, "evicted");
    lua_pushinteger(L, (lua_Integer)counts.bodies);
    lua_setfield(L, -2, "bodies");
    return 1;
}

/* s:quiesce(): no more connections; those that are open go on. */
static int server_quiesce(lua_State *L)
{
    tagua_server_quiesce(check_server(L));
    return 0;
}

/* Pushes an array of the requests that are complete. */
static int push_requests(lua_State *L, struct tagua_server *server)
{
    size_t waiting = tagua_server_waiting(server);
    lua_createtable(L, (int)waiting, 0);
    for (size_t i = 1; i <= waiting; i++) {
        struct request_box *box = lua_newuserdatauv(L, sizeof *box, 0);
        box->request = NULL;
        luaL_setmetatable(L, REQUEST_CLASS);
        lua_rawseti(L, -2, (lua_Integer)i);
        box->request = tagua_server_next(server);
    }
    return 1;
}

/* s:step() -> array of complete requests, at once. */
static int server_step(lua_State *L)
{
    struct tagua_server *server = check_server(L);
    tagua_server_step(server);
    return push_requests(L, server);
}

/* s:wait(seconds, { descriptor, ... } or nil) -> array of complete requests. Comes back when the
 * server or a descriptor has something, a signal came, or the time is over. */
static int server_wait(lua_State *L)
{
    struct tagua_server *server = check_server(L);
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= MAX_WAIT, 2, "must be 0 to 3600 seconds");
    struct pollfd polled[MAX_FDS + 1] = {{.fd = tagua_server_fd(server), .events = POLLIN}};
    size_t count = 0;
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        count = (size_t)lua_rawlen(L, 3);
        luaL_argcheck(L, count <= MAX_FDS, 3, "at most 64 descriptors");
        for (size_t i = 1; i <= count; i++) {
            lua_rawgeti(L, 3, (lua_Integer)i);
            polled[i] = (struct pollfd){.fd = (int)luaL_checkinteger(L, -1), .events = POLLIN};
            lua_pop(L, 1);
        }
    }
    poll(polled, (nfds_t)(count + 1), (int)(seconds * 1000 + 0.999));
    tagua_server_step(server);
    return push_requests(L, server);
}

static int server_close(lua_State *L)
{
    struct server_box *box = luaL_checkudata(L, 1, SERVER_CLASS);
    struct tagua_server *server = box->server;
    box->server = NULL;
    tagua_server_close(server);
    return 0;
}

/* ---- requests ---------------------------------------------------------------------------- */

struct tagua_request *tagua_lua_request(lua_State *L, int index)
{
    struct request_box *box = luaL_checkudata(L, index, REQUEST_CLASS);
    if (box->request == NULL)
        luaL_error(L, "the request was answered");
    return box->request;
}

static void push_decoded(lua_State *L, const char *text)
{
    if (strchr(text, '%') == NULL) {
        lua_pushstring(L, text);
        return;
    }
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, strlen(text) + 1);
    luaL_pushresultsize(&buffer, tagua_percent_decode(out, text));
}

static int push_query(lua_State *L, struct tagua_request *request)
{
    const struct tagua_server_pair *pairs;
    size_t count = tagua_request_query(request, &pairs);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        push_decoded(L, pairs[i].name);
        push_decoded(L, pairs[i].value);
        lua_rawset(L, -3);
    }
    return 1;
}

/* Header names in lower case; one that came twice holds both values with ", " between. */
static int push_headers(lua_State *L, struct tagua_request *request)
{
    const struct tagua_server_pair *pairs;
    size_t count = tagua_request_headers(request, &pairs);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        luaL_Buffer buffer;
        size_t length = strlen(pairs[i].name);
        char *out = luaL_buffinitsize(L, &buffer, length + 1);
        for (size_t k = 0; k < length; k++) {
            char letter = pairs[i].name[k];
            out[k] = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
        }
        luaL_pushresultsize(&buffer, length);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) == LUA_TNIL)
            lua_pushstring(L, pairs[i].value);
        else
            lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), pairs[i].value);
        lua_remove(L, -2);
        lua_rawset(L, -3);
    }
    return 1;
}

static int push_body(lua_State *L, struct tagua_request *request)
{
    size_t length;
    const char *body = tagua_request_body(request, &length);
    if (body == NULL)
        lua_pushnil(L);
    else
        lua_pushlstring(L, body, length);
    return 1;
}

/* Why there is no body, or nil. */
static int push_bodyless(lua_State *L, const struct tagua_request *request)
{
    static const char *const reasons[] = {NULL, "too large", "crowded"};
    lua_pushstring(L, reasons[tagua_request_body_state(request)]);
    return 1;
}

/* request.method, .path, .query, .headers, .body, .bodyless, .from, and the methods. */
static int request_index(lua_State *L)
{
    const char *key = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    struct tagua_request *request = tagua_lua_request(L, 1);
    if (strcmp(key, "body") == 0)
        return push_body(L, request);
    if (strcmp(key, "path") == 0) {
        lua_pushstring(L, tagua_request_path(request));
        return 1;
    }
    if (strcmp(key, "method") == 0) {
        lua_pushstring(L, tagua_request_method(request));
        return 1;
    }
    if (strcmp(key, "query") == 0)
        return push_query(L, request);
    if (strcmp(key, "headers") == 0)
        return push_headers(L, request);
    if (strcmp(key, "bodyless") == 0)
        return push_bodyless(L, request);
    if (strcmp(key, "from") == 0) {
        char from[TAGUA_FROM_MAX];
        lua_pushstring(L, tagua_request_from(request, from));
        return 1;
    }
    return luaL_error(L, "a request has no field '%s'", key);
}

/* r:bearer_sha256() -> hex of the bearer token's hash, or nil where there is none. */
static int request_bearer_sha256(lua_State *L)
{
    size_t length;
    const char *token = tagua_request_bearer(tagua_lua_request(L, 1), &length);
    if (token == NULL)
        return 0;
    char hex[TAGUA_SHA256_HEX];
    tagua_sha256_hex(token, length, hex);
    lua_pushstring(L, hex);
    return 1;
}

/* r:header(name) -> its value, whatever the case of its name; nil where there is none or more than
 * one. The authorization is never shown. */
static int request_header(lua_State *L)
{
    const struct tagua_request *request = tagua_lua_request(L, 1);
    const char *name = luaL_checkstring(L, 2);
    lua_pushstring(L, strcasecmp(name, "authorization") != 0 ? tagua_request_header(request, name)
                                                             : NULL);
    return 1;
}

/* r:verify { secret=, header=, algorithm="sha256" | "sha1" | "sha512", encoding="hex" | "base64",
 * prefix="", prefix_optional=false } -> whether the header signs the body as it came. */
static int request_verify(lua_State *L)
{
    static const char *const algorithms[] = {"sha1", "sha256", "sha512", NULL};
    static const char *const encodings[] = {"hex", "base64", NULL};
    const struct tagua_request *request = tagua_lua_request(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    const struct tagua_secret *secret = tagua_lua_secret_option(L, 2, "secret");
    luaL_argcheck(L, secret != NULL, 2, "option 'secret' is missing");
    lua_getfield(L, 2, "algorithm");
    lua_getfield(L, 2, "encoding");
    lua_getfield(L, 2, "header");
    lua_getfield(L, 2, "prefix");
    lua_getfield(L, 2, "prefix_optional");
    const struct tagua_signature signature = {
        .hash = (enum tagua_signature_hash)luaL_checkoption(L, 3, "sha256", algorithms),
        .encoding = (enum tagua_signature_encoding)luaL_checkoption(L, 4, "hex", encodings),
        .prefix = luaL_optstring(L, 6, ""),
        .prefix_optional = lua_toboolean(L, 7),
    };
    lua_pushboolean(L, tagua_request_signed(request, luaL_checkstring(L, 5), &signature, secret));
    return 1;
}

/* Reads `headers` out of the reply at index 2. The strings stay anchored in its table. */
static size_t read_headers(lua_State *L, struct tagua_server_pair headers[MAX_HEADERS])
{
    size_t count = 0;
    if (lua_getfield(L, 2, "headers") == LUA_TNIL) {
        lua_pop(L, 1);
        return 0;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "option 'headers' must hold strings by name");
        if (count == MAX_HEADERS)
            luaL_error(L, "option 'headers' may hold at most %d", MAX_HEADERS);
        headers[count].name = lua_tostring(L, -2);
        headers[count].value = lua_tostring(L, -1);
        count++;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

/* r:reply { status=200, headers={}, body="", after=seconds, bytes_per_second=, cut=bytes,
 * drop=true or "reset" } -> whether the client can still be answered. The request is over. */
static int request_reply(lua_State *L)
{
    struct request_box *box = luaL_checkudata(L, 1, REQUEST_CLASS);
    tagua_lua_request(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct tagua_server_pair headers[MAX_HEADERS];
    struct tagua_reply reply = {.headers = headers, .body = "", .cut = -1};
    int64_t status = tagua_lua_integer_option(L, 2, "status", 200);
    reply.status = status >= 200 && status <= 599 ? (unsigned)status : 0;
    if (lua_getfield(L, 2, "body") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L, "option 'body' must be a string, got %s", luaL_typename(L, -1));
        reply.body = lua_tolstring(L, -1, &reply.body_length);
    }
    double after = tagua_lua_number_option(L, 2, "after", 0);
    if (!(after >= 0 && after <= 86400))
        return luaL_error(L, "option 'after' must be 0 to 86400 seconds, got %f", after);
    reply.after_ns = seconds_to_ns(after);
    reply.bytes_per_second = tagua_lua_integer_option(L, 2, "bytes_per_second", 0);
    reply.cut = tagua_lua_integer_option(L, 2, "cut", -1);
    if (reply.bytes_per_second < 0 || reply.cut < -1)
        return luaL_error(L, "options 'bytes_per_second' and 'cut' must not be negative");
    lua_getfield(L, 2, "drop");
    reply.drop = lua_toboolean(L, -1);
    reply.reset = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "reset") == 0;
    reply.header_count = read_headers(L, headers);
    struct tagua_error error;
    int result = tagua_request_reply(box->request, &reply, &error);
    if (result < 0)
        return luaL_error(L, "%s", error.message);
    tagua_request_release(box->request);
    box->request = NULL;
    lua_pushboolean(L, result == 0);
    return 1;
}

static int request_collect(lua_State *L)
{
    struct request_box *box = luaL_checkudata(L, 1, REQUEST_CLASS);
    struct tagua_request *request = box->request;
    box->request = NULL;
    if (request != NULL)
        tagua_request_release(request);
    return 0;
}

/* The request's class has fields beside its methods, so __index is a function over both. */
static void make_request_class(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"reply", request_reply},   {"bearer_sha256", request_bearer_sha256},
        {"header", request_header}, {"verify", request_verify},
        {NULL, NULL},
    };
    luaL_newmetatable(L, REQUEST_CLASS);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, request_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, request_collect);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

int tagua_lua_open_server(lua_State *L);

int tagua_lua_open_server(lua_State *L)
{
    static const luaL_Reg methods[] = {{"address", server_address}, {"fd", server_fd},
                                       {"step", server_step},       {"wait", server_wait},
                                       {"counts", server_counts},   {"quiesce", server_quiesce},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {{"listen", server_listen}, {NULL, NULL}};
    tagua_lua_class(L, SERVER_CLASS, methods, server_close);
    make_request_class(L);
    luaL_newlib(L, functions);
    return 1;
}
