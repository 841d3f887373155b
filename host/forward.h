/* Passing requests on: bodies with a few headers, posted to one address, in the order in which they came
 * as far as connections allow. Owns what waits and what is under way; bounded in number, bytes and time.
 * Adds no credential. Never blocks: its caller's loop drives it. */
#ifndef TAGUA_FORWARD_H
#define TAGUA_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define TAGUA_FORWARD_HEADERS 8

struct tagua_forward_options {
    const char *base;           /* "https://host[:port]", see client.h */
    const char *path;           /* begins with "/"; may hold a query */
    const char *user_agent;     /* may be NULL */
    const char *ca_file;        /* may be NULL */
    unsigned connections;       /* under way at once */
    size_t waiting_most;        /* that wait for a connection, */
    size_t waiting_bytes;       /* and the bytes of their bodies */
    int64_t connect_timeout_ns;
    int64_t timeout_ns;         /* for one exchange */
};

/* What became of one. The texts live until the next call. */
struct tagua_forward_result {
    int64_t number;      /* as it was sent with */
    bool done;           /* answered with 2xx */
    int status;          /* 0: no answer came */
    const char *trouble; /* why it is not done */
};

struct tagua_forward;

/* NULL with *error (ECONFIG, EIO). */
struct tagua_forward *tagua_forward_new(const struct tagua_forward_options *options,
                                        struct tagua_error *error);

/* Drops what waits and what is under way. NULL is fine. */
void tagua_forward_free(struct tagua_forward *forward);

/* Takes a copy of a body and of at most TAGUA_FORWARD_HEADERS lines "Name: value". Returns 0; 1 when
 * too much waits; -1 with *error (EUSAGE: a header that is none; EIO). */
int tagua_forward_send(struct tagua_forward *forward, int64_t number, const char *body,
                       size_t length, const char *const *headers, size_t count,
                       struct tagua_error *error);

/* Starts and moves what can be. Returns 0, or -1 with *error (EIO). */
int tagua_forward_step(struct tagua_forward *forward, struct tagua_error *error);

/* The next that is over; false: none. */
bool tagua_forward_next(struct tagua_forward *forward, struct tagua_forward_result *result);

/* How many wait or are under way. */
size_t tagua_forward_pending(const struct tagua_forward *forward);

/* A descriptor that can be read when there is something to step for, and how long to wait at most
 * (INT64_MAX: without an end); to be asked after each step. -1 with *error (EIO). */
int tagua_forward_descriptor(struct tagua_forward *forward, int64_t *timeout_ns,
                             struct tagua_error *error);

#endif
