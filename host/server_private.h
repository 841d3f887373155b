/* What the parts of the HTTP server share: server.c runs the library and minds the connections,
 * server_request.c reads requests and answers them. Not for anybody else. */
#ifndef TAGUA_SERVER_PRIVATE_H
#define TAGUA_SERVER_PRIVATE_H

#include <netinet/in.h>

#include "alarm.h"
#include "buffer.h"
#include "list.h"
#include "listen.h"
#include "proxies.h"
#include "server.h"
#include "server_late.h"

/* A TCP or Unix connection. In `reading` unless a request of it is complete and unfinished. */
struct tagua_connection {
    struct tagua_link link; /* first: a link is cast to its struct */
    int fd;
    int64_t since_ns; /* since when a whole request is awaited */
    bool busy;
    bool ended;       /* shut down, the library has not closed it yet */
    char peer[INET6_ADDRSTRLEN]; /* "" over a Unix socket */
};

enum tagua_request_state {
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
    struct tagua_connection *connection; /* likewise */
    const char *method;               /* the library's, for as long as the exchange lasts */
    const char *path;
    struct tagua_buffer body;
    size_t swallowed;                 /* bytes that did not fit */
    struct tagua_server_pair *pairs;  /* as many as are allowed, or NULL */
    size_t pair_count;
    struct MHD_Response *response;    /* between answer and resumption */
    unsigned status;
    struct tagua_buffer answer;       /* a body that is sent at a pace, or cut */
    int64_t cut;
    int64_t bytes_per_second;
    int64_t sending_since_ns;
    int64_t due_ns;
    enum tagua_request_state state;
    bool crowded; /* its body did not fit beside those of the others */
    bool drop;
    bool reset;
    unsigned owners; /* the exchange, the taker */
};

struct tagua_server {
    struct MHD_Daemon *daemon;
    struct tagua_listen listener; /* its descriptor is the daemon's */
    int epoll;                    /* over the daemon's own and the alarm */
    struct tagua_alarm alarm;     /* for what is due without anything to read */
    struct tagua_proxies *proxies; /* whose headers are believed; NULL: nobody's */
    int64_t now_ns;   /* read once in each step */
    int64_t timeout_ns;
    size_t max_body;
    size_t max_bodies;
    size_t bodies;    /* bytes of all bodies that are held */
    unsigned connections, max_connections, evicted;
    size_t waiting_count;
    struct tagua_link waiting; /* heads of lists */
    struct tagua_link held;
    struct tagua_link timed;   /* by due_ns */
    struct tagua_link reading; /* by since_ns */
    char complaint[200];       /* what the library last said while it started */
};

/* Puts a request into another list (NULL: none) and state. */
void tagua_request_enter(struct tagua_request *request, struct tagua_link *list,
                         enum tagua_request_state state);

/* Resumes the request at that moment. */
void tagua_request_schedule(struct tagua_request *request, int64_t due_ns);

/* Hands the request back to the library, which acts on it in the next step; the alarm sees to it
 * that the next step comes at once. */
void tagua_request_resume(struct tagua_request *request);

/* One owner less; the last one frees it. */
void tagua_request_disown(struct tagua_request *request);

/* Lets go of the body's bytes. */
void tagua_request_forget_body(struct tagua_request *request);

#endif
