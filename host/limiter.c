/* A rate limiter for one key. Owns its arithmetic and nothing else: no clock, no sleep, no I/O. */
#include "limiter.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "retry.h"

#define RATE_MIN 0.001
#define RATE_MAX 1e6
/* A rate never falls below its own 1024th part: ten halvings in a row. */
#define FLOOR_DIVISOR 1024.0
/* A second of unbroken success brings back a 20th of the highest rate. */
#define CLIMB_DIVISOR 20.0
/* Who looks for a limit remembers where it was met: climbs in about a second to just below, then by
 * little, and is free again once the limit must have moved. */
#define NEAR 0.95
#define CREEP_DIVISOR 200.0
#define BEYOND 1.02
#define PAUSE_FIRST_NS TAGUA_SECOND_NS
#define PAUSE_LONGEST_NS (60 * TAGUA_SECOND_NS)
/* What a Retry-After can ask for: a day. */
#define PAUSE_MAX_NS (86400 * TAGUA_SECOND_NS)

struct tagua_limiter {
    int64_t interval_ns; /* emission interval at the rate in force, rounded up */
    int64_t burst;
    int64_t arrival_ns; /* theoretical arrival time: when the bucket is full again */
    int64_t paused_until_ns;
    unsigned throttles; /* 429s in a row, one a pause */
    double rate;
    double highest;
    double lowest;
    bool adaptive;
    double met; /* the rate at which the last 429 came, when adaptive; 0: none, or long passed */
    uint64_t random;
};

/* Rounded up: a rate in force is never above the one asked for. */
static int64_t interval_of(double rate)
{
    return (int64_t)ceil((double)TAGUA_SECOND_NS / rate);
}

struct tagua_limiter *tagua_limiter_new(const struct tagua_limiter_options *options,
                                        struct tagua_error *error)
{
    double at_most = options->at_most != 0 ? options->at_most : options->per_second;
    if (!(options->per_second >= RATE_MIN && options->per_second <= RATE_MAX)) {
        tagua_error_set(error, "ECONFIG", "rate.per_second must be %g to %g, got %g", RATE_MIN,
                        RATE_MAX, options->per_second);
        return NULL;
    }
    if (options->burst < 1 || options->burst > TAGUA_LIMITER_BURST_MAX) {
        tagua_error_set(error, "ECONFIG", "rate.burst must be 1 to %d, got %lld",
                        TAGUA_LIMITER_BURST_MAX, (long long)options->burst);
        return NULL;
    }
    if (options->adaptive && options->at_most == 0) {
        tagua_error_set(error, "ECONFIG",
                        "rate.adaptive needs rate.at_most, the rate never to go above");
        return NULL;
    }
    if (!options->adaptive && options->at_most != 0) {
        tagua_error_set(error, "ECONFIG", "rate.at_most goes with rate.adaptive = true");
        return NULL;
    }
    if (!(at_most >= options->per_second && at_most <= RATE_MAX)) {
        tagua_error_set(error, "ECONFIG", "rate.at_most must be per_second (%g) to %g, got %g",
                        options->per_second, RATE_MAX, at_most);
        return NULL;
    }
    struct tagua_limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter == NULL) {
        tagua_error_set(error, "EIO", "cannot make a rate limiter: out of memory");
        return NULL;
    }
    limiter->burst = options->burst;
    limiter->adaptive = options->adaptive;
    limiter->rate = options->per_second;
    limiter->highest = at_most;
    limiter->lowest = fmax(options->per_second / FLOOR_DIVISOR, RATE_MIN);
    limiter->interval_ns = interval_of(limiter->rate);
    limiter->arrival_ns = INT64_MIN / 2;
    limiter->random = options->seed;
    return limiter;
}

void tagua_limiter_free(struct tagua_limiter *limiter)
{
    free(limiter);
}

int64_t tagua_limiter_reserve(struct tagua_limiter *limiter, int64_t now_ns, int64_t cost)
{
    if (now_ns < limiter->paused_until_ns)
        return limiter->paused_until_ns - now_ns;
    int64_t start_ns = limiter->arrival_ns > now_ns ? limiter->arrival_ns : now_ns;
    int64_t arrival_ns = start_ns + cost * limiter->interval_ns;
    int64_t allowed_ns = arrival_ns - limiter->burst * limiter->interval_ns;
    if (now_ns < allowed_ns)
        return allowed_ns - now_ns;
    limiter->arrival_ns = arrival_ns;
    return 0;
}

void tagua_limiter_refund(struct tagua_limiter *limiter, int64_t cost)
{
    limiter->arrival_ns -= cost * limiter->interval_ns;
}

/* What is owed stays the same number of requests, at the new rate: a refund gives back exactly what
 * was taken, and a change of rate never makes room by itself. */
static void set_rate(struct tagua_limiter *limiter, double rate, int64_t now_ns)
{
    int64_t interval_ns = interval_of(rate);
    if (limiter->arrival_ns > now_ns) {
        __int128 owed = (__int128)(limiter->arrival_ns - now_ns) * interval_ns;
        limiter->arrival_ns =
            now_ns + (int64_t)((owed + limiter->interval_ns - 1) / limiter->interval_ns);
    }
    limiter->rate = rate;
    limiter->interval_ns = interval_ns;
}

void tagua_limiter_throttled(struct tagua_limiter *limiter, int64_t now_ns, int64_t retry_after_ns)
{
    bool paused = now_ns < limiter->paused_until_ns;
    int64_t pause_ns = retry_after_ns;
    if (pause_ns > PAUSE_MAX_NS)
        pause_ns = PAUSE_MAX_NS;
    if (pause_ns <= 0) {
        if (paused)
            return;
        /* Half of it certain, half by chance: two that were stopped together come back apart. */
        int64_t ceiling_ns =
            tagua_backoff_ceiling_ns(limiter->throttles + 1, PAUSE_FIRST_NS, PAUSE_LONGEST_NS);
        limiter->random = tagua_random_next(limiter->random);
        pause_ns = ceiling_ns / 2 + tagua_backoff_pick_ns(ceiling_ns / 2, limiter->random);
    }
    if (!paused) {
        limiter->throttles++;
        if (limiter->adaptive)
            limiter->met = limiter->rate;
        set_rate(limiter, fmax(limiter->rate / 2, limiter->lowest), now_ns);
    }
    if (now_ns + pause_ns > limiter->paused_until_ns)
        limiter->paused_until_ns = now_ns + pause_ns;
    /* No burst was saved up meanwhile: what comes after the pause goes one by one. */
    int64_t emptied_ns = limiter->paused_until_ns + (limiter->burst - 1) * limiter->interval_ns;
    if (emptied_ns > limiter->arrival_ns)
        limiter->arrival_ns = emptied_ns;
}

/* By how much a second of unbroken success raises the rate; *most is where this climb ends. */
static double climb_of(struct tagua_limiter *limiter, double *most)
{
    *most = limiter->highest;
    if (limiter->met > 0 && limiter->rate < NEAR * limiter->met) {
        *most = fmin(NEAR * limiter->met, limiter->highest);
        return limiter->met;
    }
    if (limiter->met > 0 && limiter->rate < BEYOND * limiter->met)
        return limiter->met / CREEP_DIVISOR;
    limiter->met = 0;
    return limiter->highest / CLIMB_DIVISOR;
}

void tagua_limiter_succeeded(struct tagua_limiter *limiter, int64_t now_ns)
{
    if (now_ns < limiter->paused_until_ns)
        return; /* sent before the pause: says nothing about what the platform takes after it */
    limiter->throttles = 0;
    if (limiter->rate >= limiter->highest)
        return;
    /* At this rate, a second brings so many steps that they add up to the same climb at any rate;
     * but one success is not trusted with more than doubling it. */
    double most;
    double rate = limiter->rate + climb_of(limiter, &most) / limiter->rate;
    rate = fmin(rate, limiter->rate * 2);
    set_rate(limiter, fmin(rate, most), now_ns);
}

double tagua_limiter_rate(const struct tagua_limiter *limiter)
{
    return limiter->rate;
}

int64_t tagua_limiter_paused_until_ns(const struct tagua_limiter *limiter)
{
    return limiter->paused_until_ns;
}
