/* A lock between processes. Owns one descriptor, which no started program inherits. */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tagua_lock {
    int descriptor;
};

/* A holder that has just come writes its text a moment after it took the lock. */
enum { TEXT_ATTEMPTS = 10, TEXT_WAIT_MS = 5 };

static int fail(const char *path, const char *doing, struct tagua_error *error)
{
    return tagua_error_set(error, "EIO", "cannot %s the lock file '%s': %s", doing, path,
                           strerror(errno));
}

/* The lock belongs to the open file, not to the process as POSIX's own does: closing another
 * descriptor of the same file does not drop it, and two holders in one process exclude each
 * other. */
static int lock_file(int descriptor)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result;
    do
        result = fcntl(descriptor, F_OFD_SETLK, &whole);
    while (result != 0 && errno == EINTR);
    return result;
}

static void read_holder(int descriptor, char *holder, size_t size)
{
    for (int i = 0; i < TEXT_ATTEMPTS; i++) {
        ssize_t got = pread(descriptor, holder, size - 1, 0);
        holder[got > 0 ? got : 0] = '\0';
        if (got > 0)
            return;
        poll(NULL, 0, TEXT_WAIT_MS);
    }
}

static int write_holder(int descriptor, const char *text, size_t length)
{
    if (ftruncate(descriptor, 0) != 0)
        return -1;
    ssize_t wrote = pwrite(descriptor, text, length, 0);
    if (wrote >= 0 && (size_t)wrote < length)
        errno = ENOSPC;
    return wrote >= 0 && (size_t)wrote == length ? 0 : -1;
}

int tagua_lock_try(const char *path, const char *text, size_t length, struct tagua_lock **out_lock,
                   char *holder, size_t size, struct tagua_error *error)
{
    *out_lock = NULL;
    holder[0] = '\0';
    if (length > TAGUA_LOCK_MAX_TEXT)
        return tagua_error_set(error, "ETOOBIG",
                               "cannot write %zu bytes into the lock file '%s': at most %d",
                               length, path, TAGUA_LOCK_MAX_TEXT);
    int status = -1;
    struct tagua_lock *lock = NULL;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (descriptor < 0)
        return fail(path, "open", error);
    struct stat about;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        tagua_error_set(error, "EIO", "cannot lock '%s': it is not a regular file", path);
        goto out;
    }
    if (lock_file(descriptor) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            read_holder(descriptor, holder, size);
            status = 1;
        } else {
            fail(path, "lock", error);
        }
        goto out;
    }
    lock = malloc(sizeof *lock);
    if (lock == NULL) {
        tagua_error_set(error, "EIO", "cannot lock '%s': out of memory", path);
        goto out;
    }
    if (write_holder(descriptor, text, length) != 0) {
        fail(path, "write to", error);
        goto out;
    }
    lock->descriptor = descriptor;
    *out_lock = lock;
    return 0;
out:
    free(lock);
    close(descriptor);
    return status;
}

void tagua_lock_release(struct tagua_lock *lock)
{
    if (lock == NULL)
        return;
    /* Best effort: what a holder leaves behind is overwritten by the next one. */
    if (ftruncate(lock->descriptor, 0) != 0)
        errno = 0;
    close(lock->descriptor);
    free(lock);
}
