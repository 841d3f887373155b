/* What goes through a worker's pipes: frames of a kind and some bytes. Both ends are the same
 * executable on the same machine. Holds the layout, nothing else. */
#ifndef TAGUA_FRAME_H
#define TAGUA_FRAME_H

#include <stdint.h>

enum {
    /* to the worker */
    TAGUA_FRAME_LOAD = 'L',  /* options and the rule file: see worker.c */
    TAGUA_FRAME_TEST = 'T',  /* i64: the moment that is now */
    TAGUA_FRAME_INPUT = 'I', /* a value: see tagua_sandbox_input */
    TAGUA_FRAME_TASK = 'D',  /* a value and a chunk: see tagua_sandbox_decide */
    TAGUA_FRAME_SHARED = 'S', /* the same, with a struct tagua_slot instead of the chunk */
    TAGUA_FRAME_ASK = 'A',   /* a value: see tagua_sandbox_ask */
    TAGUA_FRAME_HOOK = 'H',  /* a value: see tagua_sandbox_hook */
    /* from the worker */
    TAGUA_FRAME_DONE = 'd',     /* what was asked for */
    TAGUA_FRAME_ERROR = 'e',    /* code, NUL, message */
    TAGUA_FRAME_ALIVE = 'a',    /* nothing: it works on */
    TAGUA_FRAME_ANNOUNCE = 'n', /* u64 record, u64 rule: what it will run */
    TAGUA_FRAME_STUCK = 's',    /* u64 record, u64 rule: its last words */
};

enum { TAGUA_FRAME_MOST = 80 * 1024 * 1024 }; /* bytes behind a head */

struct tagua_frame_head {
    uint32_t length; /* of the bytes that follow */
    uint32_t kind;
};

#endif
