/* The decider: from one record to what the rules want of every tag they own. Owns what a ruleset
 * came to, and is how Lua sees it. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua_decide_state.h"

#define CLASS "tagua decider"

enum { MOST_FIELDS = 4096, MOST_TAGS = 65536 };

struct tagua_decider *tagua_decider_check(lua_State *L, int index)
{
    return luaL_checkudata(L, index, CLASS);
}

size_t tagua_decider_fields(const struct tagua_decider *decider)
{
    return decider->fields;
}

size_t tagua_decider_tags(const struct tagua_decider *decider)
{
    return decider->tags;
}

size_t tagua_decider_rules(const struct tagua_decider *decider)
{
    return decider->rules;
}

ptrdiff_t tagua_decider_tagset(const struct tagua_decider *decider)
{
    for (size_t i = 0; i < decider->fields; i++)
        if (decider->sets[i])
            return (ptrdiff_t)i;
    return -1;
}

void tagua_decider_tags_of(const struct tagua_decider *decider, size_t rule, size_t *first,
                           size_t *count)
{
    *first = decider->list[rule].first;
    *count = decider->list[rule].count;
}

void tagua_decider_set_now(struct tagua_decider *decider, int64_t now)
{
    decider->now = now;
    decider->ticking = true;
}

bool tagua_decider_clocked(const struct tagua_decider *decider, size_t rule)
{
    return decider->list[rule].clocked;
}

void tagua_decider_watch(struct tagua_decider *decider, const struct tagua_decider_watch *watch)
{
    decider->watch = watch;
    decider->outer = watch;
}

/* decide.new() -> decider, without rules yet. */
static int decide_new(lua_State *L)
{
    struct tagua_decider *decider = lua_newuserdatauv(L, sizeof *decider, SLOT_COUNT);
    memset(decider, 0, sizeof *decider);
    decider->missing = -1;
    luaL_setmetatable(L, CLASS);
    tagua_decider_make_record(L, lua_gettop(L));
    return 1;
}

static struct tagua_decider *check_ready(lua_State *L)
{
    struct tagua_decider *decider = tagua_decider_check(L, 1);
    if (decider->list == NULL)
        luaL_error(L, "the decider has no rules yet: call define first");
    return decider;
}

static size_t length_of(lua_State *L, const char *name, size_t most)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t length = lua_rawlen(L, -1);
    if (length > most)
        luaL_error(L, "%d %s are more than the %d that a ruleset may have", (int)length, name,
                   (int)most);
    return length;
}

static size_t size_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    size_t value = (size_t)luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void *carve(char **at, size_t size)
{
    void *piece = *at;
    *at += (size + 15) & ~(size_t)15;
    return piece;
}

/* Reads the definition's fields (on top of the stack) into the user values. */
static void define_fields(lua_State *L, struct tagua_decider *decider)
{
    int list = lua_gettop(L);
    lua_createtable(L, (int)decider->fields, 0);
    lua_createtable(L, 0, (int)decider->fields);
    lua_createtable(L, (int)decider->fields, 0);
    for (size_t i = 0; i < decider->fields; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        lua_getfield(L, -1, "type");
        decider->sets[i] = strcmp(luaL_checkstring(L, -1), "tagset") == 0;
        lua_getfield(L, -2, "if_empty");
        lua_rawseti(L, list + 3, (lua_Integer)i + 1);
        lua_getfield(L, -2, "name");
        lua_pushvalue(L, -1);
        lua_rawseti(L, list + 1, (lua_Integer)i + 1);
        lua_pushinteger(L, (lua_Integer)i + 1);
        lua_rawset(L, list + 2);
        lua_pop(L, 2);
    }
    lua_setiuservalue(L, 1, SLOT_DEFAULTS);
    lua_setiuservalue(L, 1, SLOT_POSITIONS);
    lua_setiuservalue(L, 1, SLOT_NAMES);
}

/* Reads the definition's rules (on top of the stack): kinds, ranges of tags, functions. */
static void define_rules(lua_State *L, struct tagua_decider *decider)
{
    static const char *const kinds[] = {"tag", "one_of", "rule", NULL};
    int list = lua_gettop(L);
    lua_pushvalue(L, list);
    lua_setiuservalue(L, 1, SLOT_RULES);
    lua_newtable(L);
    int functions = list + 1;
    for (size_t i = 0; i < decider->rules; i++) {
        struct rule *rule = &decider->list[i];
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        int entry = lua_gettop(L);
        lua_getfield(L, entry, "kind");
        rule->kind = (enum kind)luaL_checkoption(L, -1, NULL, kinds);
        rule->first = size_field(L, entry, "first") - 1;
        rule->count = size_field(L, entry, "count");
        if (rule->first > decider->tags || rule->count > decider->tags - rule->first)
            luaL_error(L, "a rule owns tags that are not there");
        rule->functions = (lua_Integer)lua_rawlen(L, functions) + 1;
        lua_getfield(L, entry, "functions");
        size_t count = rule->kind == KIND_ONE_OF ? rule->count : 1;
        if (lua_rawlen(L, -1) != count)
            luaL_error(L, "a rule has another number of functions than it needs");
        for (size_t j = 0; j < count; j++) {
            lua_rawgeti(L, -1, (lua_Integer)j + 1);
            lua_rawseti(L, functions, rule->functions + (lua_Integer)j);
        }
        lua_settop(L, functions);
    }
    lua_setiuservalue(L, 1, SLOT_FUNCTIONS);
}

/* Reads the definition's list of upvalues that rules can assign (on top of the stack), and what
 * each of them holds now: that is what it goes back to. */
static void define_kept(lua_State *L, struct tagua_decider *decider)
{
    int list = lua_gettop(L);
    lua_createtable(L, (int)decider->kept * 3, 0);
    for (size_t i = 0; i < decider->kept; i++) {
        lua_Integer at = 3 * (lua_Integer)i;
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        decider->positions[i] = (int)size_field(L, -1, "index");
        lua_getfield(L, -1, "name");
        lua_rawseti(L, list + 1, at + 2);
        lua_getfield(L, -1, "f");
        if (lua_getupvalue(L, -1, decider->positions[i]) == NULL)
            luaL_error(L, "a function lacks an upvalue that it assigns");
        lua_rawseti(L, list + 1, at + 3);
        lua_rawseti(L, list + 1, at + 1);
        lua_pop(L, 1);
    }
    lua_setiuservalue(L, 1, SLOT_KEPT);
}

/* decider:define { fields = { {name, type, if_empty} }, tags = { {name} },
 *   rules = { {kind, first, count, functions, name, where} }, leave = value, hint = function,
 *   kept = { {f, index, name} } }.
 * The tags of a rule stand together; `true` among the functions of a one_of is otherwise. */
static int decider_define(lua_State *L)
{
    struct tagua_decider *decider = tagua_decider_check(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_getfield(L, 2, "leave");
    lua_setiuservalue(L, 1, SLOT_LEAVE);
    lua_getfield(L, 2, "hint");
    lua_setiuservalue(L, 1, SLOT_HINT);
    lua_getfield(L, 2, "fields");
    size_t fields = length_of(L, "fields", MOST_FIELDS);
    lua_getfield(L, 2, "tags");
    size_t tags = length_of(L, "tags", MOST_TAGS);
    lua_createtable(L, (int)tags, 0);
    for (size_t i = 0; i < tags; i++) {
        lua_rawgeti(L, -2, (lua_Integer)i + 1);
        lua_getfield(L, -1, "name");
        luaL_checkstring(L, -1);
        lua_rawseti(L, -3, (lua_Integer)i + 1);
        lua_pop(L, 1);
    }
    lua_setiuservalue(L, 1, SLOT_TAGS);
    lua_getfield(L, 2, "rules");
    size_t rules = length_of(L, "rules", MOST_TAGS);
    lua_getfield(L, 2, "kept");
    size_t kept = length_of(L, "upvalues", MOST_TAGS);
    lua_settop(L, 2);

    char *at = lua_newuserdatauv(L, 4 * (fields + 16) + tags + 1 + 16 +
                                        (rules + 1) * sizeof(struct rule) + 16 +
                                        kept * sizeof(int) + 16, 0);
    lua_setiuservalue(L, 1, SLOT_BLOCK);
    decider->fields = fields;
    decider->tags = tags;
    decider->rules = rules;
    struct rule *list = carve(&at, (rules + 1) * sizeof *list);
    decider->kept = kept;
    decider->positions = carve(&at, kept * sizeof *decider->positions);
    decider->states = carve(&at, fields);
    decider->asked = carve(&at, fields);
    decider->sets = carve(&at, fields);
    decider->reads = carve(&at, fields);
    decider->wants = carve(&at, tags + 1);
    memset(list, 0, (rules + 1) * sizeof *list);
    memset(decider->states, STATE_EMPTY, fields);
    memset(decider->asked, 0, fields);
    memset(decider->reads, 0, fields);
    memset(decider->wants, TAGUA_WANT_LEAVE, tags);
    decider->wants[tags] = '\0';
    decider->list = list;

    lua_getfield(L, 2, "fields");
    define_fields(L, decider);
    lua_settop(L, 2);
    lua_getfield(L, 2, "rules");
    define_rules(L, decider);
    lua_settop(L, 2);
    lua_getfield(L, 2, "kept");
    define_kept(L, decider);
    return 0;
}

/* decider:has() -> the function has of the rule language. */
static int decider_has(lua_State *L)
{
    tagua_decider_check(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, tagua_decider_has, 1);
    return 1;
}

/* What decider_clock gives: the run's now, or nil while there is none. */
static int read_clock(lua_State *L)
{
    struct tagua_decider *decider = lua_touserdata(L, lua_upvalueindex(1));
    decider->clock_read = true;
    if (!decider->ticking)
        return 0;
    lua_pushinteger(L, decider->now);
    return 1;
}

/* decider:clock() -> function() -> now, in seconds since the epoch, or nil. */
static int decider_clock(lua_State *L)
{
    tagua_decider_check(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, read_clock, 1);
    return 1;
}

/* decider:at(now): from now on it is this moment; nil: there is none. */
static int decider_at(lua_State *L)
{
    struct tagua_decider *decider = tagua_decider_check(L, 1);
    decider->ticking = false;
    if (!lua_isnoneornil(L, 2))
        tagua_decider_set_now(decider, luaL_checkinteger(L, 2));
    return 0;
}

static size_t check_field(lua_State *L, const struct tagua_decider *decider)
{
    lua_Integer field = luaL_checkinteger(L, 2);
    luaL_argcheck(L, field >= 1 && (size_t)field <= decider->fields, 2, "no such field");
    return (size_t)field - 1;
}

/* decider:set(position, value): a value of the field's type; a set of tags is a table whose keys
 * are names, and belongs to the decider from now on. */
static int decider_set(lua_State *L)
{
    size_t field = check_field(L, check_ready(L));
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    tagua_decider_set(L, 1, field);
    return 0;
}

/* decider:empty(position), decider:bad(position), decider:absent(position). */
static int decider_empty(lua_State *L)
{
    size_t field = check_field(L, check_ready(L));
    tagua_decider_empty(L, 1, field);
    return 0;
}

static int decider_bad(lua_State *L)
{
    size_t field = check_field(L, check_ready(L));
    tagua_decider_bad(L, 1, field);
    return 0;
}

static int decider_absent(lua_State *L)
{
    size_t field = check_field(L, check_ready(L));
    tagua_decider_absent(L, 1, field);
    return 0;
}

/* Collects into Lua tables what a run tells, and lets the one who watched before hear it too.
 * Raising is not allowed here, so failures go into a fixed list. */
enum { MOST_NOTES = 64 };

struct note {
    size_t rule, field;
    bool failed, undeclared;
    char message[400];
};

struct notes {
    struct tagua_decider_watch watch;
    const struct tagua_decider_watch *before;
    size_t count;
    struct note list[MOST_NOTES];
};

static const char *notes_enter(void *context, size_t rule)
{
    const struct tagua_decider_watch *before = ((struct notes *)context)->before;
    return before != NULL && before->enter != NULL ? before->enter(before->context, rule) : NULL;
}

static void notes_start(void *context)
{
    const struct tagua_decider_watch *before = ((struct notes *)context)->before;
    if (before != NULL && before->start != NULL)
        before->start(before->context);
}

static const char *notes_leave(void *context, lua_State *L, int status)
{
    const struct tagua_decider_watch *before = ((struct notes *)context)->before;
    return before != NULL && before->leave != NULL ? before->leave(before->context, L, status)
                                                   : NULL;
}

static void notes_unknown(void *context, size_t rule, size_t field)
{
    struct notes *notes = context;
    if (notes->count < MOST_NOTES)
        notes->list[notes->count++] = (struct note){.rule = rule, .field = field};
}

static void notes_failed(void *context, size_t rule, const char *message, bool is_undeclared)
{
    struct notes *notes = context;
    if (notes->count == MOST_NOTES && !is_undeclared)
        return;
    if (notes->count == MOST_NOTES)
        notes->count--; /* this one must be heard */
    struct note *note = &notes->list[notes->count++];
    *note = (struct note){.rule = rule, .failed = true, .undeclared = is_undeclared};
    snprintf(note->message, sizeof note->message, "%s", message);
}

/* decider:trace(on): notes from now on which fields are read, or stops to. */
static int decider_trace(lua_State *L)
{
    check_ready(L);
    tagua_decider_trace(L, 1, lua_toboolean(L, 2));
    return 0;
}

/* decider:reads() -> { [position of a field that was read] = true }, since trace or since this was
 * last asked. */
static int decider_reads(lua_State *L)
{
    struct tagua_decider *decider = check_ready(L);
    lua_newtable(L);
    for (size_t i = 0; i < decider->fields; i++) {
        if (!decider->reads[i])
            continue;
        decider->reads[i] = 0;
        lua_pushboolean(L, 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* decider:decide([rule]) -> wants (one byte a tag), unknown { [tag's position] = field's position },
 * failed { {rule = position, message =, undeclared = boolean} } (the first 64 of both together). With
 * a rule's position that one alone is asked. */
static int decider_decide(lua_State *L)
{
    struct tagua_decider *decider = check_ready(L);
    if (decider->running)
        return luaL_error(L, "a rule cannot ask for a decision");
    lua_Integer only = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, only >= 0 && (size_t)only <= decider->rules, 2, "no such rule");
    struct notes *notes = lua_newuserdatauv(L, sizeof *notes, 0);
    notes->watch = (struct tagua_decider_watch){
        .context = notes,
        .enter = notes_enter,
        .start = notes_start,
        .leave = notes_leave,
        .unknown = notes_unknown,
        .failed = notes_failed,
    };
    notes->before = decider->outer;
    notes->count = 0; /* the run fills it */
    lua_setiuservalue(L, 1, SLOT_NOTES);
    decider->watch = &notes->watch;
    const char *wants = only == 0 ? tagua_decider_run(L, 1)
                                  : tagua_decider_run_one(L, 1, (size_t)only - 1);
    decider->watch = decider->outer;
    lua_pushlstring(L, wants, decider->tags);
    lua_newtable(L);
    lua_newtable(L);
    /* cppcheck-suppress unsignedLessThanZero ; the run has counted it up */
    for (size_t i = 0; i < notes->count; i++) {
        const struct note *note = &notes->list[i];
        if (!note->failed) {
            const struct rule *rule = &decider->list[note->rule];
            for (size_t tag = rule->first; tag < rule->first + rule->count; tag++) {
                lua_pushinteger(L, (lua_Integer)note->field + 1);
                lua_rawseti(L, -3, (lua_Integer)tag + 1);
            }
            continue;
        }
        lua_createtable(L, 0, 3);
        lua_pushinteger(L, (lua_Integer)note->rule + 1);
        lua_setfield(L, -2, "rule");
        lua_pushstring(L, note->message);
        lua_setfield(L, -2, "message");
        lua_pushboolean(L, note->undeclared);
        lua_setfield(L, -2, "undeclared");
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    return 3;
}

int tagua_lua_open_decide(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"define", decider_define}, {"has", decider_has},       {"set", decider_set},
        {"empty", decider_empty},   {"bad", decider_bad},       {"absent", decider_absent},
        {"decide", decider_decide}, {"clock", decider_clock},   {"at", decider_at},
        {"trace", decider_trace},   {"reads", decider_reads},   {NULL, NULL},
    };
    if (luaL_newmetatable(L, CLASS)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, decide_new);
    lua_setfield(L, -2, "new");
    return 1;
}
