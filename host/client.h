/* The HTTP client: many requests at once to one platform, over libcurl's multi interface. It is the
 * only unit that knows libcurl. It sends each request once and never again by itself, follows no
 * redirect, and knows whether a byte of a request may have left. */
#ifndef TAGUA_CLIENT_H
#define TAGUA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "error.h"
#include "secret.h"
#include "verdict.h"

/* libcurl scans its list of connections: beyond a few hundred it collapses. */
#define TAGUA_CLIENT_CONNECTIONS_MAX 256
#define TAGUA_CLIENT_DESCRIPTORS_MAX 64
#define TAGUA_CLIENT_PATH_MAX 8192

struct tagua_client_options {
    const char *base;       /* "https://host[:port][/prefix]", "http://..." or "unix:/path" */
    const char *user_agent; /* may be NULL */
    const char *ca_file;         /* whom to trust instead of the system's list; may be NULL */
    struct tagua_secret *bearer; /* may be NULL; the client takes a reference of its own */
    unsigned connections;        /* 1 to TAGUA_CLIENT_CONNECTIONS_MAX at once */
    int64_t connect_timeout_ns;  /* for making a connection */
    int64_t timeout_ns;          /* for the whole exchange */
};

/* One request, and what came of it. The caller owns it and the strings in it; from start until
 * it comes back from tagua_client_finished all of it must stay where it is. */
struct tagua_exchange {
    const char *method;  /* GET, POST, PUT, PATCH or DELETE */
    const char *path;    /* appended to the base; begins with "/", percent-encoded */
    const char *body;    /* NULL: none */
    size_t body_length;  /* bytes */
    const char *const *headers; /* lines "Name: value" that go along, and no credential does; the */
    size_t header_count;        /* body has no type then but the one they give. 0: the client's own */
    struct tagua_buffer answer; /* its body, as far as it came; `max` caps it */
    void *slot;                 /* the client's own */
};

/* How an exchange ended. The texts live until the next call of tagua_client_finished. */
struct tagua_outcome {
    enum tagua_transport transport;
    bool sent;               /* whether a byte of the request may have left */
    int status;              /* 0 when none came */
    const char *retry_after; /* the header's value on 429 and 503; NULL when there is none */
    const char *location;    /* the header's value on a redirect; NULL when there is none */
    const char *trouble;     /* what libcurl says of it: neither redacted nor for people alone */
};

struct tagua_client;

/* A client; NULL and *error (ECONFIG: the base is none; EIO: libcurl can't start). */
struct tagua_client *tagua_client_new(const struct tagua_client_options *options,
                                      struct tagua_error *error);

/* Closes everything, exchanges under way included, wipes the credential. NULL is fine. */
void tagua_client_free(struct tagua_client *client);

/* Puts another credential in place of the one that requests carry; nothing may be under way.
 * Returns 0, or -1 with *error (EIO) and the old one still there. */
int tagua_client_set_bearer(struct tagua_client *client, struct tagua_secret *bearer,
                            struct tagua_error *error);

/* Hands a request to the transport; no more may be under way than there are connections.
 * Returns 0, or -1 with *error (EIO) and nothing sent. */
int tagua_client_start(struct tagua_client *client, struct tagua_exchange *exchange,
                       struct tagua_error *error);

/* Moves bytes as far as it goes without waiting. Returns 0, or -1 with *error (EIO). */
int tagua_client_perform(struct tagua_client *client, struct tagua_error *error);

/* The next exchange that has ended, or NULL. */
struct tagua_exchange *tagua_client_finished(struct tagua_client *client,
                                             struct tagua_outcome *outcome);

/* Lets go of one exchange that is under way, whatever becomes of it, or returns NULL when there is
 * none any more: for closing. */
struct tagua_exchange *tagua_client_abandon(struct tagua_client *client);

/* Waits until there is something to perform, one of `count` descriptors is readable, a signal
 * came or `timeout_ns` has passed. Returns 1 when it was a descriptor or a signal, 0 otherwise,
 * or -1 with *error (EIO). */
int tagua_client_wait(struct tagua_client *client, int64_t timeout_ns, const int *descriptors,
                      size_t count, struct tagua_error *error);

/* For a loop of somebody else's: a descriptor that can be read when there is something to perform,
 * the same one for the client's life, and the client's own. To be asked again after each start and
 * each perform; *timeout_ns is how long to wait at most, INT64_MAX without an end. -1 with *error
 * (EIO). */
int tagua_client_descriptor(struct tagua_client *client, int64_t *timeout_ns,
                            struct tagua_error *error);

#endif
