/* Secrets: reading, counting, comparing, wiping, redacting. Owns the list of those that are alive;
 * the list is locked, for two Lua states in two threads share it. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define COMMAND_LIMIT_NS (120 * TAGUA_SECOND_NS)
#define SHOWN "[secret]"

extern char **environ;

struct tagua_secret {
    char *value;
    size_t length;
    char *source;
    unsigned references;
    struct tagua_secret *previous;
    struct tagua_secret *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tagua_secret *alive;

/* A secret out of `value`, which is wiped in any case. `prefix` and `name` make the source. */
static struct tagua_secret *secret_new(struct tagua_buffer *value, const char *prefix,
                                       const char *name, struct tagua_error *error)
{
    struct tagua_secret *secret = NULL;
    if (value->length > 0 && value->data[value->length - 1] == '\n')
        value->length--;
    if (value->length > 0 && value->data[value->length - 1] == '\r')
        value->length--;
    if (value->length < TAGUA_SECRET_MIN) {
        tagua_error_set(error, "ECONFIG",
                        "cannot take a secret from %s%s: it holds %zu bytes, %d are the least",
                        prefix, name, value->length, TAGUA_SECRET_MIN);
        goto out;
    }
    for (size_t i = 0; i < value->length; i++) {
        unsigned char byte = (unsigned char)value->data[i];
        if (byte >= 0x20 && byte != 0x7F)
            continue;
        tagua_error_set(error, "ECONFIG",
                        byte == '\n' || byte == '\r'
                            ? "cannot take a secret from %s%s: it holds more than one line; "
                              "give the secret's line alone"
                            : "cannot take a secret from %s%s: it holds a control character",
                        prefix, name);
        goto out;
    }
    secret = calloc(1, sizeof *secret);
    if (secret != NULL) {
        secret->value = malloc(value->length + 1);
        secret->source = malloc(strlen(prefix) + strlen(name) + 1);
    }
    if (secret == NULL || secret->value == NULL || secret->source == NULL) {
        if (secret != NULL) {
            free(secret->value);
            free(secret->source);
            free(secret);
        }
        secret = NULL;
        tagua_error_set(error, "EIO", "cannot keep the secret from %s%s: out of memory", prefix,
                        name);
        goto out;
    }
    memcpy(secret->value, value->data, value->length);
    secret->value[value->length] = '\0';
    secret->length = value->length;
    strcpy(secret->source, prefix);
    strcat(secret->source, name);
    secret->references = 1;
    pthread_mutex_lock(&lock);
    secret->next = alive;
    if (alive != NULL)
        alive->previous = secret;
    alive = secret;
    pthread_mutex_unlock(&lock);
out:
    tagua_buffer_wipe(value);
    return secret;
}

/* A buffer of its full size from the start: growing would leave copies behind. */
static char *value_buffer(struct tagua_buffer *value, struct tagua_error *error)
{
    tagua_buffer_init(value, TAGUA_SECRET_MAX + 2);
    char *room = tagua_buffer_reserve(value, TAGUA_SECRET_MAX + 2);
    if (room == NULL)
        tagua_error_set(error, "EIO", "cannot read a secret: out of memory");
    return room;
}

struct tagua_secret *tagua_secret_from_bytes(struct tagua_buffer *value, const char *kind,
                                             const char *name, struct tagua_error *error)
{
    return secret_new(value, kind, name, error);
}

struct tagua_secret *tagua_secret_from_environment(const char *name, struct tagua_error *error)
{
    const char *text = getenv(name);
    if (text == NULL || *text == '\0') {
        tagua_error_set(error, "ECONFIG",
                        "the environment variable '%s' is %s: set it to the secret and export it",
                        name, text == NULL ? "not set" : "empty");
        return NULL;
    }
    struct tagua_buffer value;
    if (value_buffer(&value, error) == NULL)
        return NULL;
    if (tagua_buffer_append_text(&value, text) != 0) {
        tagua_error_set(error, "ECONFIG",
                        "cannot take a secret from the environment variable '%s': longer than "
                        "64 KiB",
                        name);
        tagua_buffer_wipe(&value);
        return NULL;
    }
    return secret_new(&value, "environment variable ", name, error);
}

/* Reads `descriptor` to its end or the cap. 0, or -1 with errno (EFBIG: more than the cap,
 * ETIMEDOUT: the deadline passed). */
static int read_all(int descriptor, struct tagua_buffer *value, int64_t deadline_ns)
{
    for (;;) {
        if (deadline_ns > 0) {
            int64_t left = deadline_ns - tagua_clock_monotonic_ns();
            if (left <= 0) {
                errno = ETIMEDOUT;
                return -1;
            }
            struct pollfd wait = {.fd = descriptor, .events = POLLIN};
            int ready = poll(&wait, 1, (int)(left / TAGUA_MILLISECOND_NS) + 1);
            if (ready == 0 || (ready < 0 && errno == EINTR))
                continue;
        }
        size_t room = value->max - value->length;
        if (room == 0) {
            errno = EFBIG;
            return -1;
        }
        ssize_t got = read(descriptor, value->data + value->length, room);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            value->length += (size_t)got;
    }
}

struct tagua_secret *tagua_secret_from_file(const char *path, struct tagua_error *error)
{
    struct tagua_secret *secret = NULL;
    struct tagua_buffer value;
    /* Not blocking, so that a named pipe does not hold the program up before it is refused. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        tagua_error_set(error, "ECONFIG", "cannot read the secret's file '%s': %s", path,
                        strerror(errno));
        return NULL;
    }
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        tagua_error_set(error, "ECONFIG", "the secret's file '%s' is not a regular file", path);
        goto out;
    }
    if ((status.st_mode & 077) != 0) {
        tagua_error_set(error, "ECONFIG",
                        "the secret's file '%s' can be read by others (mode %03o): chmod 600 it",
                        path, (unsigned)(status.st_mode & 0777));
        goto out;
    }
    if (value_buffer(&value, error) == NULL)
        goto out;
    if (read_all(file, &value, 0) != 0) {
        tagua_error_set(error, "ECONFIG", "cannot read the secret's file '%s': %s", path,
                        errno == EFBIG ? "longer than 64 KiB" : strerror(errno));
        tagua_buffer_wipe(&value);
        goto out;
    }
    secret = secret_new(&value, "file ", path, error);
out:
    close(file);
    return secret;
}

/* Starts `sh -c line` with its output in a pipe. 0, or -1 with errno. */
static int start_command(const char *line, pid_t *child, int *output)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure == 0) {
        failure = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(line), NULL};
        if (arguments[2] == NULL)
            failure = ENOMEM;
        if (failure == 0)
            failure = posix_spawn(child, "/bin/sh", &actions, NULL, arguments, environ);
        free(arguments[2]);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (failure != 0) {
        close(ends[0]);
        errno = failure;
        return -1;
    }
    *output = ends[0];
    return 0;
}

struct tagua_secret *tagua_secret_from_command(const char *line, struct tagua_error *error)
{
    struct tagua_buffer value;
    if (value_buffer(&value, error) == NULL)
        return NULL;
    pid_t child = 0;
    int output = -1;
    if (start_command(line, &child, &output) != 0) {
        tagua_error_set(error, "ECONFIG", "cannot run the secret's command '%s': %s", line,
                        strerror(errno));
        tagua_buffer_wipe(&value);
        return NULL;
    }
    int failure = 0;
    if (read_all(output, &value, tagua_clock_monotonic_ns() + COMMAND_LIMIT_NS) != 0)
        failure = errno;
    close(output);
    if (failure != 0)
        kill(child, SIGTERM);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (failure != 0) {
        tagua_error_set(error, "ECONFIG", "cannot read what the secret's command '%s' prints: %s",
                        line,
                        failure == EFBIG       ? "longer than 64 KiB"
                        : failure == ETIMEDOUT ? "it took more than two minutes"
                                               : strerror(failure));
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        failure = ECHILD;
        tagua_error_set(error, "ECONFIG",
                        "the secret's command '%s' failed (%s %d): run it by hand to see why", line,
                        WIFEXITED(status) ? "exit code" : "signal",
                        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    if (failure != 0) {
        tagua_buffer_wipe(&value);
        return NULL;
    }
    return secret_new(&value, "command ", line, error);
}

struct tagua_secret *tagua_secret_random(struct tagua_error *error)
{
    unsigned char bytes[32];
    struct tagua_buffer value;
    if (value_buffer(&value, error) == NULL)
        return NULL;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        tagua_error_set(error, "EIO", "cannot make a random secret: %s", strerror(errno));
        tagua_buffer_wipe(&value);
        return NULL;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        value.data[value.length++] = "0123456789abcdef"[bytes[i] >> 4];
        value.data[value.length++] = "0123456789abcdef"[bytes[i] & 15];
    }
    explicit_bzero(bytes, sizeof bytes);
    return secret_new(&value, "the kernel's random generator", "", error);
}

struct tagua_secret *tagua_secret_retain(struct tagua_secret *secret)
{
    pthread_mutex_lock(&lock);
    secret->references++;
    pthread_mutex_unlock(&lock);
    return secret;
}

void tagua_secret_release(struct tagua_secret *secret)
{
    if (secret == NULL)
        return;
    pthread_mutex_lock(&lock);
    bool last = --secret->references == 0;
    if (last) {
        if (secret->previous != NULL)
            secret->previous->next = secret->next;
        else
            alive = secret->next;
        if (secret->next != NULL)
            secret->next->previous = secret->previous;
    }
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    explicit_bzero(secret->value, secret->length);
    free(secret->value);
    free(secret->source);
    free(secret);
}

const char *tagua_secret_source(const struct tagua_secret *secret)
{
    return secret->source;
}

const char *tagua_secret_value(const struct tagua_secret *secret, size_t *length)
{
    *length = secret->length;
    return secret->value;
}

void tagua_sha256_hex(const void *bytes, size_t length, char hex[TAGUA_SHA256_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    EVP_Digest(bytes, length, digest, &digest_length, EVP_sha256(), NULL);
    for (size_t i = 0; i < TAGUA_SHA256_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[TAGUA_SHA256_HEX - 1] = '\0';
}

void tagua_secret_sha256(const struct tagua_secret *secret, char hex[TAGUA_SHA256_HEX])
{
    tagua_sha256_hex(secret->value, secret->length, hex);
}

void tagua_secret_hmac(const struct tagua_secret *secret, const void *bytes, size_t length,
                       unsigned char digest[TAGUA_SHA256_BYTES])
{
    unsigned digest_length = TAGUA_SHA256_BYTES;
    HMAC(EVP_sha256(), secret->value, (int)secret->length, bytes, length, digest, &digest_length);
}

bool tagua_secret_equal(const void *left, size_t left_length, const void *right,
                        size_t right_length)
{
    return left_length == right_length &&
           (left_length == 0 || CRYPTO_memcmp(left, right, left_length) == 0);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* How many bytes at `text` write the byte `wanted`, plainly or escaped; 0 when they don't. */
static size_t written_as(const char *text, size_t left, char wanted)
{
    if (text[0] == wanted && wanted != '\\')
        return 1;
    if (left >= 3 && text[0] == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0 &&
        hex_digit(text[1]) * 16 + hex_digit(text[2]) == (unsigned char)wanted)
        return 3;
    if (left >= 2 && text[0] == '\\') {
        if (text[1] == wanted && (wanted == '/' || wanted == '"' || wanted == '\\'))
            return 2;
        if (left >= 6 && text[1] == 'u' && text[2] == '0' && text[3] == '0' &&
            hex_digit(text[4]) >= 0 && hex_digit(text[5]) >= 0 &&
            hex_digit(text[4]) * 16 + hex_digit(text[5]) == (unsigned char)wanted)
            return 6;
    }
    return text[0] == wanted ? 1 : 0;
}

/* How many bytes at `text` write this secret; 0 when they don't. */
static size_t secret_at(const struct tagua_secret *secret, const char *text, size_t left)
{
    size_t used = 0;
    for (size_t i = 0; i < secret->length; i++) {
        if (used >= left)
            return 0;
        size_t step = written_as(text + used, left - used, secret->value[i]);
        if (step == 0)
            return 0;
        used += step;
    }
    return used;
}

int tagua_secret_redact(const char *text, size_t length, struct tagua_buffer *out)
{
    int result = 0;
    size_t kept = 0; /* all before this is in `out` */
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < length && alive != NULL && result == 0;) {
        size_t longest = 0;
        for (const struct tagua_secret *secret = alive; secret != NULL; secret = secret->next) {
            size_t used = secret_at(secret, text + i, length - i);
            if (used > longest)
                longest = used;
        }
        if (longest == 0) {
            i++;
            continue;
        }
        if (tagua_buffer_append(out, text + kept, i - kept) != 0 ||
            tagua_buffer_append_text(out, SHOWN) != 0)
            result = -1;
        i += longest;
        kept = i;
    }
    pthread_mutex_unlock(&lock);
    if (result == 0)
        result = tagua_buffer_append(out, text + kept, length - kept);
    return result;
}

void tagua_secret_redact_in_place(char *text, size_t size)
{
    struct tagua_buffer out;
    size_t length = strlen(text);
    /* Each secret of at least TAGUA_SECRET_MIN bytes can become sizeof SHOWN - 1. */
    tagua_buffer_init(&out, length * sizeof SHOWN + 1);
    if (tagua_secret_redact(text, length, &out) != 0) {
        text[0] = '\0'; /* rather nothing than a secret */
    } else if (out.length > 0) {
        size_t kept = out.length < size ? out.length : size - 1;
        while (kept < out.length && kept > 0 && ((unsigned char)out.data[kept] & 0xC0) == 0x80)
            kept--;
        memcpy(text, out.data, kept);
        text[kept] = '\0';
    }
    tagua_buffer_wipe(&out);
}

int tagua_secret_keep(const struct tagua_secret *secret, const char *path, struct tagua_error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return tagua_error_set(error, "EIO", "cannot make the file '%s': %s", path, strerror(errno));
    /* One write: nothing can come between the value and its newline. */
    struct iovec pieces[] = {{secret->value, secret->length}, {"\n", 1}};
    ssize_t written = writev(file, pieces, 2);
    int failure = written < 0 ? errno : (size_t)written != secret->length + 1 ? ENOSPC : 0;
    if (fsync(file) != 0 && failure == 0)
        failure = errno;
    close(file);
    if (failure == 0)
        return 0;
    unlink(path);
    return tagua_error_set(error, "EIO", "cannot write '%s': %s", path, strerror(failure));
}
