/* The alarm, on a timerfd. It is set again only when it must go off earlier than it would: a time
 * that is given up costs a look at the clock later, not a system call now. */
#define _GNU_SOURCE
#include "alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

int tagua_alarm_open(struct tagua_alarm *alarm)
{
    alarm->armed_ns = INT64_MAX;
    alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return alarm->fd >= 0 ? 0 : -1;
}

void tagua_alarm_set(struct tagua_alarm *alarm, int64_t due_ns)
{
    if (due_ns < 1)
        due_ns = 1; /* zero would disarm the timer */
    if (due_ns >= alarm->armed_ns)
        return;
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(due_ns / TAGUA_SECOND_NS),
                                           .tv_nsec = (long)(due_ns % TAGUA_SECOND_NS)}};
    timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &when, NULL);
    alarm->armed_ns = due_ns;
}

void tagua_alarm_quiet(struct tagua_alarm *alarm, int64_t now_ns)
{
    uint64_t times;
    if (alarm->armed_ns <= now_ns &&
        read(alarm->fd, &times, sizeof times) == (ssize_t)sizeof times)
        alarm->armed_ns = INT64_MAX;
}

void tagua_alarm_close(struct tagua_alarm *alarm)
{
    if (alarm->fd >= 0)
        close(alarm->fd);
    alarm->fd = -1;
}
