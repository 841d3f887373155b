/* Asking for a secret. Owns the terminal's settings while it asks, and puts them back. */
#define _DEFAULT_SOURCE
#include "ask.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "buffer.h"

/* Reads up to the end of the line, a byte at a time: what follows is for the next question. 0, or
 * errno. */
static int read_line(struct tagua_buffer *line)
{
    for (;;) {
        char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0)
            return errno;
        if (got == 0 || byte == '\n')
            return 0;
        if (tagua_buffer_append(line, &byte, 1) != 0)
            return EFBIG;
    }
}

struct tagua_secret *tagua_ask_secret(const char *prompt, const char *name,
                                      struct tagua_error *error)
{
    struct tagua_buffer line;
    struct termios before, silent;
    bool terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0;
    tagua_buffer_init(&line, TAGUA_SECRET_MAX + 1);
    if (tagua_buffer_reserve(&line, line.max) == NULL) {
        tagua_error_set(error, "EIO", "cannot ask for the %s: out of memory", name);
        return NULL;
    }
    if (terminal) {
        /* Without the keys that send signals, too: whatever ends this puts the echo back. */
        silent = before;
        silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        fprintf(stderr, "%s", prompt);
        fflush(stderr);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
    }
    int failure = read_line(&line);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        fprintf(stderr, "\n");
    }
    bool given_up = false;
    for (size_t i = 0; terminal && i < line.length; i++)
        given_up = given_up || line.data[i] == before.c_cc[VINTR];
    if (failure == 0 && !given_up)
        return tagua_secret_from_bytes(&line, "standard input: the ", name, error);
    tagua_buffer_wipe(&line);
    if (failure == EINTR || given_up)
        tagua_error_set(error, "EINTERRUPTED", "interrupted; nothing was changed");
    else
        tagua_error_set(error, "ECONFIG", "cannot read the %s from standard input: %s", name,
                        failure == EFBIG ? "the line is longer than 64 KiB" : "it can't be read");
    return NULL;
}
