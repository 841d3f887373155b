/* The decider: from one record to what the rules want of every tag they own. Owns the record that
 * rules read, and the knowledge of which fields they read without finding a value. */
#include "lua_decide.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CLASS "tagua decider"

enum { MOST_FIELDS = 4096, MOST_TAGS = 65536 };

enum kind { KIND_TAG, KIND_ONE_OF, KIND_RULE };
enum state { STATE_EMPTY, STATE_VALUE, STATE_BAD, STATE_ABSENT };

struct rule {
    enum kind kind;
    size_t first, count; /* its tags */
    lua_Integer functions; /* position of its first function in the list of functions */
};

/* What the decider keeps alive in its state: the userdata's user values. */
enum slot {
    SLOT_VALUES = 1, /* what the record's fields hold now, by name */
    SLOT_RECORD,     /* the empty table that rules get; it looks into SLOT_VALUES */
    SLOT_NAMES,      /* names of the fields, by position */
    SLOT_POSITIONS,  /* positions of the fields, by name */
    SLOT_DEFAULTS,   /* if_empty, by position */
    SLOT_FUNCTIONS,  /* all functions of all rules, one after another */
    SLOT_TAGS,       /* names of the tags, by position */
    SLOT_RULES,      /* the definition's list of rules: name, where */
    SLOT_LEAVE,      /* the value that stands for leave */
    SLOT_HINT,       /* function(name) -> what to say behind an unknown field */
    SLOT_TAGSET,     /* the read-only view of a set of tags */
    SLOT_LOOK,       /* metatable of SLOT_TAGSET: its __index is the set of this record */
    SLOT_FALSE,      /* metatable of a set: what is not in it is false */
    SLOT_BLOCK,      /* memory of the arrays below */
    SLOT_NOTES,      /* what decide() collects */
    SLOT_COUNT = SLOT_NOTES
};

struct tagua_decider {
    size_t fields, tags, rules;
    uint8_t *states; /* of each field, in this record */
    uint8_t *asked;  /* has() asked for the field, in this decision */
    uint8_t *sets;   /* the field is a tagset */
    char *wants;
    struct rule *list;
    bool has_asked; /* something is in `asked` */
    bool running;
    ptrdiff_t missing;    /* first field that was read without a value, or -1 */
    char complaint[400]; /* a field was read that is not declared: what to say */
    const struct tagua_decider_watch *watch; /* who watches this run */
    const struct tagua_decider_watch *outer; /* who was set to watch */
};

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

void tagua_decider_watch(struct tagua_decider *decider, const struct tagua_decider_watch *watch)
{
    decider->watch = watch;
    decider->outer = watch;
}

/* The position of the field whose name is at `name`, or -1. */
static ptrdiff_t find_field(lua_State *L, int index, int name)
{
    index = lua_absindex(L, index);
    name = lua_absindex(L, name);
    lua_getiuservalue(L, index, SLOT_POSITIONS);
    lua_pushvalue(L, name);
    ptrdiff_t position = -1;
    if (!lua_isnil(L, name) && lua_rawget(L, -2) == LUA_TNUMBER)
        position = (ptrdiff_t)lua_tointeger(L, -1) - 1;
    lua_pop(L, 2);
    return position;
}

/* Raises at the rule's line; the decision fails even if the rule catches the error. */
static int undeclared(lua_State *L, int index, int name)
{
    struct tagua_decider *decider = lua_touserdata(L, index);
    luaL_where(L, 1);
    if (lua_type(L, name) == LUA_TSTRING) {
        lua_getiuservalue(L, index, SLOT_HINT);
        lua_pushvalue(L, name);
        lua_call(L, 1, 1);
        lua_pushfstring(L, "the field '%s' is not declared in fields { }%s",
                        lua_tostring(L, name), lua_tostring(L, -1));
        lua_remove(L, -2);
    } else {
        lua_pushfstring(L, "a record is read by the name of a field, not by a %s",
                        luaL_typename(L, name));
    }
    lua_concat(L, 2);
    snprintf(decider->complaint, sizeof decider->complaint, "%s", lua_tostring(L, -1));
    return lua_error(L);
}

/* __index of the values: reached only for fields that hold nothing. */
static int read_nothing(lua_State *L)
{
    int index = lua_upvalueindex(1);
    struct tagua_decider *decider = lua_touserdata(L, index);
    ptrdiff_t field = find_field(L, index, 2);
    if (field < 0)
        return undeclared(L, index, 2);
    uint8_t state = decider->states[field];
    if (decider->missing < 0 && (state == STATE_BAD || !decider->asked[field]))
        decider->missing = field;
    lua_pushnil(L);
    return 1;
}

/* has(user, "city"): does the field have a value. Who asks has thought of the case that it has
 * none, so reading it then does not make the decision unknown. A value that does not fit does:
 * there is one, and nobody knows which. */
static int has(lua_State *L)
{
    int index = lua_upvalueindex(1);
    struct tagua_decider *decider = lua_touserdata(L, index);
    lua_getiuservalue(L, index, SLOT_RECORD);
    if (lua_gettop(L) < 2 || !lua_rawequal(L, 1, -1) || lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "has wants the user and the name of a field: has(user, \"city\")");
    ptrdiff_t field = find_field(L, index, 2);
    if (field < 0)
        return undeclared(L, index, 2);
    uint8_t state = decider->states[field];
    if (state == STATE_BAD) {
        if (decider->missing < 0)
            decider->missing = field;
    } else if (state != STATE_VALUE) {
        decider->asked[field] = 1;
        decider->has_asked = true;
    }
    lua_pushboolean(L, state == STATE_VALUE || state == STATE_BAD);
    return 1;
}

static int refuse_write(lua_State *L)
{
    return luaL_error(L, "a record cannot be written to: a rule only reads it (it wrote '%s')",
                      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static int refuse_walk(lua_State *L)
{
    return luaL_error(L, "a record cannot be walked or measured: read its fields by name");
}

static int answer_false(lua_State *L)
{
    lua_pushboolean(L, 0);
    return 1;
}

/* Pushes a metatable under which a table is a window that nobody can write through. The caller
 * adds the __index. */
static void push_window(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, refuse_walk);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, refuse_walk);
    lua_setfield(L, -2, "__len");
    lua_pushliteral(L, "record");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

/* decide.new() -> decider, without rules yet. */
static int decide_new(lua_State *L)
{
    struct tagua_decider *decider = lua_newuserdatauv(L, sizeof *decider, SLOT_COUNT);
    memset(decider, 0, sizeof *decider);
    decider->missing = -1;
    luaL_setmetatable(L, CLASS);
    int index = lua_gettop(L);

    lua_newtable(L); /* values, whose metatable knows the decider */
    lua_newtable(L);
    lua_pushvalue(L, index);
    lua_pushcclosure(L, read_nothing, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);

    lua_newtable(L); /* the record */
    push_window(L);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setiuservalue(L, index, SLOT_RECORD);
    lua_setiuservalue(L, index, SLOT_VALUES);

    lua_newtable(L); /* the window on a set of tags */
    push_window(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, SLOT_LOOK);
    lua_setmetatable(L, -2);
    lua_setiuservalue(L, index, SLOT_TAGSET);

    lua_newtable(L);
    lua_pushcfunction(L, answer_false);
    lua_setfield(L, -2, "__index");
    lua_setiuservalue(L, index, SLOT_FALSE);
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

/* decider:define { fields = { {name, type, if_empty} }, tags = { {name} },
 *   rules = { {kind, first, count, functions, name, where} }, leave = value, hint = function }.
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
    lua_settop(L, 2);

    char *at = lua_newuserdatauv(L, 3 * (fields + 16) + tags + 1 + 16 +
                                        (rules + 1) * sizeof(struct rule) + 16, 0);
    lua_setiuservalue(L, 1, SLOT_BLOCK);
    decider->fields = fields;
    decider->tags = tags;
    decider->rules = rules;
    struct rule *list = carve(&at, (rules + 1) * sizeof *list);
    decider->states = carve(&at, fields);
    decider->asked = carve(&at, fields);
    decider->sets = carve(&at, fields);
    decider->wants = carve(&at, tags + 1);
    memset(list, 0, (rules + 1) * sizeof *list);
    memset(decider->states, STATE_EMPTY, fields);
    memset(decider->asked, 0, fields);
    memset(decider->wants, TAGUA_WANT_LEAVE, tags);
    decider->wants[tags] = '\0';
    decider->list = list;

    lua_getfield(L, 2, "fields");
    define_fields(L, decider);
    lua_settop(L, 2);
    lua_getfield(L, 2, "rules");
    define_rules(L, decider);
    return 0;
}

/* Sets the field to what is on top of the stack, which may be nil, and pops it. */
static void store(lua_State *L, int index, size_t field)
{
    lua_getiuservalue(L, index, SLOT_VALUES);
    lua_getiuservalue(L, index, SLOT_NAMES);
    lua_rawgeti(L, -1, (lua_Integer)field + 1);
    lua_pushvalue(L, -4);
    lua_rawset(L, -4);
    lua_pop(L, 3);
}

void tagua_decider_set(lua_State *L, int index, size_t field)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    decider->states[field] = STATE_VALUE;
    if (decider->sets[field]) { /* the set goes behind the window */
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_getiuservalue(L, index, SLOT_FALSE);
        lua_setmetatable(L, -2);
        lua_getiuservalue(L, index, SLOT_LOOK);
        lua_insert(L, -2);
        lua_setfield(L, -2, "__index");
        lua_pop(L, 1);
        lua_getiuservalue(L, index, SLOT_TAGSET);
    }
    store(L, index, field);
}

void tagua_decider_empty(lua_State *L, int index, size_t field)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    decider->states[field] = STATE_EMPTY;
    lua_getiuservalue(L, index, SLOT_DEFAULTS);
    lua_rawgeti(L, -1, (lua_Integer)field + 1);
    lua_remove(L, -2);
    store(L, index, field);
}

static void store_nothing(lua_State *L, int index, size_t field, enum state state)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    decider->states[field] = (uint8_t)state;
    lua_pushnil(L);
    store(L, index, field);
}

void tagua_decider_bad(lua_State *L, int index, size_t field)
{
    store_nothing(L, index, field, STATE_BAD);
}

void tagua_decider_absent(lua_State *L, int index, size_t field)
{
    store_nothing(L, index, field, STATE_ABSENT);
}

/* One decision: what it came to, and why. */
struct outcome {
    enum { DECIDED, UNKNOWN, FAILED } verdict;
    bool stopped; /* by the watch */
    char want;    /* of a function that decides one tag */
};

/* Where the things are that a run needs on the stack. */
struct frame {
    struct tagua_decider *decider;
    int index, record, functions, leave, tags, rules;
};

/* Pushes the rule's place and name: "rules.lua:12: rule 'regional'". */
static void push_place(lua_State *L, const struct frame *frame, size_t rule)
{
    lua_rawgeti(L, frame->rules, (lua_Integer)rule + 1);
    lua_getfield(L, -1, "where");
    lua_getfield(L, -2, "kind");
    lua_getfield(L, -3, "name");
    lua_pushfstring(L, "%s: %s '%s'", lua_tostring(L, -3), lua_tostring(L, -2),
                    lua_tostring(L, -1));
    lua_replace(L, -5);
    lua_pop(L, 3);
}

/* Whether a message begins with a place in the rule file, "rules.lua:12:". Errors that are raised
 * with a level above the rule, or by a function that the rule called last, have none. */
static bool has_place(lua_State *L, const struct frame *frame, size_t rule, const char *message)
{
    lua_rawgeti(L, frame->rules, (lua_Integer)rule + 1);
    lua_getfield(L, -1, "where");
    const char *where = lua_tostring(L, -1);
    const char *colon = where != NULL ? strrchr(where, ':') : NULL;
    bool found = colon != NULL && strncmp(message, where, (size_t)(colon - where) + 1) == 0;
    lua_pop(L, 2);
    return found;
}

static void tell_failure(lua_State *L, const struct frame *frame, size_t rule, const char *message,
                         bool is_undeclared)
{
    const struct tagua_decider_watch *watch = frame->decider->watch;
    if (watch == NULL || watch->failed == NULL)
        return;
    if (has_place(L, frame, rule, message)) {
        watch->failed(watch->context, rule, message, is_undeclared);
        return;
    }
    push_place(L, frame, rule);
    lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), message);
    watch->failed(watch->context, rule, lua_tostring(L, -1), is_undeclared);
    lua_pop(L, 2);
}

/* Calls function number `function` of a rule with the record. On DECIDED the result is on the
 * stack; on any other verdict the failure has been told and the stack is as before. */
static struct outcome call(lua_State *L, const struct frame *frame, size_t rule,
                           lua_Integer function)
{
    struct tagua_decider *decider = frame->decider;
    const struct tagua_decider_watch *watch = decider->watch;
    struct outcome outcome = {DECIDED, false, 0};
    decider->missing = -1;
    decider->complaint[0] = '\0';
    if (decider->has_asked) {
        memset(decider->asked, 0, decider->fields);
        decider->has_asked = false;
    }
    lua_rawgeti(L, frame->functions, function);
    lua_pushvalue(L, frame->record);
    decider->running = true;
    if (watch != NULL && watch->start != NULL)
        watch->start(watch->context);
    int status = lua_pcall(L, 1, 1, 0);
    decider->running = false;
    const char *stopped =
        watch != NULL && watch->leave != NULL ? watch->leave(watch->context, L, status) : NULL;
    if (stopped != NULL) {
        outcome.stopped = true;
    } else if (decider->complaint[0] != '\0') {
        outcome.verdict = FAILED;
        tell_failure(L, frame, rule, decider->complaint, true);
        lua_pop(L, 1);
        return outcome;
    } else if (decider->missing >= 0) {
        outcome.verdict = UNKNOWN;
        lua_pop(L, 1);
        return outcome;
    } else if (status == LUA_OK) {
        return outcome;
    }
    outcome.verdict = FAILED;
    if (stopped != NULL) {
        push_place(L, frame, rule);
        lua_pushfstring(L, "%s %s", lua_tostring(L, -1), stopped);
        lua_remove(L, -2);
    } else if (status == LUA_ERRMEM) {
        push_place(L, frame, rule);
        lua_pushfstring(L, "%s ran out of memory", lua_tostring(L, -1));
        lua_remove(L, -2);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        lua_pushvalue(L, -1);
    } else { /* never asked for its text: that would run the rule's code again */
        push_place(L, frame, rule);
        lua_pushfstring(L, "%s raised a %s instead of a message", lua_tostring(L, -1),
                        luaL_typename(L, -2));
        lua_remove(L, -2);
    }
    tell_failure(L, frame, rule, lua_tostring(L, -1), false);
    lua_pop(L, 2);
    return outcome;
}

/* The result of a decision that is on the stack: its byte, or 0 where it is none. */
static char want_of(lua_State *L, const struct frame *frame, int result)
{
    if (lua_type(L, result) == LUA_TBOOLEAN)
        return lua_toboolean(L, result) ? TAGUA_WANT_ON : TAGUA_WANT_OFF;
    return lua_rawequal(L, result, frame->leave) ? TAGUA_WANT_LEAVE : 0;
}

/* Tells that the result on top of the stack is no decision; pops it. */
static void tell_no_decision(lua_State *L, const struct frame *frame, size_t rule)
{
    push_place(L, frame, rule);
    const char *place = lua_tostring(L, -1);
    if (lua_isnil(L, -2))
        lua_pushfstring(L,
                        "%s returned nothing: return true, false or leave "
                        "(a forgotten return?)",
                        place);
    else
        lua_pushfstring(L, "%s returned a %s: return true, false or leave", place,
                        luaL_typename(L, -2));
    tell_failure(L, frame, rule, lua_tostring(L, -1), false);
    lua_pop(L, 3);
}

/* A function that decides one tag, or one member of a one_of. */
static struct outcome decide_one(lua_State *L, const struct frame *frame, size_t rule,
                                 lua_Integer function)
{
    struct outcome outcome = call(L, frame, rule, function);
    if (outcome.verdict != DECIDED)
        return outcome;
    outcome.want = want_of(L, frame, -1);
    if (outcome.want == 0) {
        outcome.verdict = FAILED;
        tell_no_decision(L, frame, rule);
        return outcome;
    }
    lua_pop(L, 1);
    return outcome;
}

/* Members in order: the first that wants the user gets it, the others come off. */
static struct outcome decide_group(lua_State *L, const struct frame *frame, size_t number)
{
    const struct rule *rule = &frame->decider->list[number];
    char *wants = frame->decider->wants + rule->first;
    struct outcome outcome = {DECIDED, false, 0};
    memset(wants, TAGUA_WANT_OFF, rule->count);
    for (size_t i = 0; i < rule->count; i++) {
        bool otherwise =
            lua_rawgeti(L, frame->functions, rule->functions + (lua_Integer)i) == LUA_TBOOLEAN;
        lua_pop(L, 1);
        if (otherwise) {
            wants[i] = TAGUA_WANT_ON;
            break;
        }
        outcome = decide_one(L, frame, number, rule->functions + (lua_Integer)i);
        if (outcome.verdict != DECIDED)
            break;
        if (outcome.want == TAGUA_WANT_ON) {
            wants[i] = TAGUA_WANT_ON;
            break;
        }
        if (outcome.want == TAGUA_WANT_LEAVE) {
            memset(wants, TAGUA_WANT_LEAVE, rule->count);
            break;
        }
    }
    return outcome;
}

/* Tells what is wrong with the table that a rule returned, about the tag whose name and whose
 * decision (nil: none) are on top of the stack. */
static void tell_wrong_entry(lua_State *L, const struct frame *frame, size_t rule, bool owned)
{
    const char *name =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
    push_place(L, frame, rule);
    const char *place = lua_tostring(L, -1);
    if (!owned)
        lua_pushfstring(L, "%s returned a decision for '%s', which it does not own", place, name);
    else if (lua_isnil(L, -2))
        lua_pushfstring(L, "%s returned no decision for '%s': give it true, false or leave", place,
                        name);
    else
        lua_pushfstring(L, "%s returned a %s for '%s': give it true, false or leave", place,
                        luaL_typename(L, -2), name);
    tell_failure(L, frame, rule, lua_tostring(L, -1), false);
    lua_pop(L, 2);
}

/* The table of a general rule, read raw: every tag that it owns, and no other. */
static struct outcome decide_table(lua_State *L, const struct frame *frame, size_t number)
{
    const struct rule *rule = &frame->decider->list[number];
    char *wants = frame->decider->wants + rule->first;
    struct outcome outcome = call(L, frame, number, rule->functions);
    if (outcome.verdict != DECIDED)
        return outcome;
    int result = lua_gettop(L);
    outcome.verdict = FAILED;
    if (lua_type(L, result) != LUA_TTABLE) {
        push_place(L, frame, number);
        if (lua_isnil(L, result))
            lua_pushfstring(L,
                            "%s returned nothing: return a table with a decision for each of its "
                            "tags (a forgotten return?)",
                            lua_tostring(L, -1));
        else
            lua_pushfstring(L, "%s returned a %s: return a table with a decision for each of its "
                            "tags", lua_tostring(L, -1), luaL_typename(L, result));
        tell_failure(L, frame, number, lua_tostring(L, -1), false);
        goto out;
    }
    for (size_t i = 0; i < rule->count; i++) {
        lua_rawgeti(L, frame->tags, (lua_Integer)(rule->first + i) + 1);
        lua_pushvalue(L, -1);
        lua_rawget(L, result);
        wants[i] = want_of(L, frame, -1);
        if (wants[i] == 0) {
            tell_wrong_entry(L, frame, number, true);
            goto out;
        }
        lua_pop(L, 2);
    }
    /* All owned names are there, so one name too many ends the walk early. */
    size_t seen = 0;
    lua_pushnil(L);
    while (lua_next(L, result) != 0) {
        bool owned = false;
        for (size_t i = 0; i < rule->count && !owned; i++) {
            lua_rawgeti(L, frame->tags, (lua_Integer)(rule->first + i) + 1);
            owned = lua_rawequal(L, -1, -3);
            lua_pop(L, 1);
        }
        if (!owned || ++seen > rule->count) {
            tell_wrong_entry(L, frame, number, false);
            goto out;
        }
        lua_pop(L, 1);
    }
    outcome.verdict = DECIDED;
out:
    lua_settop(L, result - 1);
    return outcome;
}

static void decide_rule(lua_State *L, const struct frame *frame, size_t number)
{
    struct tagua_decider *decider = frame->decider;
    const struct tagua_decider_watch *watch = decider->watch;
    const struct rule *rule = &decider->list[number];
    char *wants = decider->wants + rule->first;
    const char *refusal =
        watch != NULL && watch->enter != NULL ? watch->enter(watch->context, number) : NULL;
    if (refusal != NULL) {
        push_place(L, frame, number);
        lua_pushfstring(L, "%s %s", lua_tostring(L, -1), refusal);
        tell_failure(L, frame, number, lua_tostring(L, -1), false);
        lua_pop(L, 2);
        memset(wants, TAGUA_WANT_FAILED, rule->count);
        return;
    }
    struct outcome outcome;
    if (rule->kind == KIND_TAG) {
        outcome = decide_one(L, frame, number, rule->functions);
        wants[0] = outcome.want;
    } else if (rule->kind == KIND_ONE_OF) {
        outcome = decide_group(L, frame, number);
    } else {
        outcome = decide_table(L, frame, number);
    }
    if (outcome.verdict == FAILED) {
        memset(wants, TAGUA_WANT_FAILED, rule->count);
    } else if (outcome.verdict == UNKNOWN) {
        memset(wants, TAGUA_WANT_UNKNOWN, rule->count);
        if (watch != NULL && watch->unknown != NULL)
            watch->unknown(watch->context, number, (size_t)decider->missing);
    }
}

const char *tagua_decider_run(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    struct tagua_decider *decider = lua_touserdata(L, index);
    int top = lua_gettop(L);
    luaL_checkstack(L, 32, "a decision");
    struct frame frame = {decider, index, top + 1, top + 2, top + 3, top + 4, top + 5};
    lua_getiuservalue(L, index, SLOT_RECORD);
    lua_getiuservalue(L, index, SLOT_FUNCTIONS);
    lua_getiuservalue(L, index, SLOT_LEAVE);
    lua_getiuservalue(L, index, SLOT_TAGS);
    lua_getiuservalue(L, index, SLOT_RULES);
    for (size_t rule = 0; rule < decider->rules; rule++)
        decide_rule(L, &frame, rule);
    lua_settop(L, top);
    return decider->wants;
}

/* decider:has() -> the function has of the rule language. */
static int decider_has(lua_State *L)
{
    tagua_decider_check(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, has, 1);
    return 1;
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
    if (notes->count == MOST_NOTES)
        return;
    struct note *note = &notes->list[notes->count++];
    *note = (struct note){.rule = rule, .failed = true, .undeclared = is_undeclared};
    snprintf(note->message, sizeof note->message, "%s", message);
}

/* decider:decide() -> wants (one byte a tag), unknown { [tag's position] = field's position },
 * failed { {rule = position, message =, undeclared = boolean} } (the first 64 of both together). */
static int decider_decide(lua_State *L)
{
    struct tagua_decider *decider = check_ready(L);
    if (decider->running)
        return luaL_error(L, "a rule cannot ask for a decision");
    struct notes *notes = lua_newuserdatauv(L, sizeof *notes, 0);
    notes->watch = (struct tagua_decider_watch){
        notes, notes_enter, notes_start, notes_leave, notes_unknown, notes_failed};
    notes->before = decider->outer;
    notes->count = 0;
    lua_setiuservalue(L, 1, SLOT_NOTES);
    decider->watch = &notes->watch;
    const char *wants = tagua_decider_run(L, 1);
    decider->watch = decider->outer;
    lua_pushlstring(L, wants, decider->tags);
    lua_newtable(L);
    lua_newtable(L);
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
        {"decide", decider_decide}, {NULL, NULL},
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
