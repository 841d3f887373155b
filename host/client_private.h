/* What the parts of the HTTP client share: client.c sends and receives, client_wait.c waits. Not for anybody
 * else. */
#ifndef TAGUA_CLIENT_PRIVATE_H
#define TAGUA_CLIENT_PRIVATE_H

#include <sys/select.h>

#include "client.h"
#include "client_late.h"

struct slot;

struct tagua_client {
    CURLM *multi;
    struct slot *idle;
    struct slot *made;
    struct slot *shown; /* whose outcome the caller still reads */
    struct tagua_client_options options;
    char *base;        /* what a path is appended to */
    char *socket_path; /* of a Unix socket; NULL otherwise */
    char *user_agent;
    char *ca_file;
    bool https;
    struct curl_slist *headers;      /* of a request without a body */
    struct curl_slist *body_headers; /* of one with a body */
    int timer;                       /* descriptor, or -1 until one is needed */
    int running;                     /* transfers, as libcurl counts them */
    int epoll;                       /* descriptor, or -1 until somebody asks for it */
    fd_set watched;                  /* what it looks at, */
    int watched_most;                /* up to this descriptor */
};

#endif
