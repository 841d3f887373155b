/* What is said of an attempt that did not succeed. Every text from outside is redacted here, before
 * it is cut, so that no part of a secret is left. */
#ifndef TAGUA_REPORT_H
#define TAGUA_REPORT_H

#include "buffer.h"
#include "client.h"
#include "envelope.h"

struct tagua_report {
    const char *connection; /* its name */
    const char *base;       /* its address */
    const char *source;     /* where its token comes from; NULL when it has none */
    int64_t timeout_ns;
    const struct tagua_exchange *exchange;
    const struct tagua_outcome *outcome;
    const struct tagua_envelope_answer *answer; /* NULL: no envelope was read */
    const struct tagua_buffer *platform;        /* the platform's own message; may be empty */
};

/* Appends to `out`, as far as it fits: the connection, the request, and what happened to it. */
void tagua_report_attempt(const struct tagua_report *report, struct tagua_buffer *out);

/* Appends text from outside: redacted, control characters as spaces, then cut to `most` bytes at a
 * character's boundary. */
void tagua_report_quote(const char *text, size_t length, size_t most, struct tagua_buffer *out);

/* Appends as printf does, cut to what fits. Not for texts from outside. */
void tagua_report_append(struct tagua_buffer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
