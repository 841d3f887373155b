/* Percent-encoding of addresses (RFC 3986). Pure. */
#ifndef TAGUA_PERCENT_H
#define TAGUA_PERCENT_H

#include <stddef.h>

/* Decodes %XX in a NUL-terminated text and returns the length; what is not %XX stays as it is.
 * `out` has room for strlen(text) bytes; no NUL is added, and %00 may have given some. */
size_t tagua_percent_decode(char *out, const char *text);

#endif
