/* Fuzzes the JSON reader. Cursor, projection and projection with a layout must agree with each
 * other on every text; what is accepted must mean to lua-cjson what it means here; and what
 * lua-cjson accepts must be refused for a reason that json.h states. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

int luaopen_cjson(lua_State *L);
int tagua_lua_open_json(lua_State *L);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char compare[] =
    "local json, cjson = ...\n"
    "cjson.decode_invalid_numbers(false)\n"
    "local same\n"
    "function same(a, b)\n"
    "  if a == json.null then return b == cjson.null end\n"
    "  if type(a) == 'string' and type(b) == 'number' then return tonumber(a) + 0.0 == b end\n"
    "  if math.type(a) == 'integer' then return a + 0.0 == b end\n"
    "  if type(a) ~= 'table' then return a == b end\n"
    "  if type(b) ~= 'table' then return false end\n"
    "  for key, item in pairs(b) do\n"
    "    if item == cjson.null then\n"
    "      if a[key] ~= nil and a[key] ~= json.null then return false end\n"
    "    elseif not same(a[key], item) then return false end\n"
    "  end\n"
    "  for key in pairs(a) do if b[key] == nil then return false end end\n"
    "  return true\n"
    "end\n"
    "return function(text)\n"
    "  local ok, theirs = pcall(cjson.decode, text)\n"
    "  local ours, message = json.decode(text)\n"
    "  -- lua-cjson takes a NUL byte for the end of the text, and '1.' for a number.\n"
    "  if message then return ok and not text:find('\\0') and not text:find('%.$') and message or "
    "nil end\n"
    "  if not ok then return 'only ours accepts it: ' .. theirs end\n"
    "  if not same(ours, theirs) then return 'the values differ' end\n"
    "end\n";

static const char *const reasons[] = {
    "not UTF-8",  "control character", "decimal point",
    "512 levels", "leading zero",      "a minus needs digits",
};

static lua_State *open_lua(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_loadstring(L, compare) != LUA_OK)
        abort();
    lua_pushcfunction(L, tagua_lua_open_json);
    lua_call(L, 0, 1);
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    lua_call(L, 2, 1);
    return L;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void compare_with_cjson(lua_State *L, const char *text, size_t size)
{
    lua_pushvalue(L, 1);
    lua_pushlstring(L, text, size);
    lua_call(L, 1, 1);
    const char *difference = lua_tostring(L, -1);
    bool stated = difference == NULL;
    for (size_t i = 0; !stated && i < sizeof reasons / sizeof *reasons; i++)
        stated = strstr(difference, reasons[i]) != NULL;
    if (!stated)
        fail(difference);
    lua_pop(L, 1);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static lua_State *L;
    static struct tagua_json_projection *projection;
    static struct tagua_json_layout layout;
    static const char *const paths[] = {
        "", "a", "b", "a.b", "c.d.e", "id", "\xe5\x8f\xb0", "a longer key"};
    enum { PATHS = sizeof paths / sizeof *paths };
    if (L == NULL) {
        L = open_lua();
        projection = tagua_json_projection_new(paths, PATHS, NULL);
    }
    /* A copy of the exact size, so that a byte read past it is noticed; and one with bytes after
     * it that must not matter, as a chunk has. */
    char *text = malloc(size + (size == 0));
    char *slack = malloc(size + 64);
    memcpy(text, data, size);
    memcpy(slack, data, size);
    slack[size] = '\n';
    memset(slack + size + 1, '"', 63);

    struct tagua_json_cursor cursor;
    struct tagua_json_value value;
    int event;
    tagua_json_cursor_init(&cursor, text, size);
    do
        event = tagua_json_cursor_next(&cursor, &value);
    while (event > TAGUA_JSON_END);

    struct tagua_json_value plain[PATHS], laid_out[PATHS];
    struct tagua_json_fault fault = {"", 0}, other = {"", 0};
    int kind = tagua_json_scan(projection, text, size, 0, NULL, plain, &fault);
    int again = tagua_json_scan(projection, slack, size, 64, &layout, laid_out, &other);
    if (kind != again || (kind < 0) != (event < 0))
        fail("the readers do not agree about whether it is JSON");
    if (kind < 0 && (fault.offset != other.offset || strcmp(fault.what, other.what) != 0))
        fail("the faults differ with a layout");
    for (size_t i = 0; kind >= 0 && i < PATHS; i++) {
        if (plain[i].kind != laid_out[i].kind)
            fail("a value's kind differs with a layout");
        if (plain[i].kind == TAGUA_JSON_ABSENT)
            continue;
        if (plain[i].length != laid_out[i].length ||
            plain[i].start - text != laid_out[i].start - slack ||
            plain[i].escaped != laid_out[i].escaped)
            fail("a value differs with a layout");
        char *decoded = malloc(plain[i].length + 1);
        if (plain[i].kind == TAGUA_JSON_TEXT &&
            tagua_json_text(&plain[i], decoded) > plain[i].length)
            fail("a text grew when it was decoded");
        free(decoded);
    }
    compare_with_cjson(L, text, size);
    free(text);
    free(slack);
    return 0;
}
