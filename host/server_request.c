/* Requests of the HTTP server: reading them, answering them. Owns a request's body until its last
 * owner lets go, and the answer until it is sent. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "server_private.h"

enum { MAX_PAIRS = 100 };

/* ---- states ------------------------------------------------------------------------------ */

void tagua_request_enter(struct tagua_request *request, struct tagua_link *list,
                         enum tagua_request_state state)
{
    tagua_link_remove(&request->link);
    if (list != NULL)
        tagua_link_insert_before(list, &request->link);
    request->state = state;
}

void tagua_request_schedule(struct tagua_request *request, int64_t due_ns)
{
    struct tagua_server *server = request->server;
    struct tagua_link *where = server->timed.previous;
    while (where != &server->timed && ((struct tagua_request *)where)->due_ns > due_ns)
        where = where->previous;
    tagua_link_remove(&request->link);
    tagua_link_insert_before(where->next, &request->link);
    request->due_ns = due_ns;
    request->state = TIMED;
    tagua_alarm_set(&server->alarm, due_ns);
}

void tagua_request_resume(struct tagua_request *request)
{
    tagua_request_enter(request, NULL, ANSWERED);
    MHD_resume_connection(request->exchange);
    tagua_alarm_set(&request->server->alarm, 0);
}

void tagua_request_forget_body(struct tagua_request *request)
{
    if (request->server != NULL)
        request->server->bodies -= request->body.length;
    tagua_buffer_free(&request->body);
}

void tagua_request_disown(struct tagua_request *request)
{
    if (--request->owners > 0)
        return;
    tagua_buffer_free(&request->body);
    tagua_buffer_free(&request->answer);
    free(request->pairs);
    free(request);
}

/* ---- reading a request ------------------------------------------------------------------- */

const char *tagua_request_method(const struct tagua_request *request)
{
    return request->exchange != NULL ? request->method : NULL;
}

const char *tagua_request_path(const struct tagua_request *request)
{
    return request->exchange != NULL ? request->path : NULL;
}

enum tagua_body tagua_request_body_state(const struct tagua_request *request)
{
    if (request->swallowed == 0)
        return TAGUA_BODY_WHOLE;
    return request->crowded ? TAGUA_BODY_CROWDED : TAGUA_BODY_TOO_LARGE;
}

const char *tagua_request_body(const struct tagua_request *request, size_t *length)
{
    *length = request->body.length;
    if (request->swallowed > 0)
        return NULL;
    return request->body.data != NULL ? request->body.data : "";
}

static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *name,
                               const char *value)
{
    struct tagua_request *request = cls;
    if (request->pair_count == MAX_PAIRS)
        return MHD_NO;
    if (kind == MHD_HEADER_KIND && strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0)
        return MHD_YES;
    request->pairs[request->pair_count++] = (struct tagua_server_pair){
        .name = name,
        .value = value != NULL ? value : "",
    };
    return MHD_YES;
}

static size_t gather(struct tagua_request *request, enum MHD_ValueKind kind,
                     const struct tagua_server_pair **pairs)
{
    request->pair_count = 0;
    if (request->pairs == NULL && request->exchange != NULL)
        request->pairs = calloc(MAX_PAIRS, sizeof *request->pairs);
    if (request->pairs != NULL && request->exchange != NULL)
        MHD_get_connection_values(request->exchange, kind, collect, request);
    *pairs = request->pairs;
    return request->pair_count;
}

size_t tagua_request_headers(struct tagua_request *request, const struct tagua_server_pair **pairs)
{
    return gather(request, MHD_HEADER_KIND, pairs);
}

size_t tagua_request_query(struct tagua_request *request, const struct tagua_server_pair **pairs)
{
    return gather(request, MHD_GET_ARGUMENT_KIND, pairs);
}

/* What is looked for among the headers, and how often it was found. */
struct search {
    const char *name;
    const char *value;
    size_t count;
};

static enum MHD_Result find(void *cls, enum MHD_ValueKind kind, const char *name,
                            const char *value)
{
    struct search *search = cls;
    (void)kind;
    if (strcasecmp(name, search->name) == 0) {
        search->value = value != NULL ? value : "";
        search->count++;
    }
    return search->count < 2 ? MHD_YES : MHD_NO;
}

const char *tagua_request_header(const struct tagua_request *request, const char *name)
{
    struct search search = {.name = name};
    if (request->exchange != NULL)
        MHD_get_connection_values(request->exchange, MHD_HEADER_KIND, find, &search);
    return search.count == 1 ? search.value : NULL;
}

const char *tagua_request_from(const struct tagua_request *request, char from[TAGUA_FROM_MAX])
{
    from[0] = '\0';
    if (request->connection == NULL)
        return from;
    const struct tagua_proxies *proxies = request->server->proxies;
    const char *forwarded =
        proxies != NULL ? tagua_request_header(request, "X-Forwarded-For") : NULL;
    return tagua_proxies_from(proxies, request->connection->peer, forwarded, from, TAGUA_FROM_MAX);
}

bool tagua_request_signed(const struct tagua_request *request, const char *header,
                          const struct tagua_signature *signature,
                          const struct tagua_secret *secret)
{
    size_t length;
    const char *body = tagua_request_body(request, &length);
    const char *given = tagua_request_header(request, header);
    return body != NULL && given != NULL &&
           tagua_signature_signs(signature, secret, body, length, given);
}

const char *tagua_request_bearer(const struct tagua_request *request, size_t *length)
{
    static const char scheme[] = "Bearer ";
    const char *value = tagua_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    if (value == NULL || strncasecmp(value, scheme, sizeof scheme - 1) != 0)
        return NULL;
    value += sizeof scheme - 1;
    value += strspn(value, " ");
    *length = strlen(value);
    return *length > 0 ? value : NULL;
}

/* ---- answering --------------------------------------------------------------------------- */

/* Gives the library the next piece of a body that is sent at a pace, or cut. */
static ssize_t read_paced(void *cls, uint64_t position, char *out, size_t max)
{
    struct tagua_request *request = cls;
    int64_t from = (int64_t)position;
    int64_t left = (int64_t)request->answer.length - from;
    if (request->cut >= 0 && left > request->cut - from)
        left = request->cut - from;
    if (left <= 0 || request->server == NULL)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (request->bytes_per_second > 0) {
        int64_t start_ns = request->sending_since_ns;
        double passed = (double)(request->server->now_ns - start_ns) / (double)TAGUA_SECOND_NS;
        int64_t allowed = 1 + (int64_t)(passed * (double)request->bytes_per_second) - from;
        if (allowed <= 0) {
            double due = (double)from / (double)request->bytes_per_second * (double)TAGUA_SECOND_NS;
            tagua_request_schedule(request, start_ns + (int64_t)due + TAGUA_MILLISECOND_NS);
            MHD_suspend_connection(request->exchange);
            return 0;
        }
        if (left > allowed)
            left = allowed;
    }
    size_t count = (uint64_t)left < max ? (size_t)left : max;
    memcpy(out, request->answer.data + from, count);
    return (ssize_t)count;
}

static struct MHD_Response *make_response(struct tagua_request *request,
                                          const struct tagua_reply *reply)
{
    if (reply->bytes_per_second == 0 && reply->cut < 0)
        return MHD_create_response_from_buffer(reply->body_length, (void *)(uintptr_t)reply->body,
                                               MHD_RESPMEM_MUST_COPY);
    tagua_buffer_init(&request->answer, reply->body_length);
    if (tagua_buffer_append(&request->answer, reply->body, reply->body_length) != 0)
        return NULL;
    request->cut = reply->cut;
    request->bytes_per_second = reply->bytes_per_second;
    return MHD_create_response_from_callback(reply->body_length, 4096, read_paced, request, NULL);
}

int tagua_request_reply(struct tagua_request *request, const struct tagua_reply *reply,
                        struct tagua_error *error)
{
    if (request->server == NULL)
        return 1;
    if (request->state != HELD)
        return tagua_error_set(error, "EUSAGE", "cannot answer a request twice");
    if (reply->status < 200 || reply->status > 599)
        return tagua_error_set(error, "EUSAGE", "cannot answer with status %u: give 200 to 599",
                               reply->status);
    request->drop = reply->drop;
    request->reset = reply->reset;
    if (!reply->drop) {
        struct MHD_Response *response = make_response(request, reply);
        if (response == NULL)
            return tagua_error_set(error, "EUSAGE", "cannot answer: out of memory");
        for (size_t i = 0; i < reply->header_count; i++) {
            if (MHD_add_response_header(response, reply->headers[i].name,
                                        reply->headers[i].value) == MHD_YES)
                continue;
            MHD_destroy_response(response);
            return tagua_error_set(error, "EUSAGE",
                                   "cannot answer with the header '%s: %s': not allowed in HTTP",
                                   reply->headers[i].name, reply->headers[i].value);
        }
        request->response = response;
        request->status = reply->status;
    }
    if (reply->after_ns > 0)
        tagua_request_schedule(request, tagua_clock_monotonic_ns() + reply->after_ns);
    else
        tagua_request_resume(request);
    return 0;
}

void tagua_request_release(struct tagua_request *request)
{
    static const struct tagua_reply unanswered = {.status = 500, .body = "", .cut = -1};
    if (request->server != NULL && request->state == HELD)
        tagua_request_reply(request, &unanswered, NULL);
    tagua_request_disown(request);
}
