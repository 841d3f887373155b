/* Listening sockets: from the address that a person wrote to an open descriptor.
 * Owns nothing: the caller closes the descriptor, and calls tagua_listen_remove for its path. */
#ifndef TAGUA_LISTEN_H
#define TAGUA_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct tagua_listen {
    int fd;              /* non-blocking, close-on-exec */
    char address[256];   /* as a client writes it: "127.0.0.1:8080", "[::1]:8080", "unix:/path" */
    dev_t device;        /* of a Unix socket's file, so that only our own is removed */
    ino_t inode;         /* 0 for TCP */
};

/* Binds and listens on "HOST:PORT", "[IPV6]:PORT" (port 0: any free one) or "unix:PATH", whose
 * file is made with mode 0600, or with 0660 where the file's group may connect, too. A socket file
 * that nobody answers on any more is replaced.
 * Returns 0, or -1 with EUSAGE (the address makes no sense) or ENETWORK (it can't be had). */
int tagua_listen_open(struct tagua_listen *listener, const char *address, bool group,
                      struct tagua_error *error);

/* Removes the Unix socket's file if it is still the one that was made. Safe to call twice. */
void tagua_listen_remove(struct tagua_listen *listener);

#endif
