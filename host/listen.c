/* Listening sockets on TCP and in the file system. Owns a descriptor only until it hands it out. */
#define _DEFAULT_SOURCE
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, PATH_MAX_UNIX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

/* Whether something answers on the socket file. */
static bool answers(const struct sockaddr_un *where)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    int failed = connect(fd, (const struct sockaddr *)where, sizeof *where) != 0;
    bool refused = failed && errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

/* Makes way for the socket file: removes one that a dead process left behind. */
static int make_way(const struct sockaddr_un *where, struct tagua_error *error)
{
    struct stat status;
    if (lstat(where->sun_path, &status) != 0)
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return tagua_error_set(error, "EUSAGE",
                               "cannot listen on 'unix:%s': a file of that name exists and is not "
                               "a socket; give another path",
                               where->sun_path);
    if (answers(where))
        return tagua_error_set(error, "ENETWORK",
                               "cannot listen on 'unix:%s': another process is listening there; "
                               "stop it or give another path",
                               where->sun_path);
    unlink(where->sun_path);
    return 0;
}

static int open_unix(struct tagua_listen *listener, const char *path, bool group,
                     struct tagua_error *error)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length > PATH_MAX_UNIX)
        return tagua_error_set(error, "EUSAGE",
                               "cannot listen on 'unix:%s': the path must have 1 to %d bytes", path,
                               (int)PATH_MAX_UNIX);
    memcpy(where.sun_path, path, length + 1);
    if (make_way(&where, error) != 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat status;
    /* On Linux the mode of an unbound socket is the mode that its file gets, less the umask:
     * nobody else can connect, not even between bind and chmod. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&where, sizeof where) != 0 ||
        (group && chmod(path, 0660) != 0) ||
        listen(fd, BACKLOG) != 0 || stat(path, &status) != 0) {
        tagua_error_set(error, "EUSAGE", "cannot listen on 'unix:%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    listener->fd = fd;
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    snprintf(listener->address, sizeof listener->address, "unix:%s", path);
    return 0;
}

/* Splits "HOST:PORT" or "[HOST]:PORT". Returns whether it has that form. */
static bool split(const char *address, char host[128], char port[8])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || strlen(colon + 1) == 0 || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    const char *start = address;
    size_t length = (size_t)(colon - address);
    if (address[0] == '[') {
        if (length < 3 || colon[-1] != ']')
            return false;
        start++;
        length -= 2;
    } else if (memchr(address, ':', length) != NULL) {
        return false;
    }
    if (length == 0 || length >= 128)
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    snprintf(port, 8, "%s", colon + 1);
    return true;
}

/* Writes the address that was really bound: the port may have been 0. */
static void name_bound(struct tagua_listen *listener)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[128];
    char port[8];
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &size) != 0 ||
        getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(listener->address, sizeof listener->address,
             bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int open_tcp(struct tagua_listen *listener, const char *address, struct tagua_error *error)
{
    char host[128];
    char port[8];
    if (!split(address, host, port) || strtol(port, NULL, 10) > 65535)
        return tagua_error_set(error, "EUSAGE",
                               "cannot listen on '%s': write ADDRESS:PORT, such as "
                               "127.0.0.1:8080, or unix:PATH",
                               address);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0 && strchr(host, ':') != NULL) { /* AI_ADDRCONFIG hides ::1 on IPv4 hosts */
        hints.ai_flags = AI_PASSIVE;
        failed = getaddrinfo(host, port, &hints, &found);
    }
    if (failed != 0)
        return tagua_error_set(error, "EUSAGE", "cannot listen on '%s': no such address here: %s",
                               address, gai_strerror(failed));
    int yes = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        bool used = errno == EADDRINUSE;
        tagua_error_set(error, used ? "ENETWORK" : "EUSAGE", "cannot listen on '%s': %s%s", address,
                        strerror(errno),
                        used ? "; stop what listens there, or give another port (0: any free one)" : "");
        freeaddrinfo(found);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    freeaddrinfo(found);
    listener->fd = fd;
    snprintf(listener->address, sizeof listener->address, "%s", address);
    name_bound(listener);
    return 0;
}

int tagua_listen_open(struct tagua_listen *listener, const char *address, bool group,
                      struct tagua_error *error)
{
    *listener = (struct tagua_listen){.fd = -1};
    if (strncmp(address, "unix:", 5) == 0)
        return open_unix(listener, address + 5, group, error);
    return open_tcp(listener, address, error);
}

void tagua_listen_remove(struct tagua_listen *listener)
{
    struct stat status;
    if (listener->inode == 0)
        return;
    const char *path = listener->address + 5;
    if (lstat(path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        unlink(path);
    listener->inode = 0;
}
