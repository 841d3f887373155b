/* What the two halves of the engine share: engine.c, which queues and sends, and engine_judge.c,
 * which judges what came back. Nobody else includes this. */
#ifndef TAGUA_ENGINE_PRIVATE_H
#define TAGUA_ENGINE_PRIVATE_H

#include "engine.h"

struct class_line {
    char name[32];
    struct tagua_limiter *limiter; /* NULL: the connection's alone */
    struct tagua_call_queue ready;
};

struct tagua_engine {
    struct tagua_engine_options options; /* texts are copies, below */
    char *name, *base, *body_field;
    struct tagua_verdict_row *rows;
    struct tagua_client *client;
    struct tagua_limiter *limiter;
    struct tagua_envelope_reader *envelope; /* NULL: status alone */
    struct class_line lines[TAGUA_ENGINE_CLASSES_MAX + 1]; /* the first: all other classes */
    unsigned line_count;
    unsigned line_next; /* whose turn it is */
    struct tagua_call_heap delayed;
    struct tagua_lanes *lanes;
    struct tagua_call_queue done;
    size_t done_count;
    struct tagua_call_pool pool;
    size_t pending; /* not done */
    size_t flying;
    bool succeeded;        /* once */
    bool draining;         /* nothing is tried again */
    bool stopped;
    struct tagua_error stop;
    bool renewing;         /* nothing is sent until the credentials are renewed */
    int64_t renewal_code;  /* with which the platform refused them; 0: it did not */
    int64_t hold_until_ns; /* nothing is sent before: the platform is in trouble */
    unsigned unreached;    /* connections in a row that failed */
    unsigned trouble;      /* attempts in a row that led to nothing, weighed, each after another */
    int64_t trouble_at_ns; /* the last one that was counted */
    int64_t barren_since_ns; /* the first trouble or 429 since the last success; 0: none */
    int64_t wake_ns;       /* there may be more to start from then on, as of the last poll */
    int64_t waiting_since_ns; /* there is work, the limiter says wait; 0: no */
    uint64_t random;
    struct tagua_buffer platform; /* the message in an answer, while it is judged */
    struct tagua_engine_stats stats;
};

/* What an attempt weighs that led to nothing: all, when the platform was silent or its answer was
 * no answer; less, when it said in its own terms that it failed, which may be about one request. */
#define TAGUA_TROUBLE_SILENT 4
#define TAGUA_TROUBLE_SPOKEN 1

/* How often one request waits for new credentials. */
#define TAGUA_RENEWALS_MAX 3

/* Whether that came so often that the platform has to be taken for down. */
static inline bool tagua_engine_in_trouble(const struct tagua_engine *engine)
{
    return engine->trouble >= engine->options.unreachable_after * TAGUA_TROUBLE_SILENT;
}

/* A call has its result: `final`, and the error's code or "". Who waited behind it may go. */
void tagua_engine_finish(struct tagua_engine *engine, struct tagua_call *call,
                         enum tagua_final final, const char *code);

/* A call that was not sent, or not to any effect, ends as cancelled, with the reason. */
void tagua_engine_cancel(struct tagua_engine *engine, struct tagua_call *call);

/* Ends the run: all that is queued is cancelled. `message` is redacted already. */
void tagua_engine_stop(struct tagua_engine *engine, const char *code, const char *message);

/* Judges an attempt that has ended: the call gets its result, or stands in line again. */
void tagua_engine_judge(struct tagua_engine *engine, struct tagua_call *call,
                        const struct tagua_outcome *outcome, int64_t now_ns);

#endif
