/* The decider: asks the rules of one ruleset about one record at a time, in whatever Lua state
 * holds them. It lives in that state as a userdata and is collected with it. */
#ifndef TAGUA_LUA_DECIDE_H
#define TAGUA_LUA_DECIDE_H

#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tagua_decider;

/* What a decision wants of a tag, one byte each. */
enum {
    TAGUA_WANT_ON = '+',
    TAGUA_WANT_OFF = '-',
    TAGUA_WANT_LEAVE = '.',
    TAGUA_WANT_UNKNOWN = '?',
    TAGUA_WANT_FAILED = '!',
};

/* Who watches over the rules, and who is told what became of them. Any function may be NULL.
 * None of them may raise. */
struct tagua_decider_watch {
    void *context;
    /* In a run of tagua_decider_run_open where nobody has to be asked: enter, start and, after a
     * function that came to its end, leave are not called. The rule that runs is put into *rule;
     * leave is called once *tripped is not 0. */
    bool quick;
    volatile size_t *rule;
    const volatile sig_atomic_t *tripped;
    /* One byte a rule: those that are not 0 are not run and leave their tags alone. NULL: none. */
    const uint8_t *asleep;
    /* Before a rule runs. A text refuses to run it, and is why; NULL lets it run. */
    const char *(*enter)(void *context, size_t rule);
    /* Before each of its functions is called. */
    void (*start)(void *context);
    /* After each of its functions has ended. A text is why it was stopped, NULL if it was not. */
    const char *(*leave)(void *context, lua_State *L, int status);
    /* A rule could not decide, because it read a field without value. */
    void (*unknown)(void *context, size_t rule, size_t field);
    /* A rule failed. `undeclared`: because it read a field that is not declared. */
    void (*failed)(void *context, size_t rule, const char *message, bool undeclared);
};

/* Pushes { new = function() -> decider }: see lua_decide.c for what Lua can do with one. */
int tagua_lua_open_decide(lua_State *L);

/* The decider at `index`; raises for any other value. */
struct tagua_decider *tagua_decider_check(lua_State *L, int index);

/* How many fields are declared, tags owned, rules defined: 0 before define. */
size_t tagua_decider_fields(const struct tagua_decider *decider);

/* As tagua_decider_fields. */
size_t tagua_decider_tags(const struct tagua_decider *decider);

/* As tagua_decider_fields. */
size_t tagua_decider_rules(const struct tagua_decider *decider);

/* The position of the field that is a tagset, or -1. */
ptrdiff_t tagua_decider_tagset(const struct tagua_decider *decider);

/* The tags of a rule: from *first on, *count of them. */
void tagua_decider_tags_of(const struct tagua_decider *decider, size_t rule, size_t *first,
                           size_t *count);

/* From now on `watch` is asked and told; it must outlive the decider or the next call. */
void tagua_decider_watch(struct tagua_decider *decider, const struct tagua_decider_watch *watch);

/* Gives a field of the next record what is on top of the stack, and pops it. `index` is where the
 * decider is on the stack, as in the functions below; all of them may raise for want of memory. */
void tagua_decider_set(lua_State *L, int index, size_t field);

/* The field has no value: it reads as its if_empty, or as nil. */
void tagua_decider_empty(lua_State *L, int index, size_t field);

/* The record has a value that does not fit the field's type. */
void tagua_decider_bad(lua_State *L, int index, size_t field);

/* The record does not have the field at all. */
void tagua_decider_absent(lua_State *L, int index, size_t field);

/* Runs every rule on the record that was set. Returns one byte a tag; they stay the decider's and
 * stand until the next call. */
const char *tagua_decider_run(lua_State *L, int index);

/* For many records, one after another: puts on the stack what deciding them needs, where it stays
 * until the caller has done. Returns its place, `open` of the functions below. */
int tagua_decider_open(lua_State *L, int index);

/* Pushes the key of a field. What is pushed next becomes its value with tagua_decider_close, which
 * pops both; not for a set of tags. */
void tagua_decider_key(lua_State *L, int open, size_t field);

/* See tagua_decider_key. */
void tagua_decider_close(lua_State *L, int open, struct tagua_decider *decider, size_t field);

/* As tagua_decider_run, but what rules raise may go to the caller's lua_pcall: see
 * tagua_decider_resume. */
const char *tagua_decider_run_open(lua_State *L, int open, struct tagua_decider *decider);

/* Whether a rule was running when lua_pcall came back from tagua_decider_run_open. The second time
 * that it is asked it was not. */
bool tagua_decider_stopped(struct tagua_decider *decider);

/* Accounts for the rule that was running, whose error is on top of the stack (popped) and whose
 * `status` lua_pcall gave, and runs those after it. */
const char *tagua_decider_resume(lua_State *L, int open, struct tagua_decider *decider, int status);

/* Runs one rule alone; the bytes of the other rules' tags stay as they are. */
const char *tagua_decider_run_one(lua_State *L, int index, size_t rule);

/* What the rules take for now: seconds since the epoch. */
void tagua_decider_set_now(struct tagua_decider *decider, int64_t now);

/* Whether the last decision of the rule asked for the time. One that did not is the same at any
 * other time, because rules are pure. */
bool tagua_decider_clocked(const struct tagua_decider *decider, size_t rule);

#endif
