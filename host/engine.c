/* The engine's loop: what goes next, what came back, what follows from it. Owns the lines in which
 * requests stand; the wording is the report's, the judgement the verdict table's. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "engine_private.h"
#include "report.h"

#define NEVER_NS INT64_MAX
#define PLATFORM_MESSAGE_MAX ((size_t)65536)

static int copy_text(char **to, const char *from)
{
    if (from != NULL)
        *to = strdup(from);
    return from == NULL || *to != NULL ? 0 : -1;
}

static int make_limiters(struct tagua_engine *engine, const struct tagua_engine_options *options,
                         struct tagua_error *error)
{
    struct tagua_limiter_options rate = options->rate;
    rate.seed = engine->random;
    engine->limiter = tagua_limiter_new(&rate, error);
    if (engine->limiter == NULL)
        return -1;
    engine->line_count = 1;
    for (size_t i = 0; i < options->class_count; i++) {
        struct class_line *line = &engine->lines[engine->line_count++];
        snprintf(line->name, sizeof line->name, "%s", options->classes[i].name);
        line->limiter = tagua_limiter_new(&options->classes[i].rate, error);
        if (line->limiter == NULL)
            return -1;
    }
    return 0;
}

static int check_options(const struct tagua_engine_options *options, struct tagua_error *error)
{
    if (options->in_flight < 1 || options->in_flight > TAGUA_CLIENT_CONNECTIONS_MAX)
        return tagua_error_set(error, "ECONFIG", "in_flight must be 1 to %d, got %u",
                               TAGUA_CLIENT_CONNECTIONS_MAX, options->in_flight);
    if (options->attempts < 1)
        return tagua_error_set(error, "ECONFIG", "attempts must be 1 or more");
    if (options->unreachable_after < 1)
        return tagua_error_set(error, "ECONFIG", "unreachable_after must be 1 or more");
    if (options->class_count > TAGUA_ENGINE_CLASSES_MAX)
        return tagua_error_set(error, "ECONFIG", "rate.classes has %zu classes, %d are the most",
                               options->class_count, TAGUA_ENGINE_CLASSES_MAX);
    const int64_t times[] = {options->connect_timeout_ns, options->timeout_ns, options->backoff_ns,
                             options->backoff_max_ns, options->give_up_after_ns};
    static const char *const names[] = {"connect_timeout", "timeout", "backoff", "backoff_max",
                                        "give_up_after"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (times[i] < TAGUA_MILLISECOND_NS || times[i] > 86400 * TAGUA_SECOND_NS)
            return tagua_error_set(error, "ECONFIG", "%s must be 0.001 to 86400 seconds, got %g",
                                   names[i], (double)times[i] / (double)TAGUA_SECOND_NS);
    return 0;
}

struct tagua_engine *tagua_engine_new(const struct tagua_engine_options *options,
                                      struct tagua_error *error)
{
    if (check_options(options, error) != 0)
        return NULL;
    struct tagua_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        tagua_error_set(error, "EIO", "cannot make an engine: out of memory");
        return NULL;
    }
    engine->options = *options;
    if (engine->options.body_secret != NULL)
        tagua_secret_retain(engine->options.body_secret);
    if (getrandom(&engine->random, sizeof engine->random, 0) != (ssize_t)sizeof engine->random)
        engine->random = (uint64_t)tagua_clock_monotonic_ns();
    tagua_buffer_init(&engine->platform, PLATFORM_MESSAGE_MAX);
    engine->rows = malloc((options->row_count + 1) * sizeof *engine->rows);
    engine->lanes = tagua_lanes_new();
    if (engine->rows == NULL || engine->lanes == NULL ||
        copy_text(&engine->name, options->name) != 0 ||
        copy_text(&engine->base, options->base) != 0 ||
        copy_text(&engine->body_field, options->body_field) != 0) {
        tagua_error_set(error, "EIO", "cannot make an engine: out of memory");
        goto failed;
    }
    if (options->row_count > 0)
        memcpy(engine->rows, options->rows, options->row_count * sizeof *engine->rows);
    if (make_limiters(engine, options, error) != 0)
        goto failed;
    if (options->has_envelope) {
        engine->envelope = tagua_envelope_new(&options->envelope, error);
        if (engine->envelope == NULL)
            goto failed;
    }
    const struct tagua_client_options client = {
        .base = options->base,
        .user_agent = options->user_agent,
        .ca_file = options->ca_file,
        .bearer = options->bearer,
        .connections = options->in_flight,
        .connect_timeout_ns = options->connect_timeout_ns,
        .timeout_ns = options->timeout_ns,
    };
    engine->client = tagua_client_new(&client, error);
    if (engine->client == NULL)
        goto failed;
    return engine;
failed:
    tagua_engine_free(engine);
    return NULL;
}

static void free_queue(struct tagua_call_queue *queue)
{
    struct tagua_call *call;
    while ((call = tagua_queue_pop(queue)) != NULL)
        tagua_call_recycle(NULL, call);
}

void tagua_engine_free(struct tagua_engine *engine)
{
    if (engine == NULL)
        return;
    if (engine->lanes != NULL) {
        struct tagua_call_queue waiting = tagua_lanes_drain(engine->lanes);
        free_queue(&waiting);
    }
    for (unsigned i = 0; i <= TAGUA_ENGINE_CLASSES_MAX; i++) {
        free_queue(&engine->lines[i].ready);
        tagua_limiter_free(engine->lines[i].limiter);
    }
    struct tagua_call *call;
    while ((call = tagua_heap_pop(&engine->delayed)) != NULL)
        tagua_call_recycle(NULL, call);
    free(engine->delayed.items);
    free_queue(&engine->done);
    if (engine->client != NULL) {
        /* Those under way are with the client, which lets go of them one by one. */
        while ((call = (struct tagua_call *)tagua_client_abandon(engine->client)) != NULL)
            tagua_call_recycle(NULL, call);
        tagua_client_free(engine->client);
    }
    tagua_lanes_free(engine->lanes);
    tagua_call_pool_free(&engine->pool);
    tagua_limiter_free(engine->limiter);
    tagua_envelope_free(engine->envelope);
    tagua_buffer_free(&engine->platform);
    tagua_secret_release(engine->options.body_secret);
    free(engine->rows);
    free(engine->name);
    free(engine->base);
    free(engine->body_field);
    free(engine);
}

/* A request has its result; who waited behind it may go. */
void tagua_engine_finish(struct tagua_engine *engine, struct tagua_call *call,
                         enum tagua_final final, const char *code)
{
    call->final = final;
    snprintf(call->code, sizeof call->code, "%s", code);
    if (call->wire.length > 0) {
        explicit_bzero(call->wire.data, call->wire.length);
        tagua_buffer_clear(&call->wire);
    }
    struct tagua_call *next = tagua_lanes_leave(engine->lanes, call);
    if (next != NULL)
        tagua_queue_push(&engine->lines[next->class_index].ready, next);
    tagua_queue_push(&engine->done, call);
    engine->done_count++;
    engine->pending--;
}

void tagua_engine_cancel(struct tagua_engine *engine, struct tagua_call *call)
{
    tagua_buffer_clear(&call->message);
    tagua_buffer_clear(&call->exchange.answer);
    call->status = 0;
    call->has_platform_code = false;
    call->sent = call->maybe;
    if (engine->stopped && call->refused) {
        tagua_report_append(&call->message, "%s", engine->stop.message);
        tagua_engine_finish(engine, call, TAGUA_FINAL_STOP, engine->stop.code);
        return;
    }
    tagua_report_append(&call->message, "not sent%s: ", call->maybe ? " again" : "");
    if (engine->stopped)
        tagua_buffer_append(&call->message, engine->stop.message,
                            strnlen(engine->stop.message,
                                    call->message.max - call->message.length));
    else
        tagua_report_append(&call->message, "the requests that were waiting were dropped");
    tagua_engine_finish(engine, call, TAGUA_FINAL_CANCELLED, "ECANCELLED");
}

static void cancel_queued(struct tagua_engine *engine)
{
    struct tagua_call *call;
    struct tagua_call_queue waiting = tagua_lanes_drain(engine->lanes);
    for (unsigned i = 0; i < engine->line_count; i++)
        while ((call = tagua_queue_pop(&engine->lines[i].ready)) != NULL)
            tagua_engine_cancel(engine, call);
    while ((call = tagua_heap_pop(&engine->delayed)) != NULL)
        tagua_engine_cancel(engine, call);
    while ((call = tagua_queue_pop(&waiting)) != NULL)
        tagua_engine_cancel(engine, call);
}

void tagua_engine_drop_queued(struct tagua_engine *engine)
{
    engine->draining = true;
    engine->renewing = false;
    engine->wake_ns = 0;
    cancel_queued(engine);
}

/* Ends the run. `message` is redacted already. */
void tagua_engine_stop(struct tagua_engine *engine, const char *code, const char *message)
{
    if (engine->stopped)
        return;
    engine->stopped = true;
    tagua_error_set(&engine->stop, code, "%s", message);
    cancel_queued(engine);
}

static int bad_submission(struct tagua_error *error, const char *what, const char *value)
{
    return tagua_error_set(error, "EUSAGE", "%s, got '%.100s'", what, value);
}

static int check_submission(const struct tagua_engine *engine,
                            const struct tagua_submission *submission, struct tagua_error *error)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    bool known = false;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        known = known || strcmp(methods[i], submission->method) == 0;
    if (!known)
        return bad_submission(error, "a method is GET, POST, PUT, PATCH or DELETE",
                              submission->method);
    if (submission->path[0] != '/')
        return bad_submission(error, "a path begins with '/'", submission->path);
    if (submission->path_length >= TAGUA_CLIENT_PATH_MAX)
        return bad_submission(error, "a path has fewer than 8192 bytes", submission->path);
    for (size_t i = 0; i < submission->path_length; i++) {
        unsigned char byte = (unsigned char)submission->path[i];
        if (byte <= 0x20 || byte >= 0x7F || byte == '#')
            return bad_submission(error,
                                  "a path is percent-encoded ASCII without spaces and '#'",
                                  submission->path);
    }
    if (submission->body_length > TAGUA_ENGINE_BODY_MAX)
        return tagua_error_set(error, "EUSAGE", "a body has at most 64 MiB, got %zu bytes",
                               submission->body_length);
    if (submission->max_body < 1 || submission->max_body > TAGUA_ENGINE_ANSWER_MAX)
        return tagua_error_set(error, "EUSAGE", "max_body is 1 to 64 MiB, got %zu",
                               submission->max_body);
    if (engine->options.body_secret != NULL &&
        (submission->body_length < 2 || submission->body[0] != '{' ||
         submission->body[submission->body_length - 1] != '}'))
        return tagua_error_set(error, "EUSAGE",
                               "a body of connection '%s' is a JSON object, for the secret goes "
                               "into it",
                               engine->name);
    return 0;
}

static unsigned class_of(const struct tagua_engine *engine, const char *name)
{
    for (unsigned i = 1; name != NULL && i < engine->line_count; i++)
        if (strcmp(engine->lines[i].name, name) == 0)
            return i;
    return 0;
}

int tagua_engine_submit(struct tagua_engine *engine, const struct tagua_submission *submission,
                        struct tagua_error *error)
{
    if (check_submission(engine, submission, error) != 0)
        return -1;
    struct tagua_call *call =
        tagua_call_new(&engine->pool, submission->path, submission->path_length,
                          submission->body, submission->body_length);
    if (call == NULL)
        return tagua_error_set(error, "EIO", "cannot queue a request: out of memory");
    call->exchange.method = submission->method;
    call->exchange.answer.max = submission->max_body;
    call->class_index = class_of(engine, submission->class);
    call->repeatable = submission->repeatable;
    call->token = submission->token;
    engine->draining = false;
    engine->wake_ns = 0;
    int may_go = 1;
    if (submission->lane != NULL && !engine->stopped)
        may_go = tagua_lanes_enter(engine->lanes, submission->lane, submission->lane_length,
                                   call);
    if (may_go < 0) {
        tagua_call_recycle(&engine->pool, call);
        return tagua_error_set(error, "EIO", "cannot queue a request: out of memory");
    }
    engine->pending++;
    if (engine->stopped)
        tagua_engine_cancel(engine, call);
    else if (may_go == 1)
        tagua_queue_push(&engine->lines[call->class_index].ready, call);
    return 0;
}

/* Appends the secret as a JSON text. 0 or -1. */
static int append_json(struct tagua_buffer *out, const char *text, size_t length)
{
    if (tagua_buffer_append(out, "\"", 1) != 0)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if ((text[i] == '"' || text[i] == '\\') && tagua_buffer_append(out, "\\", 1) != 0)
            return -1;
        if (tagua_buffer_append(out, &text[i], 1) != 0)
            return -1;
    }
    return tagua_buffer_append(out, "\"", 1);
}

/* The body with the secret as its last field: of equal names the last one counts. The buffer has
 * its full size before the secret comes in, so that no copy of it is left behind. 0 or -1. */
static int put_secret_in(struct tagua_engine *engine, struct tagua_call *call)
{
    size_t length;
    const char *secret = tagua_secret_value(engine->options.body_secret, &length);
    size_t field = strlen(engine->body_field);
    struct tagua_buffer *wire = &call->wire;
    wire->max = call->body_length + 2 * (field + length) + 16;
    tagua_buffer_clear(wire);
    bool empty = true;
    for (size_t i = 1; i + 1 < call->body_length; i++)
        empty = empty && strchr(" \t\r\n", call->body[i]) != NULL;
    if (tagua_buffer_reserve(wire, wire->max) == NULL ||
        tagua_buffer_append(wire, call->body, call->body_length - 1) != 0 ||
        (!empty && tagua_buffer_append(wire, ",", 1) != 0) ||
        append_json(wire, engine->body_field, field) != 0 ||
        tagua_buffer_append(wire, ":", 1) != 0 || append_json(wire, secret, length) != 0 ||
        tagua_buffer_append(wire, "}", 1) != 0)
        return -1;
    call->exchange.body = wire->data;
    call->exchange.body_length = wire->length;
    return 0;
}

static void start(struct tagua_engine *engine, struct tagua_call *call, int64_t now_ns)
{
    struct tagua_error error;
    int result = 0;
    if (call->attempts + call->throttles > 0)
        engine->stats.retries++;
    call->attempts++;
    call->refused = false;
    call->started_ns = now_ns;
    call->exchange.body = call->body;
    call->exchange.body_length = call->body_length;
    if (engine->options.body_secret != NULL && put_secret_in(engine, call) != 0)
        result = tagua_error_set(&error, "EIO", "out of memory");
    if (result == 0)
        result = tagua_client_start(engine->client, &call->exchange, &error);
    if (result == 0) {
        engine->flying++;
        return;
    }
    call->sent = call->maybe;
    tagua_report_append(&call->message, "connection '%.60s': %s", engine->name, error.message);
    tagua_engine_finish(engine, call, TAGUA_FINAL_FAIL, error.code);
}

/* The line whose turn it is and that may go, or NULL with the time from which one may. */
static struct class_line *next_line(struct tagua_engine *engine, int64_t now_ns, int64_t *wake_ns)
{
    for (unsigned i = 0; i < engine->line_count; i++) {
        unsigned index = (engine->line_next + i) % engine->line_count;
        struct class_line *line = &engine->lines[index];
        if (line->ready.head == NULL)
            continue;
        if (line->limiter != NULL) {
            int64_t wait_ns = tagua_limiter_reserve(line->limiter, now_ns, 1);
            if (wait_ns > 0) {
                if (now_ns + wait_ns < *wake_ns)
                    *wake_ns = now_ns + wait_ns;
                continue;
            }
        }
        int64_t wait_ns = tagua_limiter_reserve(engine->limiter, now_ns, 1);
        if (wait_ns > 0) {
            if (line->limiter != NULL)
                tagua_limiter_refund(line->limiter, 1);
            if (now_ns + wait_ns < *wake_ns)
                *wake_ns = now_ns + wait_ns;
            return NULL;
        }
        engine->line_next = index + 1;
        return line;
    }
    return NULL;
}

/* Starts what may go now. Returns when there may be more to start, NEVER_NS if only an answer can
 * tell. */
static int64_t dispatch(struct tagua_engine *engine, int64_t now_ns)
{
    int64_t wake_ns = NEVER_NS;
    struct tagua_call *call;
    while ((call = tagua_heap_top(&engine->delayed)) != NULL && call->due_ns <= now_ns) {
        tagua_heap_pop(&engine->delayed);
        tagua_queue_push_front(&engine->lines[call->class_index].ready, call);
    }
    if (call != NULL)
        wake_ns = call->due_ns;
    if (engine->renewing)
        return NEVER_NS;
    if (now_ns < engine->hold_until_ns)
        return engine->hold_until_ns < wake_ns ? engine->hold_until_ns : wake_ns;
    bool alone = (engine->options.alone_first && !engine->succeeded) || engine->unreached > 0 ||
                 tagua_engine_in_trouble(engine);
    size_t limit = alone ? 1 : engine->options.in_flight;
    while (engine->flying < limit) {
        int64_t limited_ns = NEVER_NS;
        struct class_line *line = next_line(engine, now_ns, &limited_ns);
        if (line == NULL) {
            if (limited_ns != NEVER_NS && engine->waiting_since_ns == 0)
                engine->waiting_since_ns = now_ns;
            return limited_ns < wake_ns ? limited_ns : wake_ns;
        }
        if (engine->waiting_since_ns != 0) {
            engine->stats.waited_ns += now_ns - engine->waiting_since_ns;
            engine->waiting_since_ns = 0;
        }
        start(engine, tagua_queue_pop(&line->ready), now_ns);
    }
    return wake_ns;
}

int tagua_engine_poll(struct tagua_engine *engine, int64_t timeout_ns, const int *descriptors,
                      size_t count, struct tagua_error *error)
{
    int64_t now_ns = tagua_clock_monotonic_ns();
    int64_t deadline_ns = timeout_ns < NEVER_NS - now_ns ? now_ns + timeout_ns : NEVER_NS;
    bool waited = false;
    for (;;) {
        int64_t wake_ns = engine->stopped ? NEVER_NS : dispatch(engine, now_ns);
        engine->wake_ns = wake_ns;
        if (tagua_client_perform(engine->client, error) != 0)
            return -1;
        struct tagua_outcome outcome;
        struct tagua_exchange *exchange;
        bool reaped = false;
        while ((exchange = tagua_client_finished(engine->client, &outcome)) != NULL) {
            if (!reaped)
                now_ns = tagua_clock_monotonic_ns();
            reaped = true;
            engine->flying--;
            tagua_engine_judge(engine, (struct tagua_call *)exchange, &outcome, now_ns);
        }
        if (reaped)
            engine->wake_ns = 0; /* an answer makes room for others */
        if (engine->done_count > 0 || waited || (engine->renewing && engine->flying == 0))
            return 0;
        if (reaped)
            continue; /* what was judged may go again at once */
        now_ns = tagua_clock_monotonic_ns();
        int64_t until_ns = wake_ns < deadline_ns ? wake_ns : deadline_ns;
        if (now_ns >= deadline_ns)
            return 0;
        int ready = tagua_client_wait(engine->client, until_ns > now_ns ? until_ns - now_ns : 0,
                                      descriptors, count, error);
        if (ready < 0)
            return -1;
        waited = ready > 0;
        now_ns = tagua_clock_monotonic_ns();
    }
}

int tagua_engine_descriptor(struct tagua_engine *engine, int64_t *timeout_ns,
                            struct tagua_error *error)
{
    int descriptor = tagua_client_descriptor(engine->client, timeout_ns, error);
    int64_t now_ns = tagua_clock_monotonic_ns();
    if (engine->done_count > 0 || engine->wake_ns <= now_ns ||
        (engine->renewing && engine->flying == 0))
        *timeout_ns = 0;
    else if (engine->wake_ns != NEVER_NS && engine->wake_ns - now_ns < *timeout_ns)
        *timeout_ns = engine->wake_ns - now_ns;
    return descriptor;
}

struct tagua_call *tagua_engine_take(struct tagua_engine *engine)
{
    struct tagua_call *call = tagua_queue_pop(&engine->done);
    if (call != NULL)
        engine->done_count--;
    return call;
}

size_t tagua_engine_results(const struct tagua_engine *engine)
{
    return engine->done_count;
}

struct tagua_call_pool *tagua_engine_pool(struct tagua_engine *engine)
{
    return &engine->pool;
}

size_t tagua_engine_pending(const struct tagua_engine *engine)
{
    return engine->pending;
}

size_t tagua_engine_flying(const struct tagua_engine *engine)
{
    return engine->flying;
}

void tagua_engine_hold(struct tagua_engine *engine)
{
    if (!engine->renewing)
        engine->renewal_code = 0;
    engine->renewing = true;
}

bool tagua_engine_wants_renewal(const struct tagua_engine *engine, int64_t *code)
{
    *code = engine->renewal_code;
    return engine->renewing && engine->flying == 0 && !engine->stopped;
}

int tagua_engine_renew(struct tagua_engine *engine, struct tagua_secret *bearer,
                       struct tagua_secret *body_secret, struct tagua_error *error)
{
    if (engine->flying > 0)
        return tagua_error_set(error, "EUSAGE", "credentials are not renewed under a request");
    if (tagua_client_set_bearer(engine->client, bearer, error) != 0)
        return -1;
    if (body_secret != NULL)
        tagua_secret_retain(body_secret);
    tagua_secret_release(engine->options.body_secret);
    engine->options.body_secret = body_secret;
    engine->options.bearer = bearer;
    engine->renewing = false;
    engine->wake_ns = 0;
    engine->succeeded = false;
    return 0;
}

void tagua_engine_give_up(struct tagua_engine *engine, const char *code, const char *message)
{
    engine->renewing = false;
    engine->wake_ns = 0;
    tagua_engine_stop(engine, code, message);
}

void tagua_engine_restart(struct tagua_engine *engine)
{
    engine->stopped = false;
    engine->renewing = false;
    engine->wake_ns = 0;
    engine->draining = false;
    engine->succeeded = false;
    engine->hold_until_ns = 0;
    engine->unreached = 0;
    engine->trouble = 0;
    engine->barren_since_ns = 0;
}

const struct tagua_error *tagua_engine_stopped(const struct tagua_engine *engine)
{
    return engine->stopped ? &engine->stop : NULL;
}

void tagua_engine_stats(const struct tagua_engine *engine, struct tagua_engine_stats *stats)
{
    *stats = engine->stats;
    stats->rate = tagua_limiter_rate(engine->limiter);
}
