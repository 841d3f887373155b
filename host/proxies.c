/* Whose word is taken for where a request came from. Owns the compiled list. */
#include "proxies.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An IPv4 address is kept as the IPv6 one that maps it, so that both ways of writing are the same. */
struct range {
    unsigned char bytes[16];
    unsigned bits; /* how many of them count */
};

struct tagua_proxies {
    size_t count;
    struct range list[];
};

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/* Reads an address. Whether it is one; *four: written as IPv4. */
static bool read_address(const char *text, unsigned char bytes[16], bool *four)
{
    struct in_addr v4;
    struct in6_addr v6;
    *four = inet_pton(AF_INET, text, &v4) == 1;
    if (*four) {
        memcpy(bytes, mapped, sizeof mapped);
        memcpy(bytes + sizeof mapped, &v4, 4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return false;
    memcpy(bytes, &v6, 16);
    return true;
}

static int read_range(const char *text, struct range *range)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    bool four;
    if (length >= sizeof address)
        return -1;
    memcpy(address, text, length);
    address[length] = '\0';
    if (!read_address(address, range->bytes, &four))
        return -1;
    range->bits = 128;
    if (slash == NULL)
        return 0;
    size_t digits = strlen(slash + 1);
    if (digits == 0 || digits > 3 || strspn(slash + 1, "0123456789") != digits)
        return -1;
    unsigned bits = (unsigned)strtoul(slash + 1, NULL, 10);
    if (bits > (four ? 32u : 128u))
        return -1;
    range->bits = four ? bits + 96 : bits;
    return 0;
}

struct tagua_proxies *tagua_proxies_new(const char *const *addresses, size_t count,
                                        struct tagua_error *error)
{
    struct tagua_proxies *proxies = calloc(1, sizeof *proxies + count * sizeof proxies->list[0]);
    if (proxies == NULL) {
        tagua_error_set(error, "EIO", "cannot keep the proxies' addresses: out of memory");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (read_range(addresses[i], &proxies->list[i]) == 0)
            continue;
        tagua_error_set(error, "EUSAGE",
                        "'%s' is no address of a proxy: write 10.0.0.7, 10.0.0.0/8 or an address "
                        "of IPv6",
                        addresses[i]);
        free(proxies);
        return NULL;
    }
    proxies->count = count;
    return proxies;
}

void tagua_proxies_free(struct tagua_proxies *proxies)
{
    free(proxies);
}

static bool within(const struct range *range, const unsigned char bytes[16])
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || ((range->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

static bool hold(const struct tagua_proxies *proxies, const unsigned char bytes[16])
{
    for (size_t i = 0; proxies != NULL && i < proxies->count; i++)
        if (within(&proxies->list[i], bytes))
            return true;
    return false;
}

bool tagua_proxies_hold(const struct tagua_proxies *proxies, const char *address)
{
    unsigned char bytes[16];
    bool four;
    return read_address(address, bytes, &four) && hold(proxies, bytes);
}

/* Writes an address as the system does, an IPv4 one as such. */
static void write_address(const unsigned char bytes[16], char *to, size_t size)
{
    bool four = memcmp(bytes, mapped, sizeof mapped) == 0;
    if (inet_ntop(four ? AF_INET : AF_INET6, four ? bytes + sizeof mapped : bytes, to,
                  (socklen_t)size) == NULL)
        snprintf(to, size, "?");
}

const char *tagua_proxies_from(const struct tagua_proxies *proxies, const char *peer,
                               const char *forwarded, char *from, size_t size)
{
    unsigned char bytes[16];
    bool four;
    if (!read_address(peer, bytes, &four)) {
        snprintf(from, size, "%s", peer);
        return from;
    }
    const char *end = forwarded != NULL ? forwarded + strlen(forwarded) : NULL;
    while (end != NULL && hold(proxies, bytes)) {
        const char *start = end;
        char address[INET6_ADDRSTRLEN];
        unsigned char before[16];
        while (start > forwarded && start[-1] != ',')
            start--;
        const char *first = start + strspn(start, " \t");
        size_t length = first < end ? strcspn(first, " \t,") : 0;
        if (length == 0 || length >= sizeof address)
            break;
        memcpy(address, first, length);
        address[length] = '\0';
        if (!read_address(address, before, &four))
            break;
        memcpy(bytes, before, sizeof bytes);
        end = start > forwarded ? start - 1 : NULL;
    }
    write_address(bytes, from, size);
    return from;
}
