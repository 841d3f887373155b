/* A rate limiter for one key: GCRA on integer nanoseconds, whose rate gives way when the platform
 * says 429 and climbs back additively; or, when it is adaptive, finds the platform's limit and keeps just
 * below it. Pure: takes the time as an argument, never sleeps.
 *
 * Within any window, no more than burst + rate x window is taken, the rate being the highest that
 * the options allow. */
#ifndef TAGUA_LIMITER_H
#define TAGUA_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define TAGUA_LIMITER_BURST_MAX 1000000

struct tagua_limiter_options {
    double per_second; /* 0.001 to 1,000,000 */
    int64_t burst;     /* 1 to TAGUA_LIMITER_BURST_MAX: how much may be taken at once */
    bool adaptive;     /* climb above per_second while all goes well, */
    double at_most;    /* up to this; 0: per_second is the highest */
    uint64_t seed;     /* of the jitter in pauses that the platform does not time */
};

struct tagua_limiter;

/* A full limiter; NULL and *error (ECONFIG) when an option is out of its range. */
struct tagua_limiter *tagua_limiter_new(const struct tagua_limiter_options *options,
                                        struct tagua_error *error);
void tagua_limiter_free(struct tagua_limiter *limiter);

/* Takes `cost` (1 to the burst) and returns 0, or takes nothing and returns for how many
 * nanoseconds there is no use in asking again. `now_ns` is on the monotonic clock. */
int64_t tagua_limiter_reserve(struct tagua_limiter *limiter, int64_t now_ns, int64_t cost);

/* Gives back what was taken and never used. */
void tagua_limiter_refund(struct tagua_limiter *limiter, int64_t cost);

/* The platform said 429: nothing goes out for `retry_after_ns`, or, where that is 0 or negative, for
 * a jittered time that grows with each 429 in a row; the rate falls by half, or, when adaptive, to below where
 * the limit was met. Several 429s while one
 * pause lasts are one event: they may lengthen it, no more. */
void tagua_limiter_throttled(struct tagua_limiter *limiter, int64_t now_ns, int64_t retry_after_ns);

/* The platform took a request: the rate climbs by a little. */
void tagua_limiter_succeeded(struct tagua_limiter *limiter, int64_t now_ns);

/* The rate in force, a second. */
double tagua_limiter_rate(const struct tagua_limiter *limiter);

/* When the last pause ends or ended; 0 when there was none. */
int64_t tagua_limiter_paused_until_ns(const struct tagua_limiter *limiter);

#endif
