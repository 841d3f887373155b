/* The HTTP server: one listening socket, driven by its caller's loop, never blocking.
 * A server owns its connections and every request until it is answered; a request that was taken
 * with tagua_server_next belongs to its taker as well, until tagua_request_release. Everything
 * runs in the caller's thread, inside tagua_server_step. */
#ifndef TAGUA_SERVER_H
#define TAGUA_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "signature.h"

/* Bytes of an address as text, with its NUL. */
#define TAGUA_FROM_MAX 64

struct tagua_server;
struct tagua_request;

struct tagua_server_options {
    const char *address;      /* "127.0.0.1:0", "[::1]:8080" or "unix:/path" */
    bool group;               /* the group of a Unix socket's file may connect, too: mode 0660 */
    size_t max_body;          /* bytes of a request's body; more of it is not kept */
    size_t max_bodies;        /* bytes of all bodies together; what does not fit is not kept */
    size_t max_header;        /* bytes of its request line and headers; more is answered with 431 */
    unsigned max_connections; /* at once; when they are nearly used up, the one that has brought
                                 no request for the longest time is closed for the next */
    int64_t timeout_ns;       /* how long a connection may take to bring a whole request, and how
                                 long an answer may stand still */
    const char *certificate;  /* PEM files for TLS 1.2 and 1.3; NULL: none, plain HTTP */
    const char *key;          /* with it; nobody else on the host may read it */
    const char *const *proxies; /* whose X-Forwarded-For is believed, see proxies.h */
    size_t proxy_count;
};

struct tagua_server_counts {
    unsigned connections; /* open now */
    unsigned evicted;     /* closed to make room, since the server began */
    size_t bodies;        /* bytes of bodies that are held now */
};

/* One name with its value. */
struct tagua_server_pair {
    const char *name;
    const char *value; /* "" where there was none */
};

struct tagua_reply {
    unsigned status; /* 200 to 599 */
    const struct tagua_server_pair *headers; /* copied */
    size_t header_count;
    const char *body; /* copied */
    size_t body_length;
    int64_t after_ns;     /* wait that long before the first byte */
    int64_t bytes_per_second; /* send the body at that pace; 0: at once */
    int64_t cut;          /* close the connection after that many bytes of the body; -1: don't */
    bool drop;            /* close the connection without an answer */
    bool reset;           /* with drop: by a TCP reset instead of an orderly end */
};

/* Opens a server. Returns NULL with EUSAGE or ENETWORK. */
struct tagua_server *tagua_server_open(const struct tagua_server_options *options,
                                       struct tagua_error *error);

/* Where it listens, with the real port; lives as long as the server. */
const char *tagua_server_address(const struct tagua_server *server);

/* A descriptor that is readable whenever tagua_server_step has something to do, its own timers
 * included. Belongs to the server. */
int tagua_server_fd(const struct tagua_server *server);

/* Accepts, reads, writes and minds the timers; returns at once. */
void tagua_server_step(struct tagua_server *server);

/* How things stand now. */
void tagua_server_counts(const struct tagua_server *server, struct tagua_server_counts *counts);

/* Takes no more connections from here on: whoever comes is refused by the kernel, or by whoever listens
 * there next. Those that are open go on. */
void tagua_server_quiesce(struct tagua_server *server);

/* How many complete requests wait to be taken. */
size_t tagua_server_waiting(const struct tagua_server *server);

/* Takes the oldest complete request, or NULL. The caller answers it, and releases it. */
struct tagua_request *tagua_server_next(struct tagua_server *server);

/* Sends what was answered and can be sent at once, drops the rest, frees the server. Requests
 * that are still held stay readable as far as their body goes. NULL is allowed. */
void tagua_server_close(struct tagua_server *server);

/* What was asked. Path and method as they were sent, the path with its percent-encoding and
 * without the query. NULL when the server is closed or the exchange is over. */
const char *tagua_request_method(const struct tagua_request *request);
const char *tagua_request_path(const struct tagua_request *request);

enum tagua_body {
    TAGUA_BODY_WHOLE,
    TAGUA_BODY_TOO_LARGE, /* larger than the server's cap: none of it was kept */
    TAGUA_BODY_CROWDED,   /* not kept, for those of other requests fill what all may fill */
};

/* What became of the request's body. */
enum tagua_body tagua_request_body_state(const struct tagua_request *request);

/* The body; NULL when it was not kept. */
const char *tagua_request_body(const struct tagua_request *request, size_t *length);

/* The headers (names as sent, `authorization` left out) or the query's fields (percent-encoded
 * still, for tagua_percent_decode). Returns how many there are, at most 100, and sets *pairs,
 * which live until the next call for this request, its answer or its release. */
size_t tagua_request_headers(struct tagua_request *request, const struct tagua_server_pair **pairs);
size_t tagua_request_query(struct tagua_request *request, const struct tagua_server_pair **pairs);

/* A header's value, whatever the case of its name; NULL where there is none or more than one. */
const char *tagua_request_header(const struct tagua_request *request, const char *name);

/* Where it came from, an address as text; "" over a Unix socket. Returns `from`. */
const char *tagua_request_from(const struct tagua_request *request, char from[TAGUA_FROM_MAX]);

/* Whether a header of this name, the only one, signs the body as it came. */
bool tagua_request_signed(const struct tagua_request *request, const char *header,
                          const struct tagua_signature *signature,
                          const struct tagua_secret *secret);

/* The bearer token of the Authorization header, the only one, or NULL. For C alone: no binding shows it. */
const char *tagua_request_bearer(const struct tagua_request *request, size_t *length);

/* Answers the request. Returns 0; 1 when the client can't be answered any more; -1 with EUSAGE
 * when it was answered before or the reply makes no sense. */
int tagua_request_reply(struct tagua_request *request, const struct tagua_reply *reply,
                        struct tagua_error *error);

/* Gives the request back. One that was not answered is answered with 500. */
void tagua_request_release(struct tagua_request *request);

#endif
