/* The request for a new pair of token and secret. It is sent once: a request whose answer was lost
 * may have killed the pair that it was sent with. The answer is read here, so that what it holds
 * reaches nobody but the caller's secrets. */
#ifndef TAGUA_PAIR_REQUEST_H
#define TAGUA_PAIR_REQUEST_H

#include "client.h"
#include "error.h"
#include "secret.h"

/* How the platform is asked, and where its answer has what. Nothing is copied. */
struct tagua_pair_request {
    const char *base;
    const char *path;       /* percent-encoded, with its query */
    const char *body_field; /* the old secret goes into the body as this */
    const char *user_agent; /* may be NULL */
    const char *ca_file;    /* may be NULL */
    int64_t connect_timeout_ns;
    int64_t timeout_ns;
    unsigned attempts; /* when no connection can be made, or the platform says 429 */
    const char *success, *code, *message, *token, *secret; /* dotted paths in the answer */
    int64_t replaced; /* the platform's code for a pair that was replaced already */
};

enum tagua_pair_answer {
    TAGUA_PAIR_ANSWER_NEW,      /* the platform gave a new pair */
    TAGUA_PAIR_ANSWER_NONE,     /* no effect: nothing was sent, or it was refused */
    TAGUA_PAIR_ANSWER_REPLACED, /* the pair was replaced before */
    TAGUA_PAIR_ANSWER_LOST,     /* whether the pair is still good is not known */
};

/* Told of each point at which a process may end, by name. */
typedef void tagua_pair_watcher(void *context, const char *point);

/* Sends it and waits for the answer. With TAGUA_PAIR_ANSWER_NEW the two secrets are the caller's, to
 * be released; `source` says where they will be kept. Everything else fills *error. */
enum tagua_pair_answer tagua_pair_ask(const struct tagua_pair_request *request,
                                      struct tagua_secret *token, struct tagua_secret *secret,
                                      const char *source, tagua_pair_watcher *watcher,
                                      void *context, struct tagua_secret **new_token,
                                      struct tagua_secret **new_secret, struct tagua_error *error);

#endif
