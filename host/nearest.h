/* The nearest of the names that exist, for error messages: "did you mean". Pure. */
#ifndef TAGUA_NEAREST_H
#define TAGUA_NEAREST_H

#include <stddef.h>

/* How many characters must be put in, taken out, changed or swapped with the next one to make one
 * name of the other; ASCII letters in either case are equal. Names beyond 64 characters are
 * compared by their first 64. */
size_t tagua_nearest_distance(const char *a, const char *b);

/* The nearest of `count` names, or NULL when none is near enough to be meant. The answer is one
 * of the pointers given. */
const char *tagua_nearest(const char *name, const char *const *names, size_t count);

#endif
