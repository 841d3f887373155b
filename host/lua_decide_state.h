/* What the parts of the decider share: lua_decide.c makes one and shows it to Lua,
 * lua_decide_record.c is the record that rules read, lua_decide_run.c asks the rules. Not for
 * anybody else. */
#ifndef TAGUA_LUA_DECIDE_STATE_H
#define TAGUA_LUA_DECIDE_STATE_H

#include <stdint.h>

#include "lua_compat.h"
#include "lua_decide.h"

enum kind { KIND_TAG, KIND_ONE_OF, KIND_RULE };
enum state { STATE_EMPTY, STATE_VALUE, STATE_BAD, STATE_ABSENT };

struct rule {
    enum kind kind;
    size_t first, count; /* its tags */
    lua_Integer functions; /* position of its first function in the list of functions */
    bool clocked;          /* its last decision asked for the time */
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
    SLOT_KEPT,       /* upvalues that rules can assign: function, name, value; by threes */
    SLOT_COUNT = SLOT_KEPT
};

struct tagua_decider {
    size_t fields, tags, rules;
    size_t kept;     /* upvalues that rules can assign */
    int *positions;  /* of each among its function's upvalues */
    uint8_t *states; /* of each field, in this record */
    uint8_t *asked;  /* has() asked for the field, in this decision */
    uint8_t *sets;   /* the field is a tagset */
    uint8_t *reads;  /* the field was read, or asked for, while the decider traces */
    char *wants;
    struct rule *list;
    bool has_asked; /* something is in `asked` */
    bool running;
    bool direct;     /* what a rule raises goes to the caller of the run */
    bool raised;     /* a rule has raised on this record */
    size_t at_rule;  /* the rule that runs */
    bool ticking;    /* there is a now */
    bool clock_read; /* somebody asked for it */
    int64_t now;     /* seconds since the epoch */
    ptrdiff_t missing;    /* first field that was read without a value, or -1 */
    char complaint[400]; /* a field was read that is not declared: what to say */
    const struct tagua_decider_watch *watch; /* who watches this run */
    const struct tagua_decider_watch *outer; /* who was set to watch */
};

/* Makes the record and the window on a set of tags, which know the decider at `index`; puts them
 * into its user values. */
void tagua_decider_make_record(lua_State *L, int index);

/* The function has of the rule language. Its upvalue is the decider. */
int tagua_decider_has(lua_State *L);

/* From now on every read of a field is noted in `reads`, or none is. */
void tagua_decider_trace(lua_State *L, int index, bool on);

#endif
