/* Signatures of incoming requests: whether a text is the HMAC of some bytes under a secret. Pure, and
 * compares in a time that depends on lengths alone. */
#ifndef TAGUA_SIGNATURE_H
#define TAGUA_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "secret.h"

enum tagua_signature_hash { TAGUA_HMAC_SHA1, TAGUA_HMAC_SHA256, TAGUA_HMAC_SHA512 };
enum tagua_signature_encoding { TAGUA_SIGNATURE_HEX, TAGUA_SIGNATURE_BASE64 };

/* How somebody signs. */
struct tagua_signature {
    enum tagua_signature_hash hash;
    enum tagua_signature_encoding encoding; /* digits of either case; Base64 with its padding */
    const char *prefix;                     /* what stands before the digest; "": nothing */
    bool prefix_optional;                   /* it may be left out */
};

/* Whether `given` (NULL: it never is) signs the bytes. */
bool tagua_signature_signs(const struct tagua_signature *signature,
                           const struct tagua_secret *secret, const void *bytes, size_t length,
                           const char *given);

#endif
