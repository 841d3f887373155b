/* What a service tells the manager that started it (systemd's sd_notify protocol): a datagram to the
 * socket that NOTIFY_SOCKET names. Owns nothing; without a manager nothing is sent. */
#ifndef TAGUA_NOTIFY_H
#define TAGUA_NOTIFY_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Sends assignments, one a line ("READY=1\nSTATUS=..."). 0 when sent, 1 when nobody wants to know,
 * -1 with EIO. Never waits. */
int tagua_notify_send(const char *text, size_t length, struct tagua_error *error);

/* How long the manager waits for WATCHDOG=1 before it takes this process for dead, in nanoseconds;
 * 0 when it does not watch this process. */
int64_t tagua_notify_watchdog_ns(void);

#endif
