/* The worker's main loop. Owns descriptors 0 and 1 and the sandbox; has no others (descriptor 2 is the memory
 * that chunks come in, mapped and closed before anything else), and gives up the means to get any. */
#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "frame.h"
#include "sandbox.h"
#include "slots.h"

enum { EXIT_PIPE = 71, EXIT_STUCK = 72 };

struct worker {
    const struct tagua_embedded *(*find)(const char *name);
    struct tagua_sandbox *sandbox;
    struct tagua_buffer input, output;
    const char *shared; /* memory with chunks, or NULL */
};

static int write_all(const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        at += written;
        length -= (size_t)written;
    }
    return 0;
}

static int read_all(void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = read(STDIN_FILENO, at, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        at += got;
        length -= (size_t)got;
    }
    return 0;
}

/* A worker that can't answer has nobody to work for. */
static void answer(uint32_t kind, const void *bytes, size_t length)
{
    struct tagua_frame_head head = {(uint32_t)length, kind};
    if (write_all(&head, sizeof head) != 0 || write_all(bytes, length) != 0)
        _exit(EXIT_PIPE);
}

static void answer_error(const struct tagua_error *error)
{
    char text[sizeof error->code + sizeof error->message];
    size_t code = strlen(error->code) + 1, message = strlen(error->message);
    memcpy(text, error->code, code);
    memcpy(text + code, error->message, message);
    answer(TAGUA_FRAME_ERROR, text, code + message);
}

static void on_alive(void *context)
{
    (void)context;
    answer(TAGUA_FRAME_ALIVE, NULL, 0);
}

struct place {
    struct tagua_frame_head head;
    uint64_t record, rule;
};

static void on_announce(void *context, size_t record, size_t rule)
{
    (void)context;
    struct place place = {{sizeof place - sizeof place.head, TAGUA_FRAME_ANNOUNCE}, record, rule};
    if (write_all(&place, sizeof place) != 0)
        _exit(EXIT_PIPE);
}

/* In the signal handler. No frame is half written: rules only run between frames. */
static void on_stuck(void *context, size_t record, size_t rule)
{
    (void)context;
    struct place place = {{sizeof place - sizeof place.head, TAGUA_FRAME_STUCK}, record, rule};
    write_all(&place, sizeof place);
    _exit(EXIT_STUCK);
}

/* After the rules are loaded nothing needs a descriptor, a file or a process any more. */
static void give_up_means(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_NOFILE, &none);
    setrlimit(RLIMIT_FSIZE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The frame's options stand before name, NUL, source and what may be included (a value). */
struct load {
    uint64_t memory;
    int64_t limit_ns;
    uint64_t probe;  /* whether to try the rules on made-up users */
    uint64_t apart;  /* see struct tagua_sandbox_file */
    uint64_t length; /* of the source; what may be included follows */
};

static int do_load(struct worker *worker, struct tagua_error *error)
{
    const char *bytes = worker->input.data;
    size_t length = worker->input.length;
    struct load load;
    const char *name = bytes + sizeof load, *end = bytes + length;
    const char *source =
        length > sizeof load ? memchr(name, '\0', length - sizeof load) : NULL;
    if (source == NULL || worker->sandbox != NULL)
        return tagua_error_set(error, "EPROTOCOL", "a load frame makes no sense");
    source++;
    memcpy(&load, bytes, sizeof load);
    if (load.length > (size_t)(end - source))
        return tagua_error_set(error, "EPROTOCOL", "a load frame makes no sense");
    const struct tagua_sandbox_file file = {
        .name = name,
        .source = source,
        .length = load.length,
        .includes = source + load.length,
        .includes_length = (size_t)(end - source) - load.length,
        .apart = load.apart != 0,
    };
    const struct tagua_sandbox_options options = {
        .memory = load.memory,
        .limit_ns = load.limit_ns,
        .find = worker->find,
        .alive = on_alive,
        .announce = on_announce,
        .stuck = on_stuck,
    };
    worker->sandbox = tagua_sandbox_new(&options, error);
    if (worker->sandbox == NULL)
        return -1;
    if (tagua_sandbox_load(worker->sandbox, &file, &worker->output, error) != 0)
        return -1;
    return load.probe != 0 ? tagua_sandbox_probe(worker->sandbox, error) : 0;
}

static int do_test(struct worker *worker, struct tagua_error *error)
{
    int64_t at;
    if (worker->sandbox == NULL || worker->input.length != sizeof at)
        return tagua_error_set(error, "EPROTOCOL", "a test frame makes no sense");
    memcpy(&at, worker->input.data, sizeof at);
    return tagua_sandbox_test(worker->sandbox, at, &worker->output, error);
}

static int do_ask(struct worker *worker, struct tagua_error *error)
{
    if (worker->sandbox == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    return tagua_sandbox_ask(worker->sandbox, worker->input.data, worker->input.length,
                             &worker->output, error);
}

static int do_hook(struct worker *worker, struct tagua_error *error)
{
    if (worker->sandbox == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    return tagua_sandbox_hook(worker->sandbox, worker->input.data, worker->input.length,
                              &worker->output, error);
}

static int do_input(struct worker *worker, struct tagua_error *error)
{
    if (worker->sandbox == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    int result = tagua_sandbox_input(worker->sandbox, worker->input.data, worker->input.length,
                                     error);
    if (result == 0)
        give_up_means();
    return result;
}

static int do_task(struct worker *worker, struct tagua_error *error)
{
    if (worker->sandbox == NULL)
        return tagua_error_set(error, "EPROTOCOL", "no rules are loaded");
    return tagua_sandbox_decide(worker->sandbox, worker->input.data, worker->input.length, NULL, 0,
                                &worker->output, error);
}

static int do_shared_task(struct worker *worker, struct tagua_error *error)
{
    struct tagua_slot slot = {0, 0};
    const char *chunk = NULL;
    size_t front = worker->input.length - sizeof slot;
    if (worker->input.length >= sizeof slot) {
        memcpy(&slot, worker->input.data + front, sizeof slot);
        chunk = tagua_slots_chunk(worker->shared, &slot);
    }
    if (worker->sandbox == NULL || chunk == NULL)
        return tagua_error_set(error, "EPROTOCOL", "a worker's task makes no sense");
    return tagua_sandbox_decide(worker->sandbox, worker->input.data, front, chunk, slot.length,
                                &worker->output, error);
}

static void handle(struct worker *worker, uint32_t kind)
{
    struct tagua_error error;
    int result;
    tagua_buffer_clear(&worker->output);
    switch (kind) {
    case TAGUA_FRAME_LOAD:
        result = do_load(worker, &error);
        break;
    case TAGUA_FRAME_TEST:
        result = do_test(worker, &error);
        break;
    case TAGUA_FRAME_ASK:
        result = do_ask(worker, &error);
        break;
    case TAGUA_FRAME_HOOK:
        result = do_hook(worker, &error);
        break;
    case TAGUA_FRAME_INPUT:
        result = do_input(worker, &error);
        break;
    case TAGUA_FRAME_TASK:
        result = do_task(worker, &error);
        break;
    case TAGUA_FRAME_SHARED:
        result = do_shared_task(worker, &error);
        break;
    default:
        result = tagua_error_set(&error, "EPROTOCOL", "a worker got a frame it does not know");
    }
    if (result == 0)
        answer(TAGUA_FRAME_DONE, worker->output.data, worker->output.length);
    else
        answer_error(&error);
}

int tagua_worker_main(const struct tagua_embedded *(*find)(const char *name))
{
    struct worker worker = {.find = find, .shared = tagua_slots_map(STDERR_FILENO)};
    tagua_buffer_init(&worker.input, TAGUA_FRAME_MOST);
    tagua_buffer_init(&worker.output, TAGUA_FRAME_MOST);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the parent's to answer, */
    signal(SIGHUP, SIG_IGN); /* and so is a terminal that was closed */
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0); /* no core files of users' data */
    struct tagua_frame_head head;
    int code = 0;
    while (read_all(&head, sizeof head) == 0) {
        tagua_buffer_clear(&worker.input);
        char *bytes = head.length <= TAGUA_FRAME_MOST
                          ? tagua_buffer_reserve(&worker.input, (size_t)head.length + 1)
                          : NULL;
        if (bytes == NULL || read_all(bytes, head.length) != 0) {
            code = EXIT_PIPE;
            break;
        }
        worker.input.length = head.length;
        handle(&worker, head.kind);
    }
    tagua_sandbox_free(worker.sandbox);
    tagua_buffer_free(&worker.input);
    tagua_buffer_free(&worker.output);
    return code;
}
