/* The parent's side of workers: processes that are started, fed with frames and listened to
 * without ever waiting for one of them alone. Owns the processes and their pipes. */
#ifndef TAGUA_WORKERS_H
#define TAGUA_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct tagua_worker;

/* Starts `file`, looked for on PATH, with these arguments (the first is the name it goes by, the last NULL),
 * two pipes as descriptors 0 and 1, perhaps the memory of slots.h as 2, no other descriptor and next to no
 * environment. NULL with *error (EIO). */
struct tagua_worker *tagua_worker_start(const char *file, char *const arguments[],
                                        struct tagua_error *error);

/* Queues a frame of two pieces (the second may be empty); copies them. A task's second piece, the chunk, goes
 * through memory that is shared with the worker where it has room. -1 with ETOOBIG when too
 * much waits already, with EIO when the worker is gone. */
int tagua_worker_send(struct tagua_worker *worker, uint32_t kind, const void *bytes, size_t length,
                      const void *more, size_t more_length, struct tagua_error *error);

/* Writes and reads what can be, for at most `timeout_ms` or until something happens (or a signal
 * arrives). NULL entries are passed over. */
void tagua_workers_poll(struct tagua_worker **workers, size_t count, int timeout_ms);

/* The next frame that came whole: 1, and its bytes until the next call; 0 when there is none; -1
 * when there is none and will be none, for the worker is gone. */
int tagua_worker_receive(struct tagua_worker *worker, uint32_t *kind, const char **bytes,
                         size_t *length);

/* When a byte last went in or out, on the monotonic clock. */
int64_t tagua_worker_last_active_ns(const struct tagua_worker *worker);

/* The process' id, -1 once it has been waited for. */
pid_t tagua_worker_pid(const struct tagua_worker *worker);

/* How the process ended, in words ("signal 9", "exit code 2"), once receive has said -1. */
const char *tagua_worker_ending(struct tagua_worker *worker);

/* Kills the process if it still is there, waits for it, and frees all. NULL is fine. */
void tagua_worker_free(struct tagua_worker *worker);

#endif
