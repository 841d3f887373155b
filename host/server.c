/* The HTTP server over libmicrohttpd, driven from outside through epoll. Owns the daemon, its
 * connections' deadlines and every request that is not answered; the only file that knows
 * libmicrohttpd. A request that is complete is suspended and queued; it is resumed by its answer,
 * so no callback of the library ever waits for, or runs, anything of the caller's. */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alarm.h"
#include "buffer.h"
#include "clock.h"
#include "list.h"
#include "listen.h"

enum {
    MAX_PAIRS = 100,
    MAX_WAIT_MS = 3600000,
    ROUNDS = 8,                    /* runs of the library in one step, while it has more to do */
    SWALLOWED = 16 * 1024 * 1024,  /* bytes past max_body that are read, so that an answer can be
                                      given; beyond that the connection is closed */
};

/* A TCP or Unix connection. In `reading` unless a request of it is complete and unfinished. */
struct connection {
    struct tagua_link link; /* first: a link is cast to its struct */
    int fd;
    int64_t since_ns; /* since when a whole request is awaited */
    bool busy;
};

enum state {
    RECEIVING, /* in no list */
    WAITING,   /* in server->waiting: complete, not taken yet */
    HELD,      /* in server->held: taken, not answered */
    TIMED,     /* in server->timed: answered or half sent, to be resumed at due_ns */
    ANSWERED,  /* in no list: with the library */
};

struct tagua_request {
    struct tagua_link link; /* first, as above */
    struct tagua_server *server;      /* NULL when the exchange is over */
    struct MHD_Connection *exchange;  /* NULL when the exchange is over */
    struct connection *connection;    /* likewise */
    const char *method;               /* the library's, for as long as the exchange lasts */
    const char *path;
    struct tagua_buffer body;
    size_t swallowed;                 /* bytes that did not fit */
    struct tagua_server_pair *pairs;  /* MAX_PAIRS, or NULL */
    size_t pair_count;
    struct MHD_Response *response;    /* between answer and resumption */
    unsigned status;
    struct tagua_buffer answer;       /* a body that is sent at a pace, or cut */
    int64_t cut;
    int64_t bytes_per_second;
    int64_t sending_since_ns;
    int64_t due_ns;
    enum state state;
    bool drop;
    bool reset;
    unsigned owners; /* the exchange, the taker */
};

struct tagua_server {
    struct MHD_Daemon *daemon;
    struct tagua_listen listener; /* its descriptor is the daemon's */
    int epoll;                    /* over the daemon's own and the alarm */
    struct tagua_alarm alarm;     /* for what is due without anything to read */
    int64_t now_ns;   /* read once in each step */
    int64_t timeout_ns;
    size_t max_body;
    size_t waiting_count;
    struct tagua_link waiting; /* heads of lists */
    struct tagua_link held;
    struct tagua_link timed;   /* by due_ns */
    struct tagua_link reading; /* by since_ns */
};

/* ---- lists and times --------------------------------------------------------------------- */

static void enter(struct tagua_request *request, struct tagua_link *list, enum state state)
{
    tagua_link_remove(&request->link);
    if (list != NULL)
        tagua_link_insert_before(list, &request->link);
    request->state = state;
}

static void schedule(struct tagua_request *request, int64_t due_ns)
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

/* ---- requests ---------------------------------------------------------------------------- */

static void disown(struct tagua_request *request)
{
    if (--request->owners > 0)
        return;
    tagua_buffer_free(&request->body);
    tagua_buffer_free(&request->answer);
    free(request->pairs);
    free(request);
}

static struct tagua_request *request_new(struct tagua_server *server,
                                         struct MHD_Connection *exchange, const char *path,
                                         const char *method)
{
    struct tagua_request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    tagua_link_init(&request->link);
    request->server = server;
    request->exchange = exchange;
    request->connection = info != NULL ? info->socket_context : NULL;
    request->path = path;
    request->method = method;
    request->owners = 1;
    tagua_buffer_init(&request->body, server->max_body);
    return request;
}

/* Keeps a piece of the body, or counts it where the body has grown too large. */
static enum MHD_Result receive(struct tagua_request *request, const char *bytes, size_t length)
{
    if (request->swallowed == 0 && tagua_buffer_append(&request->body, bytes, length) == 0)
        return MHD_YES;
    tagua_buffer_free(&request->body);
    request->swallowed += length;
    return request->swallowed <= SWALLOWED ? MHD_YES : MHD_NO;
}

/* From here on the connection is not waited for any more, but its request is. */
static void complete(struct tagua_request *request)
{
    struct tagua_server *server = request->server;
    if (request->connection != NULL) {
        request->connection->busy = true;
        tagua_link_remove(&request->connection->link);
    }
    enter(request, &server->waiting, WAITING);
    server->waiting_count++;
    MHD_suspend_connection(request->exchange);
}

static enum MHD_Result send_answer(struct tagua_request *request)
{
    if (request->drop && request->reset && request->connection != NULL) {
        /* On Linux dissolving a TCP association sends a reset at once. */
        struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
        connect(request->connection->fd, &nowhere, sizeof nowhere);
    }
    if (request->response == NULL || request->drop)
        return MHD_NO;
    request->sending_since_ns = request->server->now_ns;
    enum MHD_Result result =
        MHD_queue_response(request->exchange, request->status, request->response);
    MHD_destroy_response(request->response);
    request->response = NULL;
    return result;
}

/* The library's access handler: called for the headers, each piece of the body, its end, and
 * again once the request was resumed. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *exchange, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *length, void **slot)
{
    (void)version;
    struct tagua_request *request = *slot;
    if (request == NULL) {
        request = request_new(cls, exchange, path, method);
        *slot = request;
        return request != NULL ? MHD_YES : MHD_NO;
    }
    if (*length > 0) {
        size_t count = *length;
        *length = 0;
        return receive(request, bytes, count);
    }
    if (request->state == RECEIVING) {
        complete(request);
        return MHD_YES;
    }
    return send_answer(request);
}

static void on_completed(void *cls, struct MHD_Connection *exchange, void **slot,
                         enum MHD_RequestTerminationCode how)
{
    (void)exchange;
    (void)how;
    struct tagua_server *server = cls;
    struct tagua_request *request = *slot;
    *slot = NULL;
    if (request == NULL)
        return;
    if (request->state == WAITING)
        server->waiting_count--;
    tagua_link_remove(&request->link);
    if (request->connection != NULL) {
        struct connection *connection = request->connection;
        connection->since_ns = server->now_ns;
        if (connection->busy)
            tagua_link_insert_before(&server->reading, &connection->link);
        connection->busy = false;
    }
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    request->response = NULL;
    request->server = NULL;
    request->exchange = NULL;
    request->connection = NULL;
    disown(request);
}

static void on_connection(void *cls, struct MHD_Connection *exchange, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct tagua_server *server = cls;
    struct connection *connection = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(exchange, MHD_CONNECTION_INFO_CONNECTION_FD);
        connection = calloc(1, sizeof *connection);
        *context = connection;
        if (connection == NULL || info == NULL)
            return;
        connection->fd = info->connect_fd;
        connection->since_ns = server->now_ns;
        tagua_link_insert_before(&server->reading, &connection->link);
    } else if (connection != NULL) {
        if (!connection->busy)
            tagua_link_remove(&connection->link);
        *context = NULL;
        free(connection);
    }
}

/* Paths and queries are decoded by who reads them: a slash that was encoded is not a slash. */
static size_t leave_encoded(void *cls, struct MHD_Connection *exchange, char *text)
{
    (void)cls;
    (void)exchange;
    return strlen(text);
}

/* ---- the server -------------------------------------------------------------------------- */

static int start(struct tagua_server *server, const struct tagua_server_options *options,
                 struct tagua_error *error)
{
    int64_t seconds = (options->timeout_ns + TAGUA_SECOND_NS - 1) / TAGUA_SECOND_NS;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)server->listener.fd,
        MHD_OPTION_CONNECTION_LIMIT, options->max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->max_header + 1024,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)seconds,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
    if (server->daemon == NULL)
        return tagua_error_set(error, "ENETWORK", "cannot start the HTTP server on '%s': %s",
                               options->address, strerror(errno));
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event daemon_event = {.events = EPOLLIN, .data = {.fd = 0}};
    struct epoll_event alarm_event = {.events = EPOLLIN, .data = {.fd = 1}};
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (info == NULL || server->epoll < 0 || tagua_alarm_open(&server->alarm) != 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, info->epoll_fd, &daemon_event) != 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->alarm.fd, &alarm_event) != 0)
        return tagua_error_set(error, "ENETWORK", "cannot watch the HTTP server on '%s': %s",
                               options->address, strerror(errno));
    return 0;
}

struct tagua_server *tagua_server_open(const struct tagua_server_options *options,
                                       struct tagua_error *error)
{
    struct tagua_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        tagua_error_set(error, "ENETWORK", "cannot start the HTTP server: out of memory");
        return NULL;
    }
    server->epoll = -1;
    server->alarm.fd = -1;
    server->now_ns = tagua_clock_monotonic_ns();
    server->timeout_ns = options->timeout_ns;
    server->max_body = options->max_body;
    tagua_link_init(&server->waiting);
    tagua_link_init(&server->held);
    tagua_link_init(&server->timed);
    tagua_link_init(&server->reading);
    if (tagua_listen_open(&server->listener, options->address, error) != 0) {
        free(server);
        return NULL;
    }
    if (start(server, options, error) != 0) {
        tagua_server_close(server);
        return NULL;
    }
    return server;
}

const char *tagua_server_address(const struct tagua_server *server)
{
    return server->listener.address;
}

int tagua_server_fd(const struct tagua_server *server)
{
    return server->epoll;
}

size_t tagua_server_waiting(const struct tagua_server *server)
{
    return server->waiting_count;
}

/* Hands the request back to the library, which acts on it in the next step; the alarm sees to it
 * that the next step comes at once. */
static void resume(struct tagua_request *request)
{
    enter(request, NULL, ANSWERED);
    MHD_resume_connection(request->exchange);
    tagua_alarm_set(&request->server->alarm, 0);
}

/* Ends connections that have not brought a whole request in time, however busily they trickle. */
static void end_overdue(struct tagua_server *server)
{
    while (!tagua_link_empty(&server->reading)) {
        struct connection *oldest = (struct connection *)server->reading.next;
        if (oldest->since_ns + server->timeout_ns > server->now_ns) {
            tagua_alarm_set(&server->alarm, oldest->since_ns + server->timeout_ns);
            return;
        }
        shutdown(oldest->fd, SHUT_RDWR); /* the library sees the end, and closes it */
        oldest->since_ns = server->now_ns;
        tagua_link_remove(&oldest->link);
        tagua_link_insert_before(&server->reading, &oldest->link);
    }
}

void tagua_server_step(struct tagua_server *server)
{
    server->now_ns = tagua_clock_monotonic_ns();
    tagua_alarm_quiet(&server->alarm, server->now_ns);
    while (!tagua_link_empty(&server->timed)) {
        struct tagua_request *request = (struct tagua_request *)server->timed.next;
        if (request->due_ns > server->now_ns) {
            tagua_alarm_set(&server->alarm, request->due_ns);
            break;
        }
        resume(request);
    }
    end_overdue(server);
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    enum MHD_Result waits = MHD_YES;
    for (int round = 0; round < ROUNDS && waits == MHD_YES && wait_ms == 0; round++) {
        MHD_run(server->daemon);
        waits = MHD_get_timeout(server->daemon, &wait_ms);
    }
    int64_t at_most_ms = wait_ms < MAX_WAIT_MS ? (int64_t)wait_ms : MAX_WAIT_MS;
    if (waits == MHD_YES)
        tagua_alarm_set(&server->alarm, server->now_ns + at_most_ms * TAGUA_MILLISECOND_NS);
}

struct tagua_request *tagua_server_next(struct tagua_server *server)
{
    if (tagua_link_empty(&server->waiting))
        return NULL;
    struct tagua_request *request = (struct tagua_request *)server->waiting.next;
    enter(request, &server->held, HELD);
    server->waiting_count--;
    request->owners++;
    return request;
}

/* Resumes all of a list, to be dropped. */
static void abandon(struct tagua_link *list)
{
    while (!tagua_link_empty(list)) {
        struct tagua_request *request = (struct tagua_request *)list->next;
        request->drop = true;
        resume(request);
    }
}

void tagua_server_close(struct tagua_server *server)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL) {
        tagua_server_step(server); /* what was answered gets out */
        abandon(&server->waiting);
        abandon(&server->held);
        abandon(&server->timed);
        server->waiting_count = 0;
        MHD_run(server->daemon);
        abandon(&server->waiting); /* a request may have become complete in this last turn */
        abandon(&server->held);
        abandon(&server->timed); /* a paced body may have gone to sleep again */
        MHD_stop_daemon(server->daemon);
    } else if (fcntl(server->listener.fd, F_GETFD) >= 0) {
        close(server->listener.fd);
    }
    if (server->epoll >= 0)
        close(server->epoll);
    tagua_alarm_close(&server->alarm);
    tagua_listen_remove(&server->listener);
    free(server);
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

const char *tagua_request_bearer(const struct tagua_request *request, size_t *length)
{
    static const char scheme[] = "Bearer ";
    if (request->exchange == NULL)
        return NULL;
    const char *value = MHD_lookup_connection_value(request->exchange, MHD_HEADER_KIND,
                                                    MHD_HTTP_HEADER_AUTHORIZATION);
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
            schedule(request, start_ns + (int64_t)due + TAGUA_MILLISECOND_NS);
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
        schedule(request, tagua_clock_monotonic_ns() + reply->after_ns);
    else
        resume(request);
    return 0;
}

void tagua_request_release(struct tagua_request *request)
{
    static const struct tagua_reply unanswered = {.status = 500, .body = "", .cut = -1};
    if (request->server != NULL && request->state == HELD)
        tagua_request_reply(request, &unanswered, NULL);
    disown(request);
}
