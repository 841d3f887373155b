/* Asks the rules: calls each with the record, and turns what it returns, or raises, into what it
 * wants of its tags. Holds nothing of its own. */
#include <lauxlib.h>
#include <string.h>

#include "lua_decide_state.h"

/* One decision: what it came to, and why. */
struct outcome {
    enum { DECIDED, UNKNOWN, FAILED } verdict;
    char want;    /* of a function that decides one tag */
};

/* Where the things are that a run needs on the stack. */
struct frame {
    struct tagua_decider *decider;
    int record, functions, leave, tags, rules, kept;
};

enum { VALUES = 6, NAMES = 7 }; /* what stands behind them: the values, and the fields' names */

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

/* Puts back the upvalues that the rule has assigned. Pushes the name of the first, and returns
 * true, where there was one: what rules keep would reach from one user to the next. */
static bool put_back(lua_State *L, const struct frame *frame)
{
    const struct tagua_decider *decider = frame->decider;
    int top = lua_gettop(L);
    lua_Integer first = 0;
    for (size_t i = 0; i < decider->kept; i++) {
        lua_Integer at = 3 * (lua_Integer)i;
        lua_rawgeti(L, frame->kept, at + 1);
        lua_getupvalue(L, -1, decider->positions[i]);
        lua_rawgeti(L, frame->kept, at + 3);
        if (!lua_rawequal(L, -1, -2)) {
            lua_setupvalue(L, -3, decider->positions[i]);
            if (first == 0)
                first = at + 2;
        }
        lua_settop(L, top);
    }
    if (first == 0)
        return false;
    lua_rawgeti(L, frame->kept, first);
    return true;
}

/* After a function has ended: its result, or its error, is on top of the stack. On DECIDED it stays
 * there; on any other verdict the failure has been told and it is popped. */
static struct outcome account(lua_State *L, const struct frame *frame, size_t rule, int status)
{
    struct tagua_decider *decider = frame->decider;
    const struct tagua_decider_watch *watch = decider->watch;
    struct outcome outcome = {DECIDED, 0};
    decider->raised = decider->raised || status != LUA_OK;
    const char *stopped =
        watch != NULL && watch->leave != NULL ? watch->leave(watch->context, L, status) : NULL;
    if (decider->kept > 0 && put_back(L, frame)) {
        if (stopped == NULL) {
            push_place(L, frame, rule);
            lua_pushfstring(L, "%s changed '%s', which is not its own: a rule keeps nothing from one "
                            "user to the next", lua_tostring(L, -1), lua_tostring(L, -2));
            outcome.verdict = FAILED;
            tell_failure(L, frame, rule, lua_tostring(L, -1), false);
            lua_pop(L, 4);
            return outcome;
        }
        lua_pop(L, 1);
    }
    if (stopped == NULL && decider->complaint[0] != '\0') {
        outcome.verdict = FAILED;
        tell_failure(L, frame, rule, decider->complaint, true);
        lua_pop(L, 1);
        return outcome;
    }
    if (stopped == NULL && decider->missing >= 0) {
        outcome.verdict = UNKNOWN;
        lua_pop(L, 1);
        return outcome;
    }
    if (stopped == NULL && status == LUA_OK)
        return outcome;
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

/* Calls function number `function` of a rule with the record; as account. */
static struct outcome call(lua_State *L, const struct frame *frame, size_t rule,
                           lua_Integer function)
{
    struct tagua_decider *decider = frame->decider;
    const struct tagua_decider_watch *watch = decider->watch;
    decider->missing = -1;
    decider->complaint[0] = '\0';
    if (decider->has_asked) {
        memset(decider->asked, 0, decider->fields);
        decider->has_asked = false;
    }
    lua_rawgeti(L, frame->functions, function);
    lua_pushvalue(L, frame->record);
    bool quick = decider->direct && watch->quick;
    if (!quick && watch != NULL && watch->start != NULL)
        watch->start(watch->context);
    decider->running = true;
    if (!decider->direct) {
        int status = lua_pcall(L, 1, 1, 0);
        decider->running = false;
        return account(L, frame, rule, status);
    }
    lua_call(L, 1, 1);
    decider->running = false;
    if (quick && !*watch->tripped && decider->kept == 0 && decider->missing < 0 &&
        decider->complaint[0] == '\0')
        return (struct outcome){DECIDED, 0}; /* nearly always */
    if (quick && !*watch->tripped && decider->kept == 0 && decider->complaint[0] == '\0') {
        lua_pop(L, 1);
        return (struct outcome){UNKNOWN, 0};
    }
    struct outcome outcome = account(L, frame, rule, LUA_OK);
    if (watch->start != NULL)
        watch->start(watch->context); /* a quick run goes on under the watch */
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
    struct outcome outcome = {DECIDED, 0};
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

/* Notes what a rule came to where it is not what its functions put into `wants`. */
static void settle_rule(struct tagua_decider *decider, size_t number, struct outcome outcome)
{
    const struct tagua_decider_watch *watch = decider->watch;
    const struct rule *rule = &decider->list[number];
    char *wants = decider->wants + rule->first;
    decider->list[number].clocked = decider->clock_read;
    if (outcome.verdict == FAILED) {
        memset(wants, TAGUA_WANT_FAILED, rule->count);
    } else if (outcome.verdict == UNKNOWN) {
        memset(wants, TAGUA_WANT_UNKNOWN, rule->count);
        if (watch != NULL && watch->unknown != NULL)
            watch->unknown(watch->context, number, (size_t)decider->missing);
    }
}

static void decide_rule(lua_State *L, const struct frame *frame, size_t number)
{
    struct tagua_decider *decider = frame->decider;
    const struct tagua_decider_watch *watch = decider->watch;
    const struct rule *rule = &decider->list[number];
    char *wants = decider->wants + rule->first;
    const char *refusal = NULL;
    decider->at_rule = number;
    if (decider->direct && watch->quick)
        *watch->rule = number;
    else if (watch != NULL && watch->enter != NULL)
        refusal = watch->enter(watch->context, number);
    if (watch != NULL && watch->asleep != NULL && watch->asleep[number] != 0) {
        decider->list[number].clocked = false;
        memset(wants, TAGUA_WANT_LEAVE, rule->count);
        return;
    }
    if (refusal != NULL) {
        push_place(L, frame, number);
        lua_pushfstring(L, "%s %s", lua_tostring(L, -1), refusal);
        tell_failure(L, frame, number, lua_tostring(L, -1), false);
        lua_pop(L, 2);
        memset(wants, TAGUA_WANT_FAILED, rule->count);
        return;
    }
    struct outcome outcome;
    decider->clock_read = false;
    if (rule->kind == KIND_TAG) {
        outcome = decide_one(L, frame, number, rule->functions);
        wants[0] = outcome.want;
    } else if (rule->kind == KIND_ONE_OF) {
        outcome = decide_group(L, frame, number);
    } else {
        outcome = decide_table(L, frame, number);
    }
    settle_rule(decider, number, outcome);
}

/* Puts on the stack what a run needs. */
static struct frame push_frame(lua_State *L, int index)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 40, "a decision");
    lua_getiuservalue(L, index, SLOT_RECORD);
    lua_getiuservalue(L, index, SLOT_FUNCTIONS);
    lua_getiuservalue(L, index, SLOT_LEAVE);
    lua_getiuservalue(L, index, SLOT_TAGS);
    lua_getiuservalue(L, index, SLOT_RULES);
    lua_getiuservalue(L, index, SLOT_KEPT);
    return (struct frame){lua_touserdata(L, index), top + 1, top + 2, top + 3,
                          top + 4, top + 5, top + 6};
}

/* Runs the rules from `rule` up to, not including, `end`. */
static const char *run(lua_State *L, int index, size_t rule, size_t end)
{
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    struct frame frame = push_frame(L, index);
    frame.decider->direct = false;
    for (; rule < end; rule++)
        decide_rule(L, &frame, rule);
    lua_settop(L, top);
    return frame.decider->wants;
}

const char *tagua_decider_run(lua_State *L, int index)
{
    return run(L, index, 0, tagua_decider_rules(lua_touserdata(L, index)));
}

const char *tagua_decider_run_one(lua_State *L, int index, size_t rule)
{
    return run(L, index, rule, rule + 1);
}

int tagua_decider_open(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    size_t fields = tagua_decider_fields(lua_touserdata(L, index));
    luaL_checkstack(L, (int)fields + 60, "the fields of a ruleset");
    int open = push_frame(L, index).record;
    lua_getiuservalue(L, index, SLOT_VALUES);
    lua_getiuservalue(L, index, SLOT_NAMES);
    for (size_t i = 1; i <= fields; i++)
        lua_rawgeti(L, open + NAMES, (lua_Integer)i);
    lua_remove(L, open + NAMES);
    return open;
}

void tagua_decider_key(lua_State *L, int open, size_t field)
{
    lua_pushvalue(L, open + NAMES + (int)field);
}

void tagua_decider_close(lua_State *L, int open, struct tagua_decider *decider, size_t field)
{
    decider->states[field] = STATE_VALUE;
    lua_rawset(L, open + VALUES);
}

static const char *run_open(lua_State *L, int open, struct tagua_decider *decider, size_t rule)
{
    struct frame frame = {decider, open, open + 1, open + 2, open + 3, open + 4, open + 5};
    for (; rule < decider->rules; rule++)
        decide_rule(L, &frame, rule);
    return decider->wants;
}

const char *tagua_decider_run_open(lua_State *L, int open, struct tagua_decider *decider)
{
    /* Coming back from an error costs more than a protected call: where rules raised on the record before, as they
     * do where a column is empty, they are called one by one. */
    decider->direct = !decider->raised;
    decider->raised = false;
    return run_open(L, open, decider, 0);
}

bool tagua_decider_stopped(struct tagua_decider *decider)
{
    bool was_running = decider->direct && decider->running;
    decider->running = false;
    return was_running;
}

const char *tagua_decider_resume(lua_State *L, int open, struct tagua_decider *decider, int status)
{
    struct frame frame = {decider, open, open + 1, open + 2, open + 3, open + 4, open + 5};
    size_t rule = decider->at_rule;
    settle_rule(decider, rule, account(L, &frame, rule, status));
    if (decider->watch->start != NULL)
        decider->watch->start(decider->watch->context);
    return run_open(L, open, decider, rule + 1);
}
