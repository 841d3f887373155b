/* The watchdog: a timer signal that compares a counter with what it saw last. Owns SIGPROF. */
#define _DEFAULT_SOURCE
#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

enum { TICKS = 10 }; /* in one limit */

static const struct tagua_watchdog *dog;
static volatile sig_atomic_t inside;  /* something is being watched */
static volatile sig_atomic_t task;    /* counts what has begun; wraps */
static volatile sig_atomic_t ticked;
static sig_atomic_t seen, ticks; /* the handler's own */

static void on_tick(int number)
{
    (void)number;
    int saved = errno;
    ticked = 1;
    if (task != seen) {
        seen = task;
        ticks = 0;
    } else if (inside) {
        ticks++;
        if (ticks == TICKS)
            dog->overdue(dog->context);
        else if (ticks >= 2 * TICKS)
            dog->stuck(dog->context);
    }
    errno = saved;
}

int tagua_watchdog_start(const struct tagua_watchdog *watchdog, int64_t limit_ns,
                         struct tagua_error *error)
{
    dog = watchdog;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_tick;
    action.sa_flags = SA_RESTART;
    int64_t tick_us = limit_ns / 1000 / TICKS;
    if (tick_us < 1000)
        tick_us = 1000;
    struct timeval tick = {(time_t)(tick_us / 1000000), (suseconds_t)(tick_us % 1000000)};
    struct itimerval timer = {tick, tick};
    if (sigaction(SIGPROF, &action, NULL) != 0 || setitimer(ITIMER_PROF, &timer, NULL) != 0)
        return tagua_error_set(error, "EIO", "starting the watchdog: %s", strerror(errno));
    return 0;
}

void tagua_watchdog_begin(void)
{
    task = (sig_atomic_t)((unsigned)task + 1u);
    inside = 1;
}

void tagua_watchdog_resume(void)
{
    inside = 1;
}

void tagua_watchdog_end(void)
{
    inside = 0;
}

bool tagua_watchdog_ticked(void)
{
    if (!ticked)
        return false;
    ticked = 0;
    return true;
}
