/* The parent's side of workers. Owns the processes and their pipes; never blocks on one. */
#define _GNU_SOURCE
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "frame.h"
#include "pipes.h"
#include "slots.h"

extern char **environ;

enum { WORKERS_MOST = 256, QUEUE_MOST = 2 * TAGUA_FRAME_MOST, READ_SIZE = 256 * 1024 };

struct tagua_worker {
    pid_t pid;
    int process; /* the same as a descriptor, -1 where the kernel has none */
    int to, from; /* -1 when closed */
    bool gone;    /* nothing more will come */
    int status;   /* of waitpid, once `pid` is -1 */
    struct tagua_buffer queue, arrived;
    size_t written, taken; /* of queue and of arrived */
    int64_t last_active_ns;
    struct tagua_slots *slots; /* NULL where there are none */
    uint64_t sent, answered;   /* frames: each is answered by one, in order */
    char ending[64];
};

/* What of the environment a worker may see: where libraries and time zones are, how a sanitizer
 * reports. No secret is among it. */
static bool passes(const char *variable)
{
    static const char *const names[] = {"LD_LIBRARY_PATH=", "TZDIR=", "ASAN_OPTIONS=",
                                        "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int spawn(const char *file, char *const arguments[], int in, int out, int shared, pid_t *pid)
{
    char *environment[16];
    size_t count = 0;
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
        if (passes(*variable) && count < 15)
            environment[count++] = *variable;
    environment[count] = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failure;
    }
    sigset_t none, standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    sigaddset(&standard, SIGTERM);
    sigaddset(&standard, SIGINT);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (shared >= 0)
        posix_spawn_file_actions_adddup2(&actions, shared, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, shared >= 0 ? STDERR_FILENO + 1
                                                                   : STDERR_FILENO);
    failure = posix_spawnp(pid, file, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

struct tagua_worker *tagua_worker_start(const char *file, char *const arguments[],
                                        struct tagua_error *error)
{
    int down[2] = {-1, -1}, up[2] = {-1, -1};
    struct tagua_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL || tagua_pipe_make(down) != 0 || tagua_pipe_make(up) != 0) {
        tagua_error_set(error, "EIO", "starting a worker: %s", strerror(errno));
        goto fail;
    }
    worker->slots = tagua_slots_new();
    int shared = worker->slots != NULL ? tagua_slots_descriptor(worker->slots) : -1;
    int failure = spawn(file, arguments, down[0], up[1], shared, &worker->pid);
    if (failure != 0) {
        tagua_error_set(error, "EIO", "starting a worker: cannot run '%s': %s", file,
                        strerror(failure));
        goto fail;
    }
    if (worker->slots != NULL)
        tagua_slots_shared(worker->slots);
    worker->process = (int)syscall(SYS_pidfd_open, worker->pid, 0);
    close(down[0]);
    close(up[1]);
    worker->to = down[1];
    worker->from = up[0];
    fcntl(worker->to, F_SETFL, O_NONBLOCK);
    fcntl(worker->from, F_SETFL, O_NONBLOCK);
    fcntl(worker->to, F_SETPIPE_SZ, 1024 * 1024); /* best effort: a chunk in one write */
    tagua_buffer_init(&worker->queue, QUEUE_MOST);
    tagua_buffer_init(&worker->arrived, QUEUE_MOST);
    worker->last_active_ns = tagua_clock_monotonic_ns();
    return worker;
fail:
    for (int i = 0; i < 2; i++) {
        if (down[i] >= 0)
            close(down[i]);
        if (up[i] >= 0)
            close(up[i]);
    }
    if (worker != NULL)
        tagua_slots_free(worker->slots);
    free(worker);
    return NULL;
}

/* Writes as much of a frame as the pipe has room for, so that most of a chunk is never copied; what
 * a worker that is gone does not take is as good as written: its end will be read. */
static size_t write_now(struct tagua_worker *worker, const struct iovec *pieces, int count)
{
    ssize_t written = tagua_pipe_write(worker->to, pieces, count);
    if (written < 0 && errno != EAGAIN && errno != EINTR)
        return SIZE_MAX;
    if (written > 0)
        worker->last_active_ns = tagua_clock_monotonic_ns();
    return written > 0 ? (size_t)written : 0;
}

int tagua_worker_send(struct tagua_worker *worker, uint32_t kind, const void *bytes, size_t length,
                      const void *more, size_t more_length, struct tagua_error *error)
{
    if (worker->gone)
        return tagua_error_set(error, "EIO", "a worker has ended (%s)",
                               tagua_worker_ending(worker));
    if (length > TAGUA_FRAME_MOST || more_length > TAGUA_FRAME_MOST - length)
        return tagua_error_set(error, "ETOOBIG", "a chunk of %zu bytes is too big for a worker",
                               length + more_length);
    if (worker->written > 0) {
        tagua_buffer_consume(&worker->queue, worker->written);
        worker->written = 0;
    }
    struct tagua_slot slot;
    worker->sent++;
    if (kind == TAGUA_FRAME_TASK && worker->slots != NULL &&
        tagua_slots_put(worker->slots, more, more_length, worker->sent, &slot) == 0) {
        kind = TAGUA_FRAME_SHARED;
        more = &slot;
        more_length = sizeof slot;
    }
    struct tagua_frame_head head = {(uint32_t)(length + more_length), kind};
    const struct iovec pieces[] = {{&head, sizeof head},
                                   {(void *)(uintptr_t)bytes, length},
                                   {(void *)(uintptr_t)more, more_length}};
    size_t before = worker->queue.length;
    if (length + more_length > QUEUE_MOST - sizeof head - before) { /* before half of it is out */
        worker->sent--; /* the next frame has its number, and its slot is free with that one's */
        return tagua_error_set(error, "ETOOBIG", "too much is waiting for a worker");
    }
    size_t done = before == 0 ? write_now(worker, pieces, 3) : 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t skip = done < pieces[i].iov_len ? done : pieces[i].iov_len;
        done -= skip;
        if (skip < pieces[i].iov_len &&
            tagua_buffer_append(&worker->queue, (const char *)pieces[i].iov_base + skip,
                                pieces[i].iov_len - skip) != 0) {
            worker->queue.length = before;
            worker->sent--;
            if (i > 0 || skip > 0) /* half a frame is out: nothing can follow it */
                worker->gone = true;
            return tagua_error_set(error, "ETOOBIG", "too much is waiting for a worker");
        }
    }
    return 0;
}

static void push(struct tagua_worker *worker)
{
    while (worker->written < worker->queue.length) {
        const struct iovec piece = {worker->queue.data + worker->written,
                                    worker->queue.length - worker->written};
        ssize_t written = tagua_pipe_write(worker->to, &piece, 1);
        if (written < 0) {
            if (errno != EAGAIN && errno != EINTR)
                tagua_buffer_clear(&worker->queue), worker->written = 0; /* its end will be read */
            return;
        }
        worker->written += (size_t)written;
        worker->last_active_ns = tagua_clock_monotonic_ns();
    }
    tagua_buffer_clear(&worker->queue);
    worker->written = 0;
}

static void pull(struct tagua_worker *worker)
{
    if (worker->taken > 0) {
        tagua_buffer_consume(&worker->arrived, worker->taken);
        worker->taken = 0;
    }
    for (;;) {
        char *to = tagua_buffer_reserve(&worker->arrived, READ_SIZE);
        if (to == NULL)
            return; /* the cap: what is here must be taken first */
        ssize_t got = read(worker->from, to, READ_SIZE);
        if (got < 0) {
            if (errno != EAGAIN && errno != EINTR)
                worker->gone = true;
            return;
        }
        if (got == 0) {
            worker->gone = true;
            return;
        }
        worker->arrived.length += (size_t)got;
        worker->last_active_ns = tagua_clock_monotonic_ns();
        if (got < READ_SIZE)
            return;
    }
}

void tagua_workers_poll(struct tagua_worker **workers, size_t count, int timeout_ms)
{
    struct pollfd wanted[2 * WORKERS_MOST];
    struct tagua_worker *owner[2 * WORKERS_MOST];
    nfds_t used = 0;
    for (size_t i = 0; i < count && used + 2 <= 2 * WORKERS_MOST; i++) {
        struct tagua_worker *worker = workers[i];
        if (worker == NULL || worker->gone)
            continue;
        owner[used] = worker;
        wanted[used++] = (struct pollfd){worker->from, POLLIN, 0};
        if (worker->written < worker->queue.length) {
            owner[used] = worker;
            wanted[used++] = (struct pollfd){worker->to, POLLOUT, 0};
        }
    }
    if (used == 0 || poll(wanted, used, timeout_ms) <= 0)
        return;
    for (nfds_t i = 0; i < used; i++) {
        if (wanted[i].revents == 0)
            continue;
        if (wanted[i].fd == owner[i]->from)
            pull(owner[i]);
        else
            push(owner[i]);
    }
}

int tagua_worker_receive(struct tagua_worker *worker, uint32_t *kind, const char **bytes,
                         size_t *length)
{
    struct tagua_frame_head head;
    size_t left = worker->arrived.length - worker->taken;
    if (left >= sizeof head) {
        memcpy(&head, worker->arrived.data + worker->taken, sizeof head);
        if (head.length > TAGUA_FRAME_MOST) { /* whatever this is, it is no worker */
            worker->gone = true;
            tagua_buffer_clear(&worker->arrived);
            worker->taken = 0;
            return -1;
        }
        if (left - sizeof head >= head.length) {
            if (head.kind == TAGUA_FRAME_DONE || head.kind == TAGUA_FRAME_ERROR) {
                worker->answered++;
                if (worker->slots != NULL)
                    tagua_slots_done(worker->slots, worker->answered);
            }
            *kind = head.kind;
            *bytes = worker->arrived.data + worker->taken + sizeof head;
            *length = head.length;
            worker->taken += sizeof head + head.length;
            return 1;
        }
    }
    return worker->gone ? -1 : 0;
}

int64_t tagua_worker_last_active_ns(const struct tagua_worker *worker)
{
    return worker->last_active_ns;
}

pid_t tagua_worker_pid(const struct tagua_worker *worker)
{
    return worker->pid;
}

/* Kills the worker and nobody else: in a program that waits for every child, or ignores SIGCHLD, its number
 * may be another process' by now. */
static void end(const struct tagua_worker *worker, pid_t pid)
{
    if (worker->process >= 0)
        syscall(SYS_pidfd_send_signal, worker->process, SIGKILL, NULL, 0);
    else
        kill(pid, SIGKILL);
}

/* Whether it has ended; how, where nobody else of the program has waited for it. */
static bool is_over(struct tagua_worker *worker, pid_t pid)
{
    pid_t ended = waitpid(pid, &worker->status, WNOHANG);
    return ended == pid || (ended < 0 && errno == ECHILD);
}

/* Kills and waits; a worker that is gone has closed its pipe, and so has nothing left to do. */
static void reap(struct tagua_worker *worker)
{
    if (worker->pid <= 0)
        return;
    pid_t pid = worker->pid;
    worker->pid = -1;
    if (is_over(worker, pid))
        return;
    if (worker->gone) { /* it may be on its way out: its own ending says more than ours */
        const struct timespec moment = {0, 2000000};
        for (int i = 0; i < 250; i++) {
            if (is_over(worker, pid))
                return;
            nanosleep(&moment, NULL);
        }
    }
    end(worker, pid);
    while (waitpid(pid, &worker->status, 0) < 0 && errno == EINTR) {
    }
}

const char *tagua_worker_ending(struct tagua_worker *worker)
{
    reap(worker);
    if (WIFSIGNALED(worker->status))
        snprintf(worker->ending, sizeof worker->ending, "signal %d, %s", WTERMSIG(worker->status),
                 strsignal(WTERMSIG(worker->status)));
    else
        snprintf(worker->ending, sizeof worker->ending, "exit code %d",
                 WEXITSTATUS(worker->status));
    return worker->ending;
}

void tagua_worker_free(struct tagua_worker *worker)
{
    if (worker == NULL)
        return;
    close(worker->to);
    close(worker->from);
    worker->gone = false; /* no waiting for its own ending */
    reap(worker);
    if (worker->process >= 0)
        close(worker->process);
    tagua_buffer_free(&worker->queue);
    tagua_buffer_free(&worker->arrived);
    tagua_slots_free(worker->slots);
    free(worker);
}
