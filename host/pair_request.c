/* The request for a new pair. Owns a client of its own for as long as the request takes; wipes the
 * request's body and the answer's. */
#include "pair_request.h"

#include <poll.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "retry.h"

#define ANSWER_MAX ((size_t)262144)
#define BACKOFF_NS (500 * TAGUA_MILLISECOND_NS)
#define BACKOFF_MAX_NS (30 * TAGUA_SECOND_NS)

enum { SUCCESS, CODE, MESSAGE, TOKEN, SECRET, FIELDS };

/* Appends a JSON text. 0 or -1. */
static int append_json(struct tagua_buffer *out, const char *text, size_t length)
{
    int failed = tagua_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < length && failed == 0; i++) {
        if (text[i] == '"' || text[i] == '\\')
            failed = tagua_buffer_append(out, "\\", 1);
        if (failed == 0)
            failed = tagua_buffer_append(out, &text[i], 1);
    }
    return failed != 0 ? -1 : tagua_buffer_append(out, "\"", 1);
}

/* {"secret":"..."}, in a buffer that has its full size before the secret comes in. 0 or -1. */
static int make_body(const struct tagua_pair_request *request, const struct tagua_secret *secret,
                     struct tagua_buffer *body)
{
    size_t length, field = strlen(request->body_field);
    const char *value = tagua_secret_value(secret, &length);
    tagua_buffer_init(body, 2 * (length + field) + 16);
    if (tagua_buffer_reserve(body, body->max) == NULL || tagua_buffer_append(body, "{", 1) != 0 ||
        append_json(body, request->body_field, field) != 0 ||
        tagua_buffer_append(body, ":", 1) != 0 || append_json(body, value, length) != 0 ||
        tagua_buffer_append(body, "}", 1) != 0)
        return -1;
    return 0;
}

/* One attempt, from start to end, whatever signals come. 0, or -1 with *error: it was not sent. */
static int attempt(struct tagua_client *client, struct tagua_exchange *exchange,
                   const struct tagua_pair_request *request, tagua_pair_watcher *watcher,
                   void *context, struct tagua_outcome *outcome, struct tagua_error *error)
{
    tagua_buffer_clear(&exchange->answer);
    if (tagua_client_start(client, exchange, error) != 0)
        return -1;
    bool told = false;
    for (;;) {
        if (tagua_client_perform(client, error) != 0) {
            *outcome = (struct tagua_outcome){
                .transport = TAGUA_TRANSPORT_LOST, .sent = true, .trouble = error->message};
            return 0;
        }
        if (!told) {
            told = true;
            watcher(context, "asking");
        }
        if (tagua_client_finished(client, outcome) != NULL)
            return 0;
        if (tagua_client_wait(client, request->timeout_ns, NULL, 0, error) < 0)
            continue; /* the next perform says so again, and its own deadline ends it */
    }
}

static struct tagua_secret *secret_of(const struct tagua_json_value *value, const char *source,
                                      struct tagua_error *error)
{
    struct tagua_buffer text;
    tagua_buffer_init(&text, ANSWER_MAX);
    if (value->kind != TAGUA_JSON_TEXT || tagua_buffer_reserve(&text, value->length + 1) == NULL ||
        tagua_json_append_text(value, &text) != 0) {
        tagua_error_set(error, "EPROTOCOL", "it is not there");
        tagua_buffer_wipe(&text);
        return NULL;
    }
    return tagua_secret_from_bytes(&text, "file ", source, error);
}

/* What the platform says when it does not give a pair. */
static void say(struct tagua_error *error, const char *code, int status,
                const struct tagua_json_value *values, int64_t platform_code)
{
    char words[300] = "";
    if (values != NULL && values[MESSAGE].kind == TAGUA_JSON_TEXT &&
        values[MESSAGE].length < sizeof words) {
        size_t length = tagua_json_text(&values[MESSAGE], words);
        words[length] = '\0';
        tagua_secret_redact_in_place(words, sizeof words);
    }
    tagua_error_set(error, code, "the platform answers %d, code %lld: %s", status,
                    (long long)platform_code, words);
}

/* An answer of the platform, whole. */
static enum tagua_pair_answer judge(const struct tagua_pair_request *request, int status,
                                    const struct tagua_buffer *body, const char *source,
                                    struct tagua_secret **new_token,
                                    struct tagua_secret **new_secret, struct tagua_error *error)
{
    const char *const paths[FIELDS] = {request->success, request->code, request->message,
                                       request->token, request->secret};
    struct tagua_json_value values[FIELDS];
    struct tagua_error fault;
    enum tagua_pair_answer answer = TAGUA_PAIR_ANSWER_LOST;
    int64_t code = 0;
    struct tagua_json_projection *projection = tagua_json_projection_new(paths, FIELDS, error);
    if (projection == NULL)
        return TAGUA_PAIR_ANSWER_LOST;
    if (tagua_json_project(projection, body->data != NULL ? body->data : "", body->length, values,
                           &fault) != 0) {
        if (status == 401 || status == 403) {
            answer = TAGUA_PAIR_ANSWER_NONE;
            tagua_error_set(error, "EAUTH", "the platform answers %d", status);
        } else {
            tagua_error_set(error, "ENETWORK", "the platform's answer (%d) can't be understood: %s",
                            status, fault.message);
        }
        goto out;
    }
    bool has_code = tagua_json_integer(&values[CODE], &code) == 0;
    if (has_code && code == request->replaced) {
        answer = TAGUA_PAIR_ANSWER_REPLACED;
        say(error, "EAUTH", status, values, code);
    } else if (status >= 200 && status <= 299 && values[SUCCESS].kind == TAGUA_JSON_TRUE) {
        *new_token = secret_of(&values[TOKEN], source, error);
        *new_secret = *new_token != NULL ? secret_of(&values[SECRET], source, error) : NULL;
        answer = *new_secret != NULL ? TAGUA_PAIR_ANSWER_NEW : TAGUA_PAIR_ANSWER_REPLACED;
        if (answer != TAGUA_PAIR_ANSWER_NEW) {
            tagua_secret_release(*new_token);
            *new_token = NULL;
            tagua_error_set(error, "EAUTH",
                            "the platform says that it made a new pair, and its answer holds none");
        }
    } else if ((status >= 500 && status <= 599) || (!has_code && status <= 299)) {
        say(error, "ENETWORK", status, values, code);
    } else {
        answer = TAGUA_PAIR_ANSWER_NONE;
        say(error, "EAUTH", status, values, code);
    }
out:
    tagua_json_projection_free(projection);
    return answer;
}

static void sleep_ns(int64_t wait_ns)
{
    int64_t until_ns = tagua_clock_monotonic_ns() + wait_ns;
    for (int64_t left = wait_ns; left > 0; left = until_ns - tagua_clock_monotonic_ns())
        poll(NULL, 0, (int)(left / TAGUA_MILLISECOND_NS) + 1);
}

enum tagua_pair_answer tagua_pair_ask(const struct tagua_pair_request *request,
                                      struct tagua_secret *token, struct tagua_secret *secret,
                                      const char *source, tagua_pair_watcher *watcher,
                                      void *context, struct tagua_secret **new_token,
                                      struct tagua_secret **new_secret, struct tagua_error *error)
{
    const struct tagua_client_options options = {
        .base = request->base,
        .user_agent = request->user_agent,
        .ca_file = request->ca_file,
        .bearer = token,
        .connections = 1,
        .connect_timeout_ns = request->connect_timeout_ns,
        .timeout_ns = request->timeout_ns,
    };
    enum tagua_pair_answer answer = TAGUA_PAIR_ANSWER_NONE;
    struct tagua_exchange exchange = {.method = "POST", .path = request->path};
    struct tagua_outcome outcome;
    struct tagua_buffer body;
    *new_token = *new_secret = NULL;
    tagua_buffer_init(&exchange.answer, ANSWER_MAX);
    struct tagua_client *client = NULL;
    if (make_body(request, secret, &body) != 0 ||
        tagua_buffer_reserve(&exchange.answer, ANSWER_MAX) == NULL) {
        tagua_error_set(error, "EIO", "out of memory");
        goto out;
    }
    exchange.body = body.data;
    exchange.body_length = body.length;
    client = tagua_client_new(&options, error);
    if (client == NULL)
        goto out;
    for (unsigned tried = 1;; tried++) {
        if (attempt(client, &exchange, request, watcher, context, &outcome, error) != 0)
            goto out;
        int64_t wait_ns = tagua_backoff_ceiling_ns(tried, BACKOFF_NS, BACKOFF_MAX_NS);
        if (outcome.transport == TAGUA_TRANSPORT_UNREACHED) {
            tagua_error_set(error, "ENETWORK", "cannot connect to %s: %.200s", request->base,
                            outcome.trouble);
        } else if (outcome.transport == TAGUA_TRANSPORT_ANSWERED && outcome.status == 429) {
            tagua_error_set(error, "ERATE", "the platform answers 429: it wants fewer requests");
            int64_t asked_ns = outcome.retry_after != NULL
                                   ? tagua_retry_after_ns(outcome.retry_after,
                                                          tagua_clock_wall_ns())
                                   : -1;
            if (asked_ns > BACKOFF_MAX_NS)
                goto out;
            if (asked_ns > wait_ns)
                wait_ns = asked_ns;
        } else {
            break;
        }
        if (tried >= request->attempts)
            goto out;
        sleep_ns(wait_ns);
    }
    if (outcome.transport == TAGUA_TRANSPORT_ANSWERED) {
        watcher(context, "answered");
        answer = judge(request, outcome.status, &exchange.answer, source, new_token, new_secret,
                       error);
    } else if (outcome.transport == TAGUA_TRANSPORT_UNTRUSTED ||
               outcome.transport == TAGUA_TRANSPORT_REFUSED) {
        tagua_error_set(error, "ETLS", "the request can't be sent: %.200s", outcome.trouble);
    } else {
        answer = TAGUA_PAIR_ANSWER_LOST;
        tagua_error_set(error, "ENETWORK", "the answer was lost: %.200s",
                        outcome.trouble != NULL ? outcome.trouble : "no whole answer came in time");
    }
out:
    tagua_client_free(client);
    tagua_buffer_wipe(&body);
    tagua_buffer_wipe(&exchange.answer);
    return answer;
}
