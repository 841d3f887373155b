/* Binding: one question to the database for many keys at once, in the order of the keys, so that the file is
 * gone through forward; and counting rows by key. Holds nothing of its own. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lua_sql_state.h"
#include "lua_support.h"

/* A key of many look-ups, and its place in the list of them. */
struct key {
    const char *text;
    size_t length;
    lua_Integer place;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *one = a, *other = b;
    size_t common = one->length < other->length ? one->length : other->length;
    int order = memcmp(one->text, other->text, common);
    if (order != 0)
        return order;
    return (one->length > other->length) - (one->length < other->length);
}

/* Binds what stands at `first` on the stack and behind, but for the last parameter, which is the key. Pushes a
 * userdata with the keys of the array at index 2, sorted. */
static struct key *prepare_keys(lua_State *L, struct statement *statement, int first, size_t *count)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    int given = lua_gettop(L) - first + 2;
    if (given != statement->parameters)
        luaL_error(L, "the statement has %d parameters, got %d", statement->parameters, given);
    *count = lua_rawlen(L, 2);
    luaL_argcheck(L, *count <= INT_MAX / sizeof(struct key), 2, "too many keys");
    statement->runs++;
    tagua_sql_reset(statement->statement);
    for (int i = 1; i < given; i++)
        tagua_lua_sql_bind(L, statement, i, first + i - 1, false);
    struct key *keys = lua_newuserdatauv(L, *count * sizeof *keys + 1, 0);
    for (size_t i = 0; i < *count; i++) {
        keys[i].place = (lua_Integer)i + 1;
        if (lua_rawgeti(L, 2, keys[i].place) != LUA_TSTRING)
            luaL_error(L, "key %d must be a string, got %s", (int)i + 1, luaL_typename(L, -1));
        keys[i].text = lua_tolstring(L, -1, &keys[i].length); /* the table keeps it */
        lua_pop(L, 1);
        luaL_argcheck(L, keys[i].length < TAGUA_SQL_MAX_TEXT, 2, "a key is too long (64 MiB)");
    }
    qsort(keys, *count, sizeof *keys, compare_keys);
    return keys;
}

static void bind_key(lua_State *L, struct statement *statement, const struct key *key)
{
    if (tagua_sql_bind_text(statement->statement, statement->parameters, key->text, key->length,
                            false) != 0)
        luaL_error(L, "a key could not be bound: out of memory");
}

/* st:many(keys, ...) -> rows: looks up each of the strings, bound to the statement's last parameter
 * behind the other arguments, in the order of the keys, so that the file is gone through forward.
 * All rows come in one flat array: the place of the row's key among `keys`, then its columns (null
 * is false), and so on; those of one key stand together. Else nil, message, code. */
int tagua_lua_sql_many(lua_State *L)
{
    struct statement *statement = tagua_lua_sql_check(L);
    size_t count;
    const struct key *keys = prepare_keys(L, statement, 3, &count);
    lua_createtable(L, count < 100000 ? (int)count * (statement->columns + 1) : 0, 0);
    lua_Integer used = 0;
    for (size_t i = 0; i < count; i++) {
        bind_key(L, statement, &keys[i]);
        struct tagua_error error;
        int row;
        while ((row = tagua_sql_step(statement->statement, &error)) == 1) {
            lua_pushinteger(L, keys[i].place);
            lua_rawseti(L, -2, ++used);
            for (int column = 0; column < statement->columns; column++) {
                tagua_lua_sql_push(L, statement, column);
                if (lua_isnil(L, -1)) {
                    lua_pop(L, 1);
                    lua_pushboolean(L, 0);
                }
                lua_rawseti(L, -2, ++used);
            }
        }
        tagua_sql_reset(statement->statement);
        if (row < 0)
            return tagua_lua_fail(L, &error);
    }
    return 1;
}

/* Where the letter of a row goes: the number in its first column, and a place among the letters. */
struct place {
    int64_t number;
    size_t place;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

/* Pushes a userdata with the places of the table at `index`, { [number] = { place, ... } }, by number. */
static const struct place *read_places(lua_State *L, int index, size_t width, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        luaL_checktype(L, -1, LUA_TTABLE);
        *count += lua_rawlen(L, -1);
    }
    struct place *places = lua_newuserdatauv(L, *count * sizeof *places + 1, 0);
    size_t used = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        int64_t number = luaL_checkinteger(L, -2);
        size_t length = lua_rawlen(L, -1);
        for (size_t i = 1; i <= length && used < *count; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i);
            lua_Integer place = luaL_checkinteger(L, -1);
            luaL_argcheck(L, place >= 1 && (size_t)place <= width, index, "no such place");
            places[used++] = (struct place){number, (size_t)place - 1};
            lua_pop(L, 1);
        }
    }
    *count = used;
    qsort(places, used, sizeof *places, compare_places);
    return places;
}

/* Puts a letter to all places of a number. */
static void put_letter(char *text, char letter, int64_t number, const struct place *places,
                       size_t count)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (places[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && places[low].number == number; low++)
        text[places[low].place] = letter;
}

/* st:letters(keys, nothing, places, letters, ...) -> { text, ... } | nil, message, code: looks the keys up as many
 * does, for a statement of two integer columns, and makes of all rows of a key one text, which is `nothing` but for
 * what the rows say: the first column's number stands for the places { [number] = { place, ... } } (those of other
 * numbers are passed over), the second one picks the byte that goes there out of `letters`, from 0 on. */
int tagua_lua_sql_letters(lua_State *L)
{
    struct statement *statement = tagua_lua_sql_check(L);
    if (statement->columns != 2)
        return luaL_error(L, "letters wants a statement of two columns, this one has %d",
                          statement->columns);
    size_t width, letter_count, place_count, count;
    const char *nothing = luaL_checklstring(L, 3, &width);
    const char *letters = luaL_checklstring(L, 5, &letter_count);
    const struct key *keys = prepare_keys(L, statement, 6, &count);
    const struct place *places = read_places(L, 4, width, &place_count);
    char *text = lua_newuserdatauv(L, width + 1, 0);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        bind_key(L, statement, &keys[i]);
        struct tagua_error error;
        bool found = false;
        int row;
        while ((row = tagua_sql_step(statement->statement, &error)) == 1) {
            int64_t letter = tagua_sql_integer(statement->statement, 1);
            if (letter < 0 || (uint64_t)letter >= letter_count) {
                tagua_sql_reset(statement->statement);
                return luaL_error(L, "there is no letter %d", (int)letter);
            }
            if (!found)
                memcpy(text, nothing, width);
            found = true;
            put_letter(text, letters[letter], tagua_sql_integer(statement->statement, 0), places,
                       place_count);
        }
        tagua_sql_reset(statement->statement);
        if (row < 0)
            return tagua_lua_fail(L, &error);
        if (found)
            lua_pushlstring(L, text, width);
        else
            lua_pushvalue(L, 3);
        lua_rawseti(L, -2, keys[i].place);
    }
    return 1;
}

enum { TALLIED_MOST = 8192 };

struct tally {
    int64_t key, rows, sum;
};

/* The entry of a key in a table of `size` (a power of two, never full). */
static struct tally *tally_of(struct tally *list, size_t size, int64_t key)
{
    size_t at = ((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (size - 1);
    while (list[at].rows != 0 && list[at].key != key)
        at = (at + 1) & (size - 1);
    return &list[at];
}

/* st:tally(...) -> { [key] = { rows, sum } } | nil, message, code: for a statement of two integer columns, how
 * many rows have each key in the first and what their second ones add up to. Unlike "group by" it sorts nothing,
 * so it holds nothing but the keys (8,192 at most; more raise). */
int tagua_lua_sql_tally(lua_State *L)
{
    struct statement *statement = tagua_lua_sql_check(L);
    if (statement->columns != 2)
        return luaL_error(L, "tally wants a statement of two columns, this one has %d",
                          statement->columns);
    tagua_lua_sql_arguments(L, statement, false);
    const size_t size = 2 * TALLIED_MOST;
    struct tally *list = lua_newuserdatauv(L, size * sizeof *list, 0);
    memset(list, 0, size * sizeof *list);
    size_t keys = 0;
    struct tagua_error error;
    int row;
    while ((row = tagua_sql_step(statement->statement, &error)) == 1) {
        int64_t key = tagua_sql_integer(statement->statement, 0);
        struct tally *entry = tally_of(list, size, key);
        if (entry->rows == 0 && ++keys > TALLIED_MOST) {
            tagua_sql_reset(statement->statement);
            return luaL_error(L, "more than %d keys to tally", TALLIED_MOST);
        }
        entry->key = key;
        entry->rows++;
        entry->sum += tagua_sql_integer(statement->statement, 1);
    }
    tagua_sql_reset(statement->statement);
    if (row < 0)
        return tagua_lua_fail(L, &error);
    lua_createtable(L, 0, (int)keys);
    for (size_t i = 0; i < size; i++) {
        if (list[i].rows == 0)
            continue;
        lua_createtable(L, 2, 0);
        lua_pushinteger(L, list[i].rows);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, list[i].sum);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, list[i].key);
    }
    return 1;
}

