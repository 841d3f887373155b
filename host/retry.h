/* When to try again: backoff with full jitter, and what a Retry-After header asks for. Pure. */
#ifndef TAGUA_RETRY_H
#define TAGUA_RETRY_H

#include <stdint.h>

/* The longest that the wait after failure number `failure` (1, 2, ...) may be: base, doubled each
 * time, at most max. */
int64_t tagua_backoff_ceiling_ns(unsigned failure, int64_t base_ns, int64_t max_ns);

/* A wait from 0 to `ceiling_ns`, evenly picked by the 64 random bits. */
int64_t tagua_backoff_pick_ns(int64_t ceiling_ns, uint64_t random);

/* The next state of a generator whose states are its output, too. For jitter alone. */
uint64_t tagua_random_next(uint64_t state);

/* What the value of a Retry-After header asks to wait: seconds, or an HTTP date (the three forms
 * of RFC 9110), which is compared with `wall_ns`, the time since the epoch. A date that has passed
 * asks for nothing: 0. -1 when the value is neither. Never more than a day. */
int64_t tagua_retry_after_ns(const char *value, int64_t wall_ns);

#endif
