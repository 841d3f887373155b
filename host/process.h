/* Processes of this program that talk in lines: what started one, and what was started, hold the same
 * kind of handle. Owns the two pipes, on the starting side the process too; never waits for either. */
#ifndef TAGUA_PROCESS_H
#define TAGUA_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/* The longest line, and how much may wait to be written, in bytes. */
#define TAGUA_PROCESS_LINE_MOST ((size_t)1024 * 1024)
#define TAGUA_PROCESS_QUEUE_MOST (4 * TAGUA_PROCESS_LINE_MOST)

struct tagua_process;

/* Runs `executable` with `argv` (which ends with NULL), this environment, two pipes as its descriptors
 * 0 and 1, our standard error, and no other descriptor. NULL with *error (EIO). */
struct tagua_process *tagua_process_start(const char *executable, char *const argv[],
                                          struct tagua_error *error);

/* In a process that was started so: the way back to whoever did it. Takes descriptors 0 and 1 (which
 * become /dev/null and standard error), and asks for SIGTERM when that process dies. Once; NULL with
 * *error (EIO). */
struct tagua_process *tagua_process_owner(struct tagua_error *error);

/* Writes a line, or what the pipe has no room for later: copied. -1 with ETOOBIG when the line is
 * longer than a line may be or too much waits, with EUSAGE when it holds a newline, with EIO when memory
 * has run out. */
int tagua_process_write(struct tagua_process *process, const char *line, size_t length,
                        struct tagua_error *error);

/* Writes what waits and can be written; whether nothing waits any more. */
bool tagua_process_flush(struct tagua_process *process);

/* Says to the other side that nothing more comes: its reading ends. */
void tagua_process_finish(struct tagua_process *process);

/* Reads what has come, as much as fits. */
void tagua_process_read(struct tagua_process *process);

/* The next line that came whole, without its newline: 1, and its bytes until the next call of any of
 * these; 0 when there is none; -1 when there is none and will be none: the other side has closed, or
 * sent a line that is longer than a line may be. */
int tagua_process_line(struct tagua_process *process, const char **line, size_t *length);

/* A descriptor that is readable when a line may have come, and forever once the other side has closed.
 * Belongs to the process. */
int tagua_process_fd(const struct tagua_process *process);

/* The process' id; -1 for the owner, and once the process has ended. */
pid_t tagua_process_pid(const struct tagua_process *process);

/* Whether the process has ended; then *status is as waitpid gives it. The owner never ends so. */
bool tagua_process_ended(struct tagua_process *process, int *status);

/* Sends a signal to a process that has not ended; nothing else happens. */
void tagua_process_signal(struct tagua_process *process, int number);

/* Kills the process if it is still there, waits for it, frees all. NULL is fine. */
void tagua_process_free(struct tagua_process *process);

#endif
