/* The engine: carries out many requests on one connection, limited, judged and retried, each lane
 * in order, each request to exactly one result. Owns the client, the limiters and every request
 * from submit until its result is taken. Not for two threads at once. */
#ifndef TAGUA_ENGINE_H
#define TAGUA_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "envelope.h"
#include "error.h"
#include "limiter.h"
#include "call.h"
#include "secret.h"
#include "verdict.h"

#define TAGUA_ENGINE_CLASSES_MAX 8
#define TAGUA_ENGINE_ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define TAGUA_ENGINE_BODY_MAX ((size_t)64 * 1024 * 1024)

/* A class of endpoints with a limit of its own, below the connection's. */
struct tagua_engine_class {
    const char *name;
    struct tagua_limiter_options rate;
};

/* All is copied; secrets are retained. */
struct tagua_engine_options {
    const char *name; /* the connection's, for messages */
    const char *base;
    const char *user_agent;             /* may be NULL */
    const char *ca_file;                /* trusted instead of the system's list; may be NULL */
    struct tagua_secret *bearer;        /* may be NULL */
    struct tagua_secret *body_secret;   /* may be NULL; goes into the body as */
    const char *body_field;             /* this field */
    struct tagua_limiter_options rate;
    const struct tagua_engine_class *classes;
    size_t class_count;
    unsigned in_flight; /* 1 to TAGUA_CLIENT_CONNECTIONS_MAX */
    int64_t connect_timeout_ns;
    int64_t timeout_ns; /* of one attempt */
    unsigned attempts;  /* of one request, 429s not counted */
    int64_t backoff_ns;
    int64_t backoff_max_ns;
    int64_t give_up_after_ns;   /* of trouble, or of 429s, without one success */
    unsigned unreachable_after; /* connections in a row that could not be made */
    bool alone_first;
    bool renewable; /* a verdict of refresh asks the caller for new credentials, and stops nothing */
    bool has_envelope;
    struct tagua_envelope_paths envelope;
    const struct tagua_verdict_row *rows; /* sorted */
    size_t row_count;
};

struct tagua_submission {
    const char *method;
    const char *path;
    size_t path_length;
    const char *body; /* NULL: none */
    size_t body_length;
    const char *class; /* NULL: none */
    const char *lane;  /* NULL: none */
    size_t lane_length;
    size_t max_body; /* of the answer, bytes */
    bool repeatable;
    int64_t token;
};

struct tagua_engine_stats {
    int64_t sent;      /* attempts whose first byte may have left */
    int64_t answered;  /* of them, with a whole answer */
    int64_t retries;   /* attempts after the first, 429s included */
    int64_t throttled; /* 429s */
    int64_t waited_ns; /* how long there was work and the limiter said wait */
    double rate;       /* now, a second */
};

struct tagua_engine;

/* An engine; NULL and *error (ECONFIG, EIO). */
struct tagua_engine *tagua_engine_new(const struct tagua_engine_options *options,
                                      struct tagua_error *error);

/* Drops everything, requests under way included. NULL is fine. */
void tagua_engine_free(struct tagua_engine *engine);

/* Queues a request. Returns 0, or -1 with *error: EUSAGE, the caller's mistake; EIO, no memory. */
int tagua_engine_submit(struct tagua_engine *engine, const struct tagua_submission *submission,
                        struct tagua_error *error);

/* Works until there is a result, a descriptor is readable, a signal came or `timeout_ns` has
 * passed. Returns 0, or -1 with *error (EIO) when libcurl fails as a whole. */
int tagua_engine_poll(struct tagua_engine *engine, int64_t timeout_ns, const int *descriptors,
                      size_t count, struct tagua_error *error);

/* For a loop of somebody else's: a descriptor, the engine's own and the same for its life, that can
 * be read when a poll would get on. To be asked again after each submit and poll; *timeout_ns is how
 * long to wait at most before the next poll, INT64_MAX without an end. -1 with *error (EIO). */
int tagua_engine_descriptor(struct tagua_engine *engine, int64_t *timeout_ns,
                            struct tagua_error *error);

/* A request that has its result, or NULL. It is the caller's now, to be given back with
 * tagua_call_recycle(tagua_engine_pool(engine), call), or, without the engine, with NULL. */
struct tagua_call *tagua_engine_take(struct tagua_engine *engine);
size_t tagua_engine_results(const struct tagua_engine *engine); /* how many wait to be taken */
struct tagua_call_pool *tagua_engine_pool(struct tagua_engine *engine);

/* Queued and under way; under way alone. */
size_t tagua_engine_pending(const struct tagua_engine *engine);
size_t tagua_engine_flying(const struct tagua_engine *engine);

/* All that is queued comes back as cancelled. Until the next submit, nothing is tried again. */
void tagua_engine_drop_queued(struct tagua_engine *engine);

/* A stopped run goes on with what is submitted from now on, one request first. What the limiter
 * learned, and a pause that lasts, stay. */
void tagua_engine_restart(struct tagua_engine *engine);

/* Sends nothing more until tagua_engine_renew: the credentials are about to be replaced. */
void tagua_engine_hold(struct tagua_engine *engine);

/* Whether the caller has to renew the credentials now: nothing is under way any more, and nothing is
 * sent before. *code is the platform's for refusing them, 0 when it did not. */
bool tagua_engine_wants_renewal(const struct tagua_engine *engine, int64_t *code);

/* Goes on with these credentials, one request first; nothing may be under way. Returns 0, or -1
 * with *error (EIO). */
int tagua_engine_renew(struct tagua_engine *engine, struct tagua_secret *bearer,
                       struct tagua_secret *body_secret, struct tagua_error *error);

/* There are no new credentials: the run ends, those that were refused with it. */
void tagua_engine_give_up(struct tagua_engine *engine, const char *code, const char *message);

/* Why the run was stopped, or NULL while it goes on. */
const struct tagua_error *tagua_engine_stopped(const struct tagua_engine *engine);

/* What was done so far. */
void tagua_engine_stats(const struct tagua_engine *engine, struct tagua_engine_stats *stats);

#endif
