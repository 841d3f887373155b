/* Processes of this program that talk in lines. Owns their pipes and whoever was started; never waits
 * but for a process that it killed. */
#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "pipes.h"

extern char **environ;

enum { READ_SIZE = 64 * 1024 };

struct tagua_process {
    pid_t pid; /* -1: the owner, or ended */
    int to, from; /* -1 when closed */
    int status;
    bool ended, gone; /* the process; what it writes */
    struct tagua_buffer queue, arrived;
    size_t taken; /* of arrived */
};

static int spawn(const char *executable, char *const argv[], int in, int out, pid_t *pid)
{
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
    failure = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (failure == 0)
        failure = posix_spawnattr_setsigmask(&attributes, &none);
    if (failure == 0)
        failure = posix_spawnattr_setsigdefault(&attributes, &standard);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (failure == 0)
        failure = posix_spawn(pid, executable, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

static struct tagua_process *new_process(int from, int to)
{
    struct tagua_process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return NULL;
    process->pid = -1;
    process->from = from;
    process->to = to;
    tagua_buffer_init(&process->queue, TAGUA_PROCESS_QUEUE_MOST);
    tagua_buffer_init(&process->arrived, TAGUA_PROCESS_LINE_MOST + READ_SIZE);
    fcntl(from, F_SETFL, O_NONBLOCK);
    fcntl(to, F_SETFL, O_NONBLOCK);
    return process;
}

static void shut(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

struct tagua_process *tagua_process_start(const char *executable, char *const argv[],
                                          struct tagua_error *error)
{
    int down[2] = {-1, -1}, up[2] = {-1, -1};
    struct tagua_process *process = NULL;
    int failure = ENOMEM;
    if (tagua_pipe_make(down) != 0 || tagua_pipe_make(up) != 0)
        failure = errno;
    else
        process = new_process(up[0], down[1]);
    if (process != NULL)
        failure = spawn(executable, argv, down[0], up[1], &process->pid);
    shut(&down[0]);
    shut(&up[1]);
    if (failure == 0)
        return process;
    if (process != NULL)
        process->pid = -1; /* posix_spawn leaves it undefined */
    tagua_error_set(error, "EIO", "cannot start '%s': %s", executable, strerror(failure));
    if (process != NULL) {
        tagua_process_free(process);
    } else {
        shut(&down[1]);
        shut(&up[0]);
    }
    return NULL;
}

/* Moves a descriptor away from where a stray print would find it, and puts another there. */
static int take(int descriptor, int instead)
{
    int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (own >= 0 && dup2(instead, descriptor) < 0)
        shut(&own);
    return own;
}

struct tagua_process *tagua_process_owner(struct tagua_error *error)
{
    struct tagua_process *process = NULL;
    int from = -1, to = -1, nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) {
        from = take(STDIN_FILENO, nothing);
        to = take(STDOUT_FILENO, STDERR_FILENO);
    }
    if (from >= 0 && to >= 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0)
        process = new_process(from, to);
    if (process == NULL) {
        tagua_error_set(error, "EIO", "cannot take over the pipes of the process that started this: %s",
                        strerror(errno));
        shut(&from);
        shut(&to);
    }
    shut(&nothing);
    return process;
}

int tagua_process_write(struct tagua_process *process, const char *line, size_t length,
                        struct tagua_error *error)
{
    if (memchr(line, '\n', length) != NULL)
        return tagua_error_set(error, "EUSAGE", "a line for a process holds a newline");
    if (length > TAGUA_PROCESS_LINE_MOST)
        return tagua_error_set(error, "ETOOBIG", "a line of %zu bytes is too long for a process", length);
    size_t before = process->queue.length;
    if (length + 1 > TAGUA_PROCESS_QUEUE_MOST - before)
        return tagua_error_set(error, "ETOOBIG", "too much is waiting for a process");
    if (tagua_buffer_append(&process->queue, line, length) != 0 ||
        tagua_buffer_append(&process->queue, "\n", 1) != 0) {
        process->queue.length = before; /* no half of a line */
        return tagua_error_set(error, "EIO", "cannot write to a process: out of memory");
    }
    tagua_process_flush(process);
    return 0;
}

bool tagua_process_flush(struct tagua_process *process)
{
    while (process->queue.length > 0 && process->to >= 0) {
        const struct iovec piece = {process->queue.data, process->queue.length};
        ssize_t written = tagua_pipe_write(process->to, &piece, 1);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            return false;
        if (written < 0)
            tagua_process_finish(process); /* nobody reads any more */
        else
            tagua_buffer_consume(&process->queue, (size_t)written);
    }
    if (process->to < 0)
        tagua_buffer_clear(&process->queue);
    return true;
}

void tagua_process_finish(struct tagua_process *process)
{
    shut(&process->to);
    tagua_buffer_clear(&process->queue);
}

void tagua_process_read(struct tagua_process *process)
{
    if (process->taken > 0) {
        tagua_buffer_consume(&process->arrived, process->taken);
        process->taken = 0;
    }
    while (!process->gone) {
        char *to = tagua_buffer_reserve(&process->arrived, READ_SIZE);
        if (to == NULL)
            return; /* what is here has to be taken first, or is a line that is too long */
        ssize_t got = read(process->from, to, READ_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            process->gone = true;
        else
            process->arrived.length += (size_t)got;
    }
}

int tagua_process_line(struct tagua_process *process, const char **line, size_t *length)
{
    size_t left = process->arrived.length - process->taken;
    const char *start = left > 0 ? process->arrived.data + process->taken : NULL;
    const char *end = left > 0 ? memchr(start, '\n', left) : NULL;
    if (end == NULL) {
        if (left > TAGUA_PROCESS_LINE_MOST)
            process->gone = true;
        return process->gone ? -1 : 0;
    }
    *line = start;
    *length = (size_t)(end - start);
    process->taken += *length + 1;
    return 1;
}

int tagua_process_fd(const struct tagua_process *process)
{
    return process->from;
}

pid_t tagua_process_pid(const struct tagua_process *process)
{
    return process->pid;
}

bool tagua_process_ended(struct tagua_process *process, int *status)
{
    if (process->pid > 0 && waitpid(process->pid, &process->status, WNOHANG) == process->pid) {
        process->pid = -1;
        process->ended = true;
    }
    *status = process->status;
    return process->ended;
}

void tagua_process_signal(struct tagua_process *process, int number)
{
    if (process->pid > 0)
        kill(process->pid, number);
}

void tagua_process_free(struct tagua_process *process)
{
    if (process == NULL)
        return;
    shut(&process->to);
    shut(&process->from);
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, &process->status, 0) < 0 && errno == EINTR) {
        }
    }
    tagua_buffer_free(&process->queue);
    tagua_buffer_free(&process->arrived);
    free(process);
}
