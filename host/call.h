/* A call: one request while the engine has it, queued, under way, or done and not yet taken. Owns
 * its texts and its answer, and keeps their memory when it is used again. Also the three ways in
 * which calls stand in line: queue, heap by time, lanes. */
#ifndef TAGUA_CALL_H
#define TAGUA_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "verdict.h"

struct tagua_lane;

/* What a request came to. */
enum tagua_final {
    TAGUA_FINAL_DONE,
    TAGUA_FINAL_FAIL,
    TAGUA_FINAL_SETTLE,
    TAGUA_FINAL_STOP,      /* it ended the run, and had no effect */
    TAGUA_FINAL_CANCELLED, /* not sent, or refused each time it was */
};

struct tagua_call {
    struct tagua_exchange exchange; /* stays first: the client gives it back */
    struct tagua_call *next;     /* in the one line in which it stands */
    struct tagua_lane *lane;        /* NULL: none */
    unsigned class_index;
    int64_t token; /* the caller's */
    bool repeatable;
    unsigned attempts;
    unsigned throttles;  /* how often it was answered with 429 */
    unsigned renewals;   /* how often it was refused for its credentials, which were then renewed */
    bool refused;        /* it was, and waits for new ones */
    bool maybe;          /* an attempt that may have taken effect was made */
    int64_t started_ns;  /* the last attempt */
    int64_t due_ns;      /* not before */
    char *text;          /* path, NUL, body, NUL */
    size_t capacity;     /* of text */
    const char *body;    /* in text, without the secret; NULL: none */
    size_t body_length;
    struct tagua_buffer wire; /* body with the secret in it, from start to answer */
    /* the result */
    enum tagua_final final;
    char code[16];
    struct tagua_buffer message;
    int status;
    bool sent;
    bool has_platform_code;
    int64_t platform_code;
};

/* Spare requests, to be used again. */
struct tagua_call_pool {
    struct tagua_call *spare;
    size_t count;
};

/* A request with these texts copied; NULL when memory is exhausted. */
struct tagua_call *tagua_call_new(struct tagua_call_pool *pool, const char *path,
                                  size_t path_length, const char *body, size_t body_length);

/* Puts a request back into the pool, or frees it when the pool is NULL or full. */
void tagua_call_recycle(struct tagua_call_pool *pool, struct tagua_call *call);
void tagua_call_pool_free(struct tagua_call_pool *pool);

/* First in, first out. */
struct tagua_call_queue {
    struct tagua_call *head;
    struct tagua_call *tail;
};

/* Puts a call, which stands in no other line, at the end. */
void tagua_queue_push(struct tagua_call_queue *queue, struct tagua_call *call);
/* As tagua_queue_push, before all others. */
void tagua_queue_push_front(struct tagua_call_queue *queue, struct tagua_call *call);
/* Takes the first; NULL: there is none. */
struct tagua_call *tagua_queue_pop(struct tagua_call_queue *queue);

/* Earliest due_ns first. */
struct tagua_call_heap {
    struct tagua_call **items;
    size_t count;
    size_t capacity;
};

/* Puts a call in. Returns 0, or -1 when memory is exhausted. */
int tagua_heap_push(struct tagua_call_heap *heap, struct tagua_call *call);
/* The earliest, left where it is; NULL: there is none. */
struct tagua_call *tagua_heap_top(const struct tagua_call_heap *heap);
/* As tagua_heap_top, taken. */
struct tagua_call *tagua_heap_pop(struct tagua_call_heap *heap);

/* Lanes: requests of one key go one at a time, in order. */
struct tagua_lanes;

struct tagua_lanes *tagua_lanes_new(void); /* NULL when memory is exhausted */

/* Frees the lanes; requests that wait in them must have been drained. NULL is fine. */
void tagua_lanes_free(struct tagua_lanes *lanes);

/* Puts a request into the lane of that key. Returns 1 when it may go, 0 when it waits for those
 * before it, -1 when memory is exhausted. */
int tagua_lanes_enter(struct tagua_lanes *lanes, const char *key, size_t length,
                      struct tagua_call *call);

/* The request, which may go or went, is over: returns who may go now, or NULL. */
struct tagua_call *tagua_lanes_leave(struct tagua_lanes *lanes, struct tagua_call *call);

/* Takes all that wait, in order within each lane; they are in no lane any more. */
struct tagua_call_queue tagua_lanes_drain(struct tagua_lanes *lanes);

#endif
