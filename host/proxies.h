/* Whose word is taken for where a request came from: addresses of proxies, and what follows from their
 * X-Forwarded-For. Pure. */
#ifndef TAGUA_PROXIES_H
#define TAGUA_PROXIES_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct tagua_proxies;

/* Compiles `count` addresses, each "10.0.0.7", "10.0.0.0/8" or the same of IPv6. NULL with *error
 * (EUSAGE, naming the one that is none; EIO without memory). */
struct tagua_proxies *tagua_proxies_new(const char *const *addresses, size_t count,
                                        struct tagua_error *error);

void tagua_proxies_free(struct tagua_proxies *proxies); /* NULL is fine */

/* Whether an address is one of them. */
bool tagua_proxies_hold(const struct tagua_proxies *proxies, const char *address);

/* Where a request came from: `peer` itself, unless it is a proxy; then the last address of
 * `forwarded` (the header's value; NULL: none) that is not a proxy's. Writes it to `from` as the
 * system writes addresses, and returns `from`. What is no address ends the search: before it
 * anybody may have written anything. */
const char *tagua_proxies_from(const struct tagua_proxies *proxies, const char *peer,
                               const char *forwarded, char *from, size_t size);

#endif
