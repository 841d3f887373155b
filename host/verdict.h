/* The verdict table: what one attempt at a request means. Pure: a function of what the transport
 * says, of the answer's status and envelope, and of whether the request may be repeated. */
#ifndef TAGUA_VERDICT_H
#define TAGUA_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* How an attempt ended for the transport. */
enum tagua_transport {
    TAGUA_TRANSPORT_ANSWERED,  /* a whole answer */
    TAGUA_TRANSPORT_UNREACHED, /* no connection: no byte of the request left */
    TAGUA_TRANSPORT_UNTRUSTED, /* the peer's certificate was refused: no byte left */
    TAGUA_TRANSPORT_LOST,      /* bytes may have left, no whole answer came */
    TAGUA_TRANSPORT_TIMED_OUT, /* as lost, by the total deadline */
    TAGUA_TRANSPORT_TOO_LARGE, /* an answer came, and was larger than allowed */
    TAGUA_TRANSPORT_REFUSED,   /* libcurl would not carry the request at all: no byte left */
};

/* What the answer's body is, read as the platform's envelope. */
enum tagua_envelope {
    TAGUA_ENVELOPE_NONE,    /* this connection has none: the status alone counts */
    TAGUA_ENVELOPE_BROKEN,  /* not JSON, not an object, or without what every answer has */
    TAGUA_ENVELOPE_SUCCESS, /* says that it was done */
    TAGUA_ENVELOPE_ERROR,   /* says that it was not */
};

enum tagua_verdict_kind {
    TAGUA_VERDICT_DONE,
    TAGUA_VERDICT_RETRY,   /* again after a backoff, while attempts last */
    TAGUA_VERDICT_PAUSE,   /* the whole key waits; then again; no attempt is spent */
    TAGUA_VERDICT_REFRESH, /* new credentials first */
    TAGUA_VERDICT_SETTLE,  /* whether it took effect is not known, and it may not be repeated */
    TAGUA_VERDICT_FAIL,    /* this request */
    TAGUA_VERDICT_STOP,    /* all of them */
};

struct tagua_verdict {
    enum tagua_verdict_kind kind;
    char code[16]; /* EAUTH, ...; empty for done */
};

/* One platform code and what it means. */
struct tagua_verdict_row {
    int64_t platform_code;
    struct tagua_verdict verdict;
};

struct tagua_verdict_input {
    enum tagua_transport transport;
    int status;
    enum tagua_envelope envelope;
    bool has_platform_code;
    int64_t platform_code;
    bool repeatable;
    const struct tagua_verdict_row *rows; /* the platform's codes, sorted by code */
    size_t row_count;
};

/* The verdict. What no row knows is a failure, never a success. */
struct tagua_verdict tagua_verdict_of(const struct tagua_verdict_input *input);

/* Reads "retry", "fail:ENOTFOUND", "stop:ECONFIG", ... Returns 0, or -1 and *error (ECONFIG). */
int tagua_verdict_parse(const char *text, struct tagua_verdict *verdict, struct tagua_error *error);

/* "done", "retry", "pause", "refresh", "settle", "fail" or "stop". */
const char *tagua_verdict_name(enum tagua_verdict_kind kind);

/* Sorts rows by code, as the table wants them. */
void tagua_verdict_sort(struct tagua_verdict_row *rows, size_t count);

#endif
