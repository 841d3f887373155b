/* Pipes to processes of our own: made so that no other child gets them, written without a signal.
 * Owns no descriptor: whoever makes a pipe closes it. */
#ifndef TAGUA_PIPES_H
#define TAGUA_PIPES_H

#include <sys/types.h>
#include <sys/uio.h>

/* A pipe, ends[0] to read from: descriptors that are neither 0, 1 nor 2, and closed in every child.
 * 0, or -1 with errno. */
int tagua_pipe_make(int ends[2]);

/* writev that raises no SIGPIPE, in a process whose signals are its own business. */
ssize_t tagua_pipe_write(int descriptor, const struct iovec *pieces, int count);

#endif
