/* The two clocks, read through clock_gettime. Keeps nothing. */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * TAGUA_SECOND_NS + now.tv_nsec;
}

int64_t tagua_clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t tagua_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
