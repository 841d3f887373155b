/* The watchdog: notices that something takes too long, at no cost while nothing does. One for the
 * process: it owns SIGPROF and the timer of consumed processor time. */
#ifndef TAGUA_WATCHDOG_H
#define TAGUA_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* Both are called from the signal handler, and may do only what is allowed there. */
struct tagua_watchdog {
    void *context;
    void (*overdue)(void *context); /* the limit has passed; once for each begin */
    void (*stuck)(void *context);   /* and the same time again: what was asked to stop did not */
};

/* Starts watching. `limit_ns` of processor time may pass between begin and end (to about a tenth);
 * a process that waits is not watched. `watchdog` must outlive the process' last begin. */
int tagua_watchdog_start(const struct tagua_watchdog *watchdog, int64_t limit_ns,
                         struct tagua_error *error);

/* From here on the time counts, from zero. Costs two stores. */
void tagua_watchdog_begin(void);

/* Goes on counting the time that begin started. */
void tagua_watchdog_resume(void);

/* From here on no time counts, and neither function is called. */
void tagua_watchdog_end(void);

/* Whether a tenth of the limit, or more, has passed since this was last asked. */
bool tagua_watchdog_ticked(void);

#endif
