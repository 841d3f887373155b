/* Libraries that are loaded when they are first used: loading libcurl and libmicrohttpd, with the thirty others that
 * they bring, takes longer than most commands, and workers never use them. Nothing here is undone. */
#ifndef TAGUA_LATE_H
#define TAGUA_LATE_H

#include <stddef.h>

#include "error.h"

/* A function of a library and where its address goes. */
struct tagua_late {
    const char *name;
    void *to; /* a pointer to a function */
};

/* Fills all of them, out of the library of that file name. -1 with EIO, naming what is missing. */
int tagua_late_load(const char *library, const struct tagua_late *functions, size_t count,
                    struct tagua_error *error);

#endif
