/* A lock between processes: the kernel's, on a file that stays where it is. It is gone with the
 * process that holds it, however that ends, so a file left behind means nothing. */
#ifndef TAGUA_LOCK_H
#define TAGUA_LOCK_H

#include <stddef.h>

#include "error.h"

#define TAGUA_LOCK_MAX_TEXT 4096

struct tagua_lock; /* a held lock; owned by who took it: tagua_lock_release */

/* Takes the lock on `path` (made with mode 0600 when missing; its folder must exist) and writes
 * `text`, who holds it, into the file for the others to read. Never waits.
 * Returns 0 and *lock; 1 when somebody else (in this process too) holds it, with what they wrote
 * in holder, cut to `size` bytes with its NUL, empty when they wrote nothing; or -1: EIO. */
int tagua_lock_try(const char *path, const char *text, size_t length, struct tagua_lock **lock,
                   char *holder, size_t size, struct tagua_error *error);

/* Empties the file and lets go of the lock. NULL is fine. */
void tagua_lock_release(struct tagua_lock *lock);

#endif
