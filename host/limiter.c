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
/* Who looks for a limit remembers at which rate it was met, and keeps this much below it. */
#define NEAR 0.96
/* A limit that was met while the rate rose fast lies lower, for the platform had something saved up: it is
 * sought from here, by so much of itself a second. */
#define BELOW 0.7
#define SEEK 0.03
#define SEEK_LONGEST_NS (15 * TAGUA_SECOND_NS)
/* Now and then a look is taken whether the limit has risen, by nearly doubling the rate each second: after so
 * long at first, longer after each look in vain, and not before so many calls have gone well. */
#define LOOK 0.7
#define LOOK_FIRST_NS (8 * TAGUA_SECOND_NS)
#define LOOK_LATER 1.5
#define LOOK_LAST_NS (60 * TAGUA_SECOND_NS)
#define LOOK_CALLS 150
/* A look in vain ends at no more than this, of what is known. */
#define VAIN 1.7
/* Who has known the limit higher looks again sooner; what was known fades with each look in vain. */
#define LOOK_SOONER_NS (5 * TAGUA_SECOND_NS)
#define MUCH_LOWER 0.6
#define FADES 0.9
/* A 429 this soon after a pause: the limit is much lower than was thought. */
#define SOON_NS (2 * TAGUA_SECOND_NS)
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
    /* When adaptive: what is done about a limit that nobody told. */
    enum { LOOKING, SEEKING, HOLDING } search;
    double met;         /* the rate at which the limit was met; 0: it never was */
    double known;       /* the highest that it was met at, fading */
    int64_t holding_ns; /* since when it is held, or sought */
    int64_t patience_ns;
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
    limiter->patience_ns = LOOK_FIRST_NS;
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

/* The limit is not where it was thought to be: it is sought from `rate` on. */
static double seek_from(struct tagua_limiter *limiter, double rate)
{
    limiter->search = SEEKING;
    limiter->patience_ns = LOOK_FIRST_NS;
    return rate;
}

/* The rate after a 429, for who looks for a limit. */
static double lower_rate(struct tagua_limiter *limiter, int64_t now_ns)
{
    double rate = limiter->rate;
    bool soon = limiter->throttles > 1 || (limiter->paused_until_ns > 0 &&
                                           now_ns - limiter->paused_until_ns < SOON_NS);
    if (soon) /* it fell, or lies lower than was thought */
        return seek_from(limiter, limiter->search == HOLDING ? rate / 2 : BELOW * rate);
    if (limiter->search == LOOKING) {
        limiter->known *= FADES;
        if (limiter->met == 0 || rate > VAIN * limiter->met)
            return seek_from(limiter, BELOW * rate);
        limiter->patience_ns = (int64_t)((double)limiter->patience_ns * LOOK_LATER);
        if (limiter->patience_ns > LOOK_LAST_NS)
            limiter->patience_ns = LOOK_LAST_NS;
        rate = limiter->met; /* it is where it was */
    }
    limiter->met = rate;
    limiter->known = fmax(limiter->known, rate);
    limiter->search = HOLDING;
    return NEAR * rate;
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
        double rate = limiter->adaptive ? lower_rate(limiter, now_ns) : limiter->rate / 2;
        set_rate(limiter, fmax(rate, limiter->lowest), now_ns);
    }
    if (now_ns + pause_ns > limiter->paused_until_ns)
        limiter->paused_until_ns = now_ns + pause_ns;
    limiter->holding_ns = limiter->paused_until_ns;
    /* No burst was saved up meanwhile: what comes after the pause goes one by one. */
    int64_t emptied_ns = limiter->paused_until_ns + (limiter->burst - 1) * limiter->interval_ns;
    if (emptied_ns > limiter->arrival_ns)
        limiter->arrival_ns = emptied_ns;
}

/* By how much a second of unbroken success raises the rate. */
static double climb_of(struct tagua_limiter *limiter, int64_t now_ns)
{
    if (!limiter->adaptive)
        return limiter->highest / CLIMB_DIVISOR;
    if (limiter->search == SEEKING) {
        if (now_ns - limiter->holding_ns < SEEK_LONGEST_NS)
            return SEEK * limiter->rate;
        limiter->search = LOOKING; /* it is far above */
        limiter->met = 0;
    }
    if (limiter->search == HOLDING) {
        int64_t calls_ns = (int64_t)(LOOK_CALLS * (double)limiter->interval_ns);
        int64_t patience_ns = limiter->patience_ns;
        if (limiter->met < MUCH_LOWER * limiter->known && patience_ns > LOOK_SOONER_NS)
            patience_ns = LOOK_SOONER_NS;
        if (patience_ns < calls_ns)
            patience_ns = calls_ns;
        if (now_ns - limiter->holding_ns < patience_ns)
            return 0;
        limiter->search = LOOKING;
    }
    return LOOK * limiter->rate;
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
    double climb = climb_of(limiter, now_ns);
    if (climb > 0) {
        double rate = fmin(limiter->rate + climb / limiter->rate, limiter->rate * 2);
        set_rate(limiter, fmin(rate, limiter->highest), now_ns);
    }
}

double tagua_limiter_rate(const struct tagua_limiter *limiter)
{
    return limiter->rate;
}

int64_t tagua_limiter_paused_until_ns(const struct tagua_limiter *limiter)
{
    return limiter->paused_until_ns;
}
