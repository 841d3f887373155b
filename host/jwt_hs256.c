/* Signed tokens over libjwt; the only file that knows it. Owns nothing between calls. */
#include "jwt_hs256.h"

#include <errno.h>
#include <jwt.h>
#include <string.h>

char *tagua_jwt_sign(const struct tagua_jwt_claims *claims, const void *key, size_t key_length,
                     struct tagua_error *error)
{
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (key_length >= TAGUA_JWT_KEY_MIN && key_length <= TAGUA_JWT_KEY_MAX && jwt_new(&jwt) == 0 &&
        jwt_add_grant(jwt, "sub", claims->subject) == 0 &&
        jwt_add_grant_int(jwt, "serial", (long)claims->serial) == 0 &&
        jwt_add_grant_int(jwt, "iat", (long)claims->issued) == 0 &&
        jwt_add_grant_int(jwt, "exp", (long)claims->expires) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, key, (int)key_length) == 0)
        token = jwt_encode_str(jwt);
    if (token == NULL)
        tagua_error_set(error, "EAUTH", "cannot sign a token: the key or the memory is too small");
    jwt_free(jwt);
    return token;
}

/* An integer claim; a token without it has none of the other claims' worth, either. */
static int read_integer(jwt_t *jwt, const char *name, int64_t *value)
{
    errno = 0;
    *value = jwt_get_grant_int(jwt, name);
    return errno == 0 && *value >= 0 ? 0 : -1;
}

int tagua_jwt_verify(const char *token, const void *key, size_t key_length,
                     struct tagua_jwt_claims *claims, struct tagua_error *error)
{
    jwt_t *jwt = NULL;
    int result = -1;
    *claims = (struct tagua_jwt_claims){.serial = 0};
    if (key_length < TAGUA_JWT_KEY_MIN || key_length > TAGUA_JWT_KEY_MAX ||
        strlen(token) > TAGUA_JWT_MAX || jwt_decode(&jwt, token, key, (int)key_length) != 0 ||
        jwt_get_alg(jwt) != JWT_ALG_HS256)
        goto out;
    const char *subject = jwt_get_grant(jwt, "sub");
    if (subject == NULL || strlen(subject) >= sizeof claims->subject ||
        read_integer(jwt, "serial", &claims->serial) != 0 ||
        read_integer(jwt, "iat", &claims->issued) != 0 ||
        read_integer(jwt, "exp", &claims->expires) != 0)
        goto out;
    memcpy(claims->subject, subject, strlen(subject) + 1);
    result = 0;
out:
    if (result != 0)
        tagua_error_set(error, "EAUTH", "the token is not one that was signed here");
    jwt_free(jwt);
    return result;
}
