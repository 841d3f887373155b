/* The HTTP server over libmicrohttpd, driven from outside through epoll. Owns the daemon, its
 * connections' deadlines and every request that is not answered. A request that is complete is suspended and queued; it is resumed by its answer,
 * so no callback of the library ever waits for, or runs, anything of the caller's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "server_private.h"

/* Nothing older than TLS 1.2. */
#define TLS_VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

enum {
    MAX_PEM = 1024 * 1024,
    MAX_WAIT_MS = 3600000,
    ROUNDS = 8,                    /* runs of the library in one step, while it has more to do */
    SWALLOWED = 16 * 1024 * 1024,  /* bytes past max_body that are read, so that an answer can be
                                      given; beyond that the connection is closed */
};

/* ---- requests ---------------------------------------------------------------------------- */

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
    if (request->connection != NULL && !request->connection->busy) {
        /* The body has its own time: a connection may have waited long for its next request. */
        request->connection->since_ns = server->now_ns;
        tagua_link_remove(&request->connection->link);
        tagua_link_insert_before(&server->reading, &request->connection->link);
    }
    return request;
}

/* Keeps a piece of the body, or counts it where the body has grown too large. */
static enum MHD_Result receive(struct tagua_request *request, const char *bytes, size_t length)
{
    struct tagua_server *server = request->server;
    bool fits = length <= server->max_bodies - server->bodies;
    if (request->swallowed == 0 && fits &&
        tagua_buffer_append(&request->body, bytes, length) == 0) {
        server->bodies += length;
        return MHD_YES;
    }
    if (request->swallowed == 0 && !fits)
        request->crowded = true;
    tagua_request_forget_body(request);
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
    tagua_request_enter(request, &server->waiting, WAITING);
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

static bool has_header(const struct tagua_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->exchange, MHD_HEADER_KIND, name) != NULL;
}

/* The status of a request whose body is not even begun to be read, or 0: one that is announced too large
 * to be read to its end, or whose length can be understood in two ways. */
static unsigned hopeless(const struct tagua_request *request)
{
    const char *announced = tagua_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *coding = tagua_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    bool has_length = announced != NULL || has_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    bool has_coding = coding != NULL || has_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    if (has_coding && (has_length || coding == NULL || strcasecmp(coding, "chunked") != 0))
        return 400;
    if (!has_length)
        return 0;
    if (announced == NULL || announced[strspn(announced, "0123456789")] != '\0')
        return 400;
    return strlen(announced) > 15 ||
                   strtoull(announced, NULL, 10) > request->server->max_body + SWALLOWED
               ? 413
               : 0;
}

/* Answers before the body is read; the library closes the connection behind it. */
static enum MHD_Result refuse_at_once(struct tagua_request *request, unsigned status)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    request->state = ANSWERED;
    enum MHD_Result result = MHD_queue_response(request->exchange, status, response);
    MHD_destroy_response(response);
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
        if (request == NULL)
            return MHD_NO;
        unsigned refused = hopeless(request);
        return refused != 0 ? refuse_at_once(request, refused) : MHD_YES;
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
        struct tagua_connection *connection = request->connection;
        connection->since_ns = server->now_ns;
        if (connection->busy)
            tagua_link_insert_before(&server->reading, &connection->link);
        connection->busy = false;
    }
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    request->response = NULL;
    server->bodies -= request->body.length; /* it stays readable, and is its taker's to mind */
    request->server = NULL;
    request->exchange = NULL;
    request->connection = NULL;
    tagua_request_disown(request);
}

/* Ends a connection that has not brought a request; the library sees the end, and closes it. */
static void end_connection(struct tagua_server *server, struct tagua_connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    connection->since_ns = server->now_ns;
    connection->ended = true;
    tagua_link_remove(&connection->link);
    tagua_link_insert_before(&server->reading, &connection->link);
}

/* Makes room: the connection that has brought nothing for the longest time goes first. Some are kept
 * free, so that whoever comes next is not left in the kernel's queue. */
static void make_room(struct tagua_server *server)
{
    unsigned spare = server->max_connections / 16 + 1;
    if (server->connections + spare <= server->max_connections || server->max_connections < 16)
        return;
    struct tagua_connection *oldest = (struct tagua_connection *)server->reading.next;
    if (tagua_link_empty(&server->reading) || oldest->ended)
        return;
    end_connection(server, oldest);
    server->evicted++;
}

static void name_peer(struct tagua_connection *connection, const struct sockaddr *peer)
{
    const void *address = NULL;
    if (peer != NULL && peer->sa_family == AF_INET)
        address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
    else if (peer != NULL && peer->sa_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    if (address == NULL || inet_ntop(peer->sa_family, address, connection->peer,
                                     sizeof connection->peer) == NULL)
        connection->peer[0] = '\0';
}

static void on_connection(void *cls, struct MHD_Connection *exchange, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct tagua_server *server = cls;
    struct tagua_connection *connection = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(exchange, MHD_CONNECTION_INFO_CONNECTION_FD);
        connection = calloc(1, sizeof *connection);
        *context = connection;
        if (connection == NULL || info == NULL)
            return;
        connection->fd = info->connect_fd;
        info = MHD_get_connection_info(exchange, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        name_peer(connection, info != NULL ? info->client_addr : NULL);
        connection->since_ns = server->now_ns;
        tagua_link_insert_before(&server->reading, &connection->link);
        server->connections++;
        make_room(server);
    } else if (connection != NULL) {
        server->connections--;
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

/* Keeps what the library says while it starts: there is no other way to learn what is wrong. */
__attribute__((format(printf, 2, 0)))
static void on_complaint(void *cls, const char *format, va_list values)
{
    struct tagua_server *server = cls;
    if (server->daemon != NULL || server->complaint[0] != '\0')
        return;
    vsnprintf(server->complaint, sizeof server->complaint, format, values);
    server->complaint[strcspn(server->complaint, "\r\n")] = '\0';
}

/* Reads a file of the certificate or its key into a buffer, NUL at its end. 0, or -1 with *error. */
static int read_pem(const char *what, const char *path, bool private, struct tagua_buffer *pem,
                    struct tagua_error *error)
{
    struct stat status;
    int result = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    tagua_buffer_init(pem, MAX_PEM + 1);
    if (fd < 0 || fstat(fd, &status) != 0) {
        tagua_error_set(error, "ECONFIG", "cannot read the %s '%s': %s", what, path,
                        strerror(errno));
        goto out;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > MAX_PEM) {
        tagua_error_set(error, "ECONFIG", "the %s '%s' is no file of PEM", what, path);
        goto out;
    }
    if (private && (status.st_mode & S_IRWXO) != 0) {
        tagua_error_set(error, "ECONFIG",
                        "the %s '%s' can be read by everybody: chmod o= it first", what, path);
        goto out;
    }
    char *to = tagua_buffer_reserve(pem, (size_t)status.st_size + 1);
    ssize_t got = to != NULL ? read(fd, to, (size_t)status.st_size) : -1;
    if (got != status.st_size) {
        tagua_error_set(error, "ECONFIG", "cannot read the %s '%s'", what, path);
        goto out;
    }
    pem->length = (size_t)got;
    result = tagua_buffer_append(pem, "", 1);
out:
    if (fd >= 0)
        close(fd);
    return result;
}

/* Puts what the server waits for behind one descriptor. */
static int watch(struct tagua_server *server, const struct tagua_server_options *options,
                 struct tagua_error *error)
{
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

static int start(struct tagua_server *server, const struct tagua_server_options *options,
                 struct tagua_error *error)
{
    unsigned seconds = (unsigned)((options->timeout_ns + TAGUA_SECOND_NS - 1) / TAGUA_SECOND_NS);
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct tagua_buffer certificate, key;
    tagua_buffer_init(&certificate, MAX_PEM);
    tagua_buffer_init(&key, MAX_PEM);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, NULL},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_VERSIONS},
                                   {MHD_OPTION_END, 0, NULL}};
    int result = -1;
    if (tagua_microhttpd_load(error) != 0)
        goto out;
    if (options->certificate != NULL) {
        if (read_pem("certificate", options->certificate, false, &certificate, error) != 0 ||
            read_pem("certificate's key", options->key, true, &key, error) != 0)
            goto out;
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.data};
        tls[1].ptr_value = key.data;
    }
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_complaint, server,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)server->listener.fd,
        MHD_OPTION_CONNECTION_LIMIT, options->max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->max_header + 1024,
        MHD_OPTION_CONNECTION_TIMEOUT, seconds,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (server->daemon == NULL && options->certificate != NULL) {
        tagua_error_set(error, "ECONFIG", "cannot use the certificate '%s' with the key '%s': %s",
                        options->certificate, options->key,
                        server->complaint[0] != '\0' ? server->complaint : "they do not fit");
        goto out;
    }
    if (server->daemon == NULL) {
        tagua_error_set(error, "ENETWORK", "cannot start the HTTP server on '%s': %s",
                        options->address, strerror(errno));
        goto out;
    }
    result = watch(server, options, error);
out:
    tagua_buffer_free(&certificate);
    tagua_buffer_wipe(&key);
    return result;
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
    server->max_bodies = options->max_bodies;
    server->max_connections = options->max_connections;
    tagua_link_init(&server->waiting);
    tagua_link_init(&server->held);
    tagua_link_init(&server->timed);
    tagua_link_init(&server->reading);
    if (options->proxy_count > 0) {
        server->proxies = tagua_proxies_new(options->proxies, options->proxy_count, error);
        if (server->proxies == NULL) {
            free(server);
            return NULL;
        }
    }
    if (tagua_listen_open(&server->listener, options->address, options->group, error) != 0) {
        tagua_proxies_free(server->proxies);
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

void tagua_server_counts(const struct tagua_server *server, struct tagua_server_counts *counts)
{
    *counts = (struct tagua_server_counts){
        .connections = server->connections,
        .evicted = server->evicted,
        .bodies = server->bodies,
    };
}

void tagua_server_quiesce(struct tagua_server *server)
{
    MHD_socket listener = MHD_quiesce_daemon(server->daemon);
    if (listener != MHD_INVALID_SOCKET)
        close(listener);
    tagua_listen_remove(&server->listener);
}

size_t tagua_server_waiting(const struct tagua_server *server)
{
    return server->waiting_count;
}

/* Ends connections that have not brought a whole request in time, however busily they trickle. */
static void end_overdue(struct tagua_server *server)
{
    while (!tagua_link_empty(&server->reading)) {
        struct tagua_connection *oldest = (struct tagua_connection *)server->reading.next;
        if (oldest->since_ns + server->timeout_ns > server->now_ns) {
            tagua_alarm_set(&server->alarm, oldest->since_ns + server->timeout_ns);
            return;
        }
        end_connection(server, oldest);
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
        tagua_request_resume(request);
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
    tagua_request_enter(request, &server->held, HELD);
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
        tagua_request_resume(request);
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
    tagua_proxies_free(server->proxies);
    free(server);
}

