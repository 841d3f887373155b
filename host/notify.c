/* What a service tells the manager that started it. Owns a socket for one datagram at a time. */
#define _DEFAULT_SOURCE
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TEXT_MOST = 8192 };

int tagua_notify_send(const char *text, size_t length, struct tagua_error *error)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || path[0] == '\0')
        return 1;
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof where.sun_path || size < 2)
        return tagua_error_set(error, "EIO",
                               "cannot notify the service manager: NOTIFY_SOCKET is no socket's name");
    if (length > TEXT_MOST)
        length = TEXT_MOST;
    memcpy(where.sun_path, path, size);
    if (path[0] == '@')
        where.sun_path[0] = '\0'; /* a name that is in no folder */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t space = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ssize_t sent = -1;
    if (fd >= 0)
        sent = sendto(fd, text, length, MSG_NOSIGNAL, (const struct sockaddr *)&where, space);
    int failure = errno;
    if (fd >= 0)
        close(fd);
    if (sent < 0)
        return tagua_error_set(error, "EIO", "cannot notify the service manager: %s",
                               strerror(failure));
    return 0;
}

int64_t tagua_notify_watchdog_ns(void)
{
    const char *period = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
    char *end = NULL;
    if (period == NULL || (whose != NULL && strtol(whose, NULL, 10) != (long)getpid()))
        return 0;
    errno = 0;
    long long microseconds = strtoll(period, &end, 10);
    if (errno != 0 || end == period || *end != '\0' || microseconds <= 0 ||
        microseconds > INT64_MAX / 1000)
        return 0;
    return (int64_t)microseconds * 1000;
}
