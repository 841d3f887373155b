/* The times in a signed token, for who was given one: what a JSON Web Token says of itself, its
 * signature unseen. Good for a warning and for a refresh ahead of time, and for nothing that trusts
 * it. Pure. */
#ifndef TAGUA_CLAIMS_H
#define TAGUA_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

struct tagua_claims {
    int64_t issued;  /* iat, seconds since the epoch; 0: not said */
    int64_t expires; /* exp, likewise */
};

/* Reads them. Returns 0, or -1 when it is no such token or says nothing of when it ends; then all
 * is 0. What was decoded is wiped. */
int tagua_claims_read(const char *token, size_t length, struct tagua_claims *claims);

#endif
