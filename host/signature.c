/* Signatures of incoming requests. Owns nothing; the digest is wiped, for it would sign. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { WRITTEN_MOST = 2 * EVP_MAX_MD_SIZE + 1 };

/* Writes the digest as the signer does -> its length. */
static size_t write_digest(enum tagua_signature_encoding encoding, const unsigned char *digest,
                           size_t size, char to[WRITTEN_MOST])
{
    if (encoding == TAGUA_SIGNATURE_BASE64)
        return (size_t)EVP_EncodeBlock((unsigned char *)to, digest, (int)size);
    for (size_t i = 0; i < size; i++) {
        to[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return 2 * size;
}

bool tagua_signature_signs(const struct tagua_signature *signature,
                           const struct tagua_secret *secret, const void *bytes, size_t length,
                           const char *given)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char wanted[WRITTEN_MOST], lower[WRITTEN_MOST];
    size_t prefix = strlen(signature->prefix), key_length;
    if (given == NULL)
        return false;
    if (strncmp(given, signature->prefix, prefix) == 0)
        given += prefix;
    else if (!signature->prefix_optional)
        return false;
    size_t given_length = strnlen(given, WRITTEN_MOST);
    if (given_length >= WRITTEN_MOST)
        return false;
    const EVP_MD *hash = signature->hash == TAGUA_HMAC_SHA1     ? EVP_sha1()
                         : signature->hash == TAGUA_HMAC_SHA512 ? EVP_sha512()
                                                                : EVP_sha256();
    const char *key = tagua_secret_value(secret, &key_length);
    if (HMAC(hash, key, (int)key_length, bytes, length, digest, &size) == NULL)
        return false;
    size_t wanted_length = write_digest(signature->encoding, digest, size, wanted);
    for (size_t i = 0; i < given_length; i++) {
        bool upper = given[i] >= 'A' && given[i] <= 'F';
        lower[i] = signature->encoding == TAGUA_SIGNATURE_HEX && upper
                       ? (char)(given[i] - 'A' + 'a')
                       : given[i];
    }
    bool right = tagua_secret_equal(wanted, wanted_length, lower, given_length);
    explicit_bzero(digest, sizeof digest);
    explicit_bzero(wanted, sizeof wanted);
    return right;
}
