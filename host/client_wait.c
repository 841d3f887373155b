/* How the HTTP client waits: by itself, or by telling somebody else's loop what to wait for. Owns the client's
 * timer and its epoll descriptor. */
#define _GNU_SOURCE /* timerfd */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "client_private.h"
#include "clock.h"

/* Waits shorter than this are timed by a timer of its own: libcurl's are in milliseconds, and a
 * rate of 5,000 a second wants better. */
#define FINE_WAIT_NS (10 * TAGUA_MILLISECOND_NS)

/* How long to wait at most for a transfer whose descriptor can't be waited for. */
#define UNSEEN_WAIT_NS (20 * TAGUA_MILLISECOND_NS)

/* Arms the timer; returns its descriptor, or -1 where there is none to be had. */
static int arm_timer(struct tagua_client *client, int64_t timeout_ns)
{
    if (client->timer < 0)
        client->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec when = {.it_value.tv_nsec = (long)timeout_ns};
    if (client->timer < 0 || timerfd_settime(client->timer, 0, &when, NULL) != 0)
        return -1;
    return client->timer;
}

int tagua_client_wait(struct tagua_client *client, int64_t timeout_ns, const int *descriptors,
                      size_t count, struct tagua_error *error)
{
    struct curl_waitfd waits[TAGUA_CLIENT_DESCRIPTORS_MAX + 1];
    unsigned used = 0;
    if (count > TAGUA_CLIENT_DESCRIPTORS_MAX)
        return tagua_error_set(error, "EIO", "cannot wait for %zu descriptors: %d are the most",
                               count, TAGUA_CLIENT_DESCRIPTORS_MAX);
    for (size_t i = 0; i < count; i++)
        waits[used++] = (struct curl_waitfd){.fd = descriptors[i], .events = CURL_WAIT_POLLIN};
    int64_t timeout_ms = (timeout_ns + TAGUA_MILLISECOND_NS - 1) / TAGUA_MILLISECOND_NS;
    if (timeout_ns > 0 && timeout_ns < FINE_WAIT_NS) {
        int timer = arm_timer(client, timeout_ns);
        if (timer >= 0)
            waits[used++] = (struct curl_waitfd){.fd = timer, .events = CURL_WAIT_POLLIN};
    }
    errno = 0;
    CURLMcode code = curl_multi_poll(client->multi, waits, used,
                                     (int)(timeout_ms < 3600000 ? timeout_ms : 3600000), NULL);
    if (errno == EINTR)
        return 1;
    if (code != CURLM_OK)
        return tagua_error_set(error, "EIO", "cannot wait for answers: %s",
                               curl_multi_strerror(code));
    for (size_t i = 0; i < count; i++)
        if (waits[i].revents != 0)
            return 1;
    return 0;
}

/* Has the epoll look at what libcurl wants to have looked at. A descriptor that libcurl closed meanwhile
 * left by itself, and another may have its number: what is there is asked of the kernel. 0 or -1. */
static int watch(struct tagua_client *client, const fd_set *reads, const fd_set *writes, int most)
{
    for (int fd = 0; fd <= most || fd <= client->watched_most; fd++) {
        struct epoll_event event = {.data.fd = fd};
        if (fd <= most && FD_ISSET(fd, reads))
            event.events |= EPOLLIN;
        if (fd <= most && FD_ISSET(fd, writes))
            event.events |= EPOLLOUT;
        if (event.events == 0) {
            if (FD_ISSET(fd, &client->watched))
                epoll_ctl(client->epoll, EPOLL_CTL_DEL, fd, &event);
            FD_CLR(fd, &client->watched);
            continue;
        }
        if (epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event) != 0 &&
            (errno != EEXIST || epoll_ctl(client->epoll, EPOLL_CTL_MOD, fd, &event) != 0))
            return -1;
        FD_SET(fd, &client->watched);
    }
    client->watched_most = most;
    return 0;
}

int tagua_client_descriptor(struct tagua_client *client, int64_t *timeout_ns,
                            struct tagua_error *error)
{
    fd_set reads, writes, others;
    int most = -1, seen = 0;
    long timeout_ms = -1;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&others);
    if (client->epoll < 0)
        client->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll < 0)
        return tagua_error_set(error, "EIO", "cannot make an epoll descriptor: %s",
                               strerror(errno));
    if (curl_multi_fdset(client->multi, &reads, &writes, &others, &most) != CURLM_OK ||
        curl_multi_timeout(client->multi, &timeout_ms) != CURLM_OK ||
        watch(client, &reads, &writes, most) != 0)
        return tagua_error_set(error, "EIO", "cannot tell what to wait for: %s", strerror(errno));
    *timeout_ns = timeout_ms >= 0 ? timeout_ms * TAGUA_MILLISECOND_NS : INT64_MAX;
    for (int fd = 0; fd <= most; fd++)
        seen += FD_ISSET(fd, &client->watched) ? 1 : 0;
    /* A set has no room for high numbers: who has a thousand descriptors open looks more often. */
    if (seen < client->running && *timeout_ns > UNSEEN_WAIT_NS)
        *timeout_ns = UNSEEN_WAIT_NS;
    return client->epoll;
}
