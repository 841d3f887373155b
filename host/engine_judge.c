/* What follows from an attempt that has ended: a result, a retry, a pause, the end of the run. Owns
 * the engine's memory of trouble; the judgement itself is the verdict table's. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "report.h"
#include "retry.h"

/* Puts a request back for later. */
static void again(struct tagua_engine *engine, struct tagua_call *call, int64_t due_ns)
{
    call->due_ns = due_ns;
    tagua_buffer_clear(&call->message);
    if (tagua_heap_push(&engine->delayed, call) != 0) {
        tagua_report_append(&call->message, "connection '%.60s': out of memory", engine->name);
        tagua_engine_finish(engine, call, TAGUA_FINAL_FAIL, "EIO");
    }
}

/* Says what happened, for the request's own result. */
static void describe(struct tagua_engine *engine, struct tagua_call *call,
                     const struct tagua_outcome *outcome,
                     const struct tagua_envelope_answer *answer)
{
    const struct tagua_report report = {
        .connection = engine->name,
        .base = engine->base,
        .source = engine->options.bearer != NULL ? tagua_secret_source(engine->options.bearer)
                                                 : NULL,
        .timeout_ns = engine->options.timeout_ns,
        .exchange = &call->exchange,
        .outcome = outcome,
        .answer = answer,
        .platform = &engine->platform,
    };
    tagua_buffer_clear(&call->message);
    tagua_report_attempt(&report, &call->message);
}

/* The body of an answer that is not a success goes to Lua redacted. */
static void redact_answer(struct tagua_call *call)
{
    struct tagua_buffer *answer = &call->exchange.answer;
    struct tagua_buffer clean;
    tagua_buffer_init(&clean, answer->length * 3 + 16);
    if (answer->length == 0)
        return;
    if (tagua_secret_redact(answer->data, answer->length, &clean) != 0)
        tagua_buffer_clear(&clean);
    clean.max = answer->max;
    tagua_buffer_wipe(answer);
    *answer = clean;
}

static void end(struct tagua_engine *engine, struct tagua_call *call,
                const struct tagua_outcome *outcome, const struct tagua_envelope_answer *answer,
                const struct tagua_verdict *verdict)
{
    call->status = outcome->status;
    call->sent = call->maybe || outcome->sent;
    if (verdict->kind == TAGUA_VERDICT_DONE) {
        tagua_engine_finish(engine, call, TAGUA_FINAL_DONE, "");
        return;
    }
    describe(engine, call, outcome, answer);
    redact_answer(call);
    enum tagua_final final = TAGUA_FINAL_FAIL;
    switch (verdict->kind) {
    case TAGUA_VERDICT_SETTLE:
        tagua_report_append(&call->message, "; whether it took effect is not known");
        final = TAGUA_FINAL_SETTLE;
        break;
    case TAGUA_VERDICT_RETRY:
        if (call->attempts > 1)
            tagua_report_append(&call->message, "; tried %u times", call->attempts);
        break;
    case TAGUA_VERDICT_STOP:
    case TAGUA_VERDICT_REFRESH:
        final = TAGUA_FINAL_STOP;
        break;
    default:
        break;
    }
    if (final == TAGUA_FINAL_STOP)
        tagua_engine_stop(engine, verdict->code, call->message.data);
    tagua_engine_finish(engine, call, final, verdict->code);
}

/* Stops the run on account of one more attempt that led to nothing; the request ends with it,
 * without effect, unless an earlier attempt may have had one. */
static void end_run(struct tagua_engine *engine, struct tagua_call *call,
                    const struct tagua_outcome *outcome,
                    const struct tagua_envelope_answer *answer, const char *code, const char *why)
{
    struct tagua_error error;
    describe(engine, call, outcome, answer);
    tagua_report_append(&call->message, "%s", why);
    tagua_error_set(&error, code, "%s", call->message.data);
    tagua_engine_stop(engine, code, error.message);
    if (call->maybe) {
        tagua_engine_cancel(engine, call);
        return;
    }
    call->status = outcome->status;
    call->sent = outcome->sent;
    redact_answer(call);
    tagua_engine_finish(engine, call, TAGUA_FINAL_STOP, code);
}

/* Counts what went wrong with the connection as a whole. Attempts that were under way together are
 * one trouble. After several in a row, requests go one at a time and further and further apart,
 * until one succeeds: a platform that is down does not get each request once, to lose it. */
static void count_trouble(struct tagua_engine *engine, const struct tagua_call *call,
                          const struct tagua_outcome *outcome,
                          const struct tagua_envelope_answer *answer, int64_t now_ns)
{
    bool unreached = outcome->transport == TAGUA_TRANSPORT_UNREACHED;
    bool spoken = answer != NULL && answer->kind == TAGUA_ENVELOPE_ERROR;
    unsigned failure = 1;
    if (engine->barren_since_ns == 0)
        engine->barren_since_ns = call->started_ns;
    if (engine->trouble > 0 && call->started_ns < engine->trouble_at_ns)
        return;
    engine->trouble += spoken ? TAGUA_TROUBLE_SPOKEN : TAGUA_TROUBLE_SILENT;
    engine->trouble_at_ns = now_ns;
    if (unreached)
        failure = ++engine->unreached;
    else if (tagua_engine_in_trouble(engine))
        failure = engine->trouble / TAGUA_TROUBLE_SILENT - engine->options.unreachable_after + 1;
    else
        return;
    int64_t ceiling_ns = tagua_backoff_ceiling_ns(failure, engine->options.backoff_ns,
                                                  engine->options.backoff_max_ns);
    engine->random = tagua_random_next(engine->random);
    engine->hold_until_ns = now_ns + tagua_backoff_pick_ns(ceiling_ns, engine->random);
}

/* Whether nothing came of anything for longer than is bearable. */
static bool too_long(const struct tagua_engine *engine, int64_t now_ns)
{
    return !engine->stopped && tagua_engine_in_trouble(engine) &&
           now_ns - engine->barren_since_ns > engine->options.give_up_after_ns;
}

/* Writes the reason for giving up. */
static void say_too_long(const struct tagua_engine *engine, int64_t now_ns, char *to, size_t size)
{
    snprintf(to, size, "; nothing succeeded for %lld seconds: run it again later",
             (long long)((now_ns - engine->barren_since_ns) / TAGUA_SECOND_NS));
}

/* A verdict of settle: one result; if it was one too many, the end of the run. */
static void settle(struct tagua_engine *engine, struct tagua_call *call,
                   const struct tagua_outcome *outcome, const struct tagua_envelope_answer *answer,
                   const struct tagua_verdict *verdict, int64_t now_ns)
{
    struct tagua_error error;
    char why[100];
    end(engine, call, outcome, answer, verdict);
    if (!too_long(engine, now_ns))
        return;
    say_too_long(engine, now_ns, why, sizeof why);
    tagua_error_set(&error, "ENETWORK", "%.800s%s", call->message.data, why);
    tagua_engine_stop(engine, error.code, error.message);
}

/* A verdict of retry: now or never. */
static void retry(struct tagua_engine *engine, struct tagua_call *call,
                  const struct tagua_outcome *outcome, const struct tagua_envelope_answer *answer,
                  const struct tagua_verdict *verdict, int64_t now_ns)
{
    if (outcome->sent)
        call->maybe = true;
    if (too_long(engine, now_ns)) {
        char why[100];
        say_too_long(engine, now_ns, why, sizeof why);
        end_run(engine, call, outcome, answer, "ENETWORK", why);
        return;
    }
    if (outcome->transport == TAGUA_TRANSPORT_UNREACHED && !engine->stopped &&
        engine->unreached >= engine->options.unreachable_after) {
        char why[64];
        snprintf(why, sizeof why, "; %u times in a row", engine->unreached);
        end_run(engine, call, outcome, answer, "ENETWORK", why);
        return;
    }
    if (call->attempts >= engine->options.attempts) {
        end(engine, call, outcome, answer, verdict);
        return;
    }
    if (engine->stopped || engine->draining) {
        tagua_engine_cancel(engine, call);
        return;
    }
    int64_t ceiling_ns = tagua_backoff_ceiling_ns(call->attempts, engine->options.backoff_ns,
                                                  engine->options.backoff_max_ns);
    engine->random = tagua_random_next(engine->random);
    int64_t wait_ns = tagua_backoff_pick_ns(ceiling_ns, engine->random);
    if (outcome->retry_after != NULL) {
        int64_t asked_ns = tagua_retry_after_ns(outcome->retry_after, tagua_clock_wall_ns());
        if (asked_ns > wait_ns)
            wait_ns = asked_ns < engine->options.give_up_after_ns
                          ? asked_ns
                          : engine->options.give_up_after_ns;
    }
    again(engine, call, now_ns + wait_ns);
}

/* A verdict of pause: the whole key waits, the request spends no attempt. */
static void throttle(struct tagua_engine *engine, struct tagua_call *call,
                     const struct tagua_outcome *outcome,
                     const struct tagua_envelope_answer *answer, int64_t now_ns)
{
    int64_t asked_ns = -1;
    if (outcome->retry_after != NULL)
        asked_ns = tagua_retry_after_ns(outcome->retry_after, tagua_clock_wall_ns());
    engine->stats.throttled++;
    tagua_limiter_throttled(engine->limiter, now_ns, asked_ns);
    call->attempts--;
    call->throttles++;
    if (engine->barren_since_ns == 0)
        engine->barren_since_ns = now_ns;
    int64_t until_ns = tagua_limiter_paused_until_ns(engine->limiter);
    if (!engine->stopped &&
        until_ns - engine->barren_since_ns > engine->options.give_up_after_ns) {
        char why[160];
        snprintf(why, sizeof why,
                 "; it asks to wait for %lld more seconds, and nothing succeeded for %lld: run it "
                 "again later",
                 (long long)((until_ns - now_ns + TAGUA_SECOND_NS - 1) / TAGUA_SECOND_NS),
                 (long long)((now_ns - engine->barren_since_ns) / TAGUA_SECOND_NS));
        end_run(engine, call, outcome, answer, "ERATE", why);
        return;
    }
    if (engine->stopped || engine->draining) {
        tagua_engine_cancel(engine, call);
        return;
    }
    tagua_queue_push_front(&engine->lines[call->class_index].ready, call);
}

/* A verdict of refresh: the request waits, and everything with it, until the credentials are new.
 * One that is refused again and again ends the run. */
static void renew(struct tagua_engine *engine, struct tagua_call *call,
                  const struct tagua_outcome *outcome, const struct tagua_envelope_answer *answer,
                  const struct tagua_verdict *verdict)
{
    if (!engine->options.renewable || engine->stopped || engine->draining ||
        call->renewals >= TAGUA_RENEWALS_MAX) {
        end(engine, call, outcome, answer, verdict);
        return;
    }
    call->attempts--;
    call->renewals++;
    call->refused = true;
    engine->renewing = true;
    engine->renewal_code = call->has_platform_code ? call->platform_code : 0;
    tagua_queue_push_front(&engine->lines[call->class_index].ready, call);
}

void tagua_engine_judge(struct tagua_engine *engine, struct tagua_call *call,
                        const struct tagua_outcome *outcome, int64_t now_ns)
{
    struct tagua_envelope_answer answer = {.kind = TAGUA_ENVELOPE_NONE};
    const struct tagua_buffer *body = &call->exchange.answer;
    bool answered = outcome->transport == TAGUA_TRANSPORT_ANSWERED;
    tagua_buffer_clear(&engine->platform);
    if (answered && engine->envelope != NULL)
        tagua_envelope_read(engine->envelope, body->data != NULL ? body->data : "", body->length,
                            &answer, &engine->platform);
    const struct tagua_verdict_input input = {
        .transport = outcome->transport,
        .status = outcome->status,
        .envelope = answer.kind,
        .has_platform_code = answer.has_code,
        .platform_code = answer.code,
        .repeatable = call->repeatable,
        .rows = engine->rows,
        .row_count = engine->options.row_count,
    };
    struct tagua_verdict verdict = tagua_verdict_of(&input);
    const struct tagua_envelope_answer *read =
        engine->envelope != NULL && answered ? &answer : NULL;
    call->has_platform_code = answer.has_code;
    call->platform_code = answer.code;
    engine->stats.sent += outcome->sent;
    engine->stats.answered += answered;
    if (outcome->sent)
        engine->unreached = 0;

    switch (verdict.kind) {
    case TAGUA_VERDICT_DONE:
        engine->succeeded = true;
        /* fall through */
    case TAGUA_VERDICT_FAIL:
        if (answered) {
            engine->trouble = 0;
            engine->barren_since_ns = 0;
            engine->hold_until_ns = 0;
            tagua_limiter_succeeded(engine->limiter, now_ns);
        }
        end(engine, call, outcome, read, &verdict);
        break;
    case TAGUA_VERDICT_PAUSE:
        engine->trouble = 0;
        throttle(engine, call, outcome, read, now_ns);
        break;
    case TAGUA_VERDICT_RETRY:
        count_trouble(engine, call, outcome, read, now_ns);
        retry(engine, call, outcome, read, &verdict, now_ns);
        break;
    case TAGUA_VERDICT_SETTLE:
        count_trouble(engine, call, outcome, read, now_ns);
        settle(engine, call, outcome, read, &verdict, now_ns);
        break;
    case TAGUA_VERDICT_REFRESH:
        renew(engine, call, outcome, read, &verdict);
        break;
    case TAGUA_VERDICT_STOP:
        end(engine, call, outcome, read, &verdict);
        break;
    }
}
