/* The two clocks. Only who runs a loop reads them; units that decide take the time as argument. */
#ifndef TAGUA_CLOCK_H
#define TAGUA_CLOCK_H

#include <stdint.h>

#define TAGUA_SECOND_NS INT64_C(1000000000)
#define TAGUA_MILLISECOND_NS INT64_C(1000000)

/* Nanoseconds on the monotonic clock: for deadlines and waits. */
int64_t tagua_clock_monotonic_ns(void);

/* Nanoseconds since the epoch: for what people and rules call now. */
int64_t tagua_clock_wall_ns(void);

#endif
