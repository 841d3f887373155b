/* Signed tokens: JSON Web Tokens with HMAC-SHA256 (RFC 7519), made and verified. Pure: the time is an
 * argument, and what a valid token may do is its reader's business. */
#ifndef TAGUA_JWT_HS256_H
#define TAGUA_JWT_HS256_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* A key has at least as many bytes as the hash (RFC 7518, 3.2). */
#define TAGUA_JWT_KEY_MIN ((size_t)32)
#define TAGUA_JWT_KEY_MAX ((size_t)1024)
#define TAGUA_JWT_MAX ((size_t)4096) /* a longer token is refused unread */

struct tagua_jwt_claims {
    char subject[256];  /* sub */
    int64_t serial;     /* a claim of our own, `serial`: which token of the subject's this is */
    int64_t issued;     /* iat, seconds since the epoch */
    int64_t expires;    /* exp, likewise */
};

/* Makes a token. Returns a NUL-terminated text for the caller to free(), or NULL. */
char *tagua_jwt_sign(const struct tagua_jwt_claims *claims, const void *key, size_t key_length,
                     struct tagua_error *error);

/* Verifies the signature, and that the algorithm is HS256 and nothing else, and reads the claims.
 * Does not look at the time: compare `expires`. Returns 0, or -1 with EAUTH. */
int tagua_jwt_verify(const char *token, const void *key, size_t key_length,
                     struct tagua_jwt_claims *claims, struct tagua_error *error);

#endif
