/* An alarm: one descriptor that becomes readable when the earliest of its times has come.
 * Owns the timer; who waits for it decides what is due. */
#ifndef TAGUA_ALARM_H
#define TAGUA_ALARM_H

#include <stdint.h>

struct tagua_alarm {
    int fd;           /* -1: not open */
    int64_t armed_ns; /* monotonic; INT64_MAX: never */
};

/* Opens the alarm, set to never. Returns 0, or -1 with errno. */
int tagua_alarm_open(struct tagua_alarm *alarm);

/* Sets the alarm to `due_ns` (monotonic; the past: at once) unless it goes off before that. */
void tagua_alarm_set(struct tagua_alarm *alarm, int64_t due_ns);

/* Sets an alarm that has gone off by `now_ns` to never, and its descriptor is quiet again. */
void tagua_alarm_quiet(struct tagua_alarm *alarm, int64_t now_ns);

/* Closes the alarm. Twice is fine. */
void tagua_alarm_close(struct tagua_alarm *alarm);

#endif
