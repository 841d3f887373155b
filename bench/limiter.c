/* What a decision of the limiter costs: as fast as it is asked, most of the answers being to wait,
 * and at a pace that it lets through. Prints nanoseconds a decision, one number for each round.
 *
 *     make build/bench/limiter && build/bench/limiter [ROUNDS] */
#include <stdio.h>
#include <stdlib.h>

#include "../host/clock.h"
#include "../host/limiter.h"

enum { DECISIONS = 5000000 };

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    for (int round = 0; round < rounds; round++) {
        struct tagua_error error;
        const struct tagua_limiter_options options = {.per_second = 1000, .burst = 20};
        struct tagua_limiter *limiter = tagua_limiter_new(&options, &error);
        if (limiter == NULL)
            return 1;
        int64_t taken = 0, began = tagua_clock_monotonic_ns();
        for (int64_t i = 0; i < DECISIONS; i++)
            taken += tagua_limiter_reserve(limiter, i * (i % 2 == 0 ? 1000000 : 1000), 1) == 0;
        int64_t took = tagua_clock_monotonic_ns() - began;
        tagua_limiter_free(limiter);
        if (taken == 0)
            return 1;
        printf("%.2f\n", (double)took / DECISIONS);
    }
    return 0;
}
