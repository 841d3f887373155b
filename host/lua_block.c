/* Binding: blocks of decisions, as workers send them, for Lua. A block is a table that keeps the bytes and
 * makes strings of its rows when somebody looks at them, which is seldom: most users change in nothing. */
#include "lua_block.h"

#include <string.h>

#include "block.h"
#include "lua_support.h"

#define CLASS "tagua block"

struct scan {
    lua_State *L;
    const char *at, *end;
};

static void take(struct scan *scan, void *to, size_t length)
{
    if ((size_t)(scan->end - scan->at) < length)
        luaL_error(scan->L, "a worker's block is cut off");
    memcpy(to, scan->at, length);
    scan->at += length;
}

static void push_bytes(struct scan *scan, size_t length)
{
    if ((size_t)(scan->end - scan->at) < length)
        luaL_error(scan->L, "a worker's block is cut off");
    lua_pushlstring(scan->L, scan->at, length);
    scan->at += length;
}

static void push_text(struct scan *scan)
{
    uint16_t length;
    take(scan, &length, sizeof length);
    push_bytes(scan, length);
}

static void set_integer(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void read_rejected(struct scan *scan, const struct tagua_block_head *head, int block)
{
    lua_State *L = scan->L;
    lua_newtable(L);
    for (uint32_t i = 1; i <= head->rejected; i++) {
        int64_t place[2];
        take(scan, place, sizeof place);
        lua_createtable(L, 0, 3);
        set_integer(L, "line", place[0]);
        set_integer(L, "column", place[1]);
        push_text(scan);
        lua_setfield(L, -2, "message");
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, block, "rejected");
}

static void read_failures(struct scan *scan, const struct tagua_block_head *head, int block)
{
    lua_State *L = scan->L;
    lua_newtable(L);
    for (uint32_t i = 1; i <= head->failures; i++) {
        int64_t line;
        uint32_t rule;
        take(scan, &line, sizeof line);
        take(scan, &rule, sizeof rule);
        lua_createtable(L, 0, 4);
        set_integer(L, "line", line);
        set_integer(L, "rule", (int64_t)rule + 1);
        push_text(scan);
        lua_setfield(L, -2, "id");
        push_text(scan);
        lua_setfield(L, -2, "message");
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, block, "failures");
}

static void read_counts(struct scan *scan, const struct tagua_block_head *head, int block)
{
    lua_State *L = scan->L;
    lua_newtable(L);
    for (uint32_t i = 1; i <= head->unknown; i++) {
        uint32_t row[3];
        take(scan, row, sizeof row);
        lua_createtable(L, 0, 3);
        set_integer(L, "rule", (int64_t)row[0] + 1);
        set_integer(L, "field", (int64_t)row[1] + 1);
        set_integer(L, "count", row[2]);
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, block, "unknown");
    if (head->fields > (size_t)(scan->end - scan->at) / sizeof(uint32_t))
        luaL_error(L, "a worker's block is cut off");
    lua_createtable(L, (int)head->fields, 0);
    for (uint32_t i = 1; i <= head->fields; i++) {
        uint32_t count;
        take(scan, &count, sizeof count);
        lua_pushinteger(L, count);
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, block, "present");
}

/* The changes as one flat list: record (from 1), tag (from 1), moment (from 1), byte; by fours. */
static void read_changes(struct scan *scan, const struct tagua_block_head *head, int block)
{
    lua_State *L = scan->L;
    if (head->changes > (size_t)(scan->end - scan->at) / 11)
        luaL_error(L, "a worker's block is cut off");
    lua_createtable(L, (int)head->changes * 4, 0);
    lua_Integer at = 0;
    for (uint32_t i = 0; i < head->changes; i++) {
        uint32_t place[2];
        uint16_t moment;
        unsigned char want;
        take(scan, place, sizeof place);
        take(scan, &moment, sizeof moment);
        take(scan, &want, 1);
        lua_Integer row[] = {(lua_Integer)place[0] + 1, (lua_Integer)place[1] + 1, moment + 1,
                             want};
        for (size_t j = 0; j < sizeof row / sizeof *row; j++) {
            lua_pushinteger(L, row[j]);
            lua_rawseti(L, -2, ++at);
        }
    }
    lua_setfield(L, block, "changes");
}

/* The rows of the block whose bytes are at `index`. */
static struct scan scan_rows(lua_State *L, int index, struct tagua_block_head *head)
{
    size_t length;
    const char *bytes = luaL_checklstring(L, index, &length);
    struct scan scan = {L, bytes, bytes + length};
    take(&scan, head, sizeof *head);
    if (head->row_bytes > (size_t)(scan.end - scan.at) || head->records > head->row_bytes / 6)
        luaL_error(L, "a worker's block is cut off");
    return scan;
}

/* __index: ids, lines and wants, when they are first asked for. */
static int make_rows(lua_State *L)
{
    static const char *const rows[] = {"ids", "lines", "wants"};
    const char *name = lua_tostring(L, 2);
    bool known = false;
    for (size_t i = 0; name != NULL && i < 3; i++)
        known = known || strcmp(name, rows[i]) == 0;
    if (!known)
        return 0;
    struct tagua_block_head head;
    lua_pushliteral(L, "bytes");
    lua_rawget(L, 1);
    struct scan scan = scan_rows(L, 3, &head);
    scan.end = scan.at + head.row_bytes;
    int64_t line = head.first_line;
    for (size_t i = 0; i < 3; i++)
        lua_createtable(L, (int)head.records, 0);
    for (uint32_t i = 1; i <= head.records; i++) {
        uint32_t delta;
        take(&scan, &delta, sizeof delta);
        line += delta;
        push_text(&scan);
        lua_rawseti(L, 4, i);
        lua_pushinteger(L, line);
        lua_rawseti(L, 5, i);
        push_bytes(&scan, head.tags);
        lua_rawseti(L, 6, i);
    }
    for (int i = 0; i < 3; i++) {
        lua_pushstring(L, rows[i]);
        lua_pushvalue(L, 4 + i);
        lua_rawset(L, 1);
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, 1);
    return 1;
}

/* workers.block(bytes) -> { n, bytes, ids, lines, wants, rejected, rejected_count, failures, failed,
 * unknown, present, changes }: what block.h holds. Rules and fields are positions. */
static int workers_block(lua_State *L)
{
    struct tagua_block_head head;
    lua_settop(L, 1);
    struct scan scan = scan_rows(L, 1, &head);
    scan.at += head.row_bytes;
    lua_createtable(L, 0, 12);
    lua_pushvalue(L, 1);
    lua_setfield(L, 2, "bytes");
    set_integer(L, "n", head.records);
    set_integer(L, "rejected_count", head.rejected_all);
    set_integer(L, "failed", head.failures_all);
    read_rejected(&scan, &head, 2);
    read_failures(&scan, &head, 2);
    read_counts(&scan, &head, 2);
    read_changes(&scan, &head, 2);
    luaL_setmetatable(L, CLASS);
    return 1;
}

void tagua_lua_add_block(lua_State *L)
{
    if (luaL_newmetatable(L, CLASS)) {
        lua_pushcfunction(L, make_rows);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, workers_block);
    lua_setfield(L, -2, "block");
}
