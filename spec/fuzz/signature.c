/* Fuzzes the check of signatures and of where a request came from: the right signature is taken for every body, every
 * other text is not, and no header makes an address out of what is none. */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proxies.h"
#include "signature.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char key[] = "the-secret-of-the-fuzzer";

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static struct tagua_secret *make_secret(void)
{
    struct tagua_buffer value;
    struct tagua_error error;
    tagua_buffer_init(&value, sizeof key);
    tagua_buffer_append_text(&value, key);
    return tagua_secret_from_bytes(&value, "the ", "fuzzer", &error);
}

/* The signature as the sender writes it, by another way than the unit's own. */
static void sign(const struct tagua_signature *signature, const void *body, size_t length,
                 char text[300])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const char *names[] = {"SHA1", "SHA256", "SHA512"};
    HMAC(EVP_get_digestbyname(names[signature->hash]), key, (int)strlen(key), body, length, digest,
         &size);
    size_t at = (size_t)snprintf(text, 300, "%s", signature->prefix);
    if (signature->encoding == TAGUA_SIGNATURE_BASE64) {
        EVP_EncodeBlock((unsigned char *)text + at, digest, (int)size);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        at += (size_t)snprintf(text + at, 300 - at, i % 2 == 0 ? "%02x" : "%02X", digest[i]);
}

static void check_from(const char *forwarded)
{
    static const char *const addresses[] = {"127.0.0.1", "10.0.0.0/8", "2001:db8::/33"};
    static struct tagua_proxies *proxies;
    struct tagua_error error;
    char from[64];
    unsigned char bytes[16];
    if (proxies == NULL)
        proxies = tagua_proxies_new(addresses, 3, &error);
    tagua_proxies_from(proxies, "127.0.0.1", forwarded, from, sizeof from);
    if (inet_pton(AF_INET, from, bytes) != 1 && inet_pton(AF_INET6, from, bytes) != 1)
        fail("a request is from what is no address");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct tagua_secret *secret;
    char right[300], given[200];
    if (secret == NULL)
        secret = make_secret();
    if (size < 2)
        return 0;
    static const char *const prefixes[] = {"", "sha256=", "v1,"};
    const struct tagua_signature signature = {
        .hash = (enum tagua_signature_hash)(data[0] % 3),
        .encoding = (enum tagua_signature_encoding)(data[0] / 3 % 2),
        .prefix = prefixes[data[0] / 6 % 3],
        .prefix_optional = data[0] >= 128,
    };
    size_t length = data[1] % (size - 1);
    const unsigned char *body = data + 2 + length;
    size_t body_length = size - 2 - length;
    sign(&signature, body, body_length, right);
    if (!tagua_signature_signs(&signature, secret, body, body_length, right))
        fail("the right signature is refused");
    length = length < sizeof given ? length : sizeof given - 1;
    memcpy(given, data + 2, length);
    given[length] = '\0';
    if (tagua_signature_signs(&signature, secret, body, body_length, given) &&
        strcasecmp(given, right) != 0 && strcasecmp(given, right + strlen(signature.prefix)) != 0)
        fail("a wrong signature is taken");
    check_from(given);
    return 0;
}
