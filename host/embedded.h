/* The Lua modules that are built into the executable. Generated at build time by embed.lua. */
#ifndef TAGUA_EMBEDDED_H
#define TAGUA_EMBEDDED_H

#include <stddef.h>

struct tagua_embedded {
    const char *name; /* as in require */
    const char *file; /* for messages: lua/tagua/plan.lua */
    const unsigned char *source;
    size_t length;
};

/* Ends with an entry whose name is NULL. */
extern const struct tagua_embedded tagua_embedded_modules[];

/* The module of that name, or NULL. */
const struct tagua_embedded *tagua_embedded_find(const char *name);

#endif
