/* The HTTP client over libcurl. Owns the multi handle, the easy handles, which are used again and
 * again, and the header lists, the one with the credential among them.
 *
 * libcurl repeats a request by itself when a connection that was used before closes ahead of the
 * first byte of the answer. It must not: that byte's absence does not mean that nothing was done.
 * The pre-request callback runs each time a request is about to be written, and refuses the second
 * time; the exchange then ends as lost. (A seek callback that fails stops the repetition only of a
 * body that was begun.) The same callback tells exactly whether a byte may have left: none does
 * before it ran.
 *
 * It speaks HTTP/1.1, over TLS too. A server that closes an HTTP/2 connection in good order refuses
 * the streams that it did not begin, and libcurl gives no sign by which those could be told from
 * lost ones: with an nginx that does so every 500 requests, 206 of 5,000 came back as lost that
 * had never been read, and none of 5,000 over HTTP/1.1, which is the faster of the two besides. */
#define _GNU_SOURCE /* explicit_bzero */
#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "client_private.h"
#include "clock.h"

#define OLDEST_CURL 0x075500

struct slot {
    struct tagua_client *client;
    CURL *easy;
    struct tagua_exchange *exchange;
    struct slot *next;                   /* idle ones */
    struct slot *next_made;              /* all of them */
    struct tagua_buffer url;             /* what the easy handle has now: */
    const char *method;                  /* one of the constants below */
    const struct curl_slist *headers;
    struct curl_slist *own_headers;      /* of an exchange that brings its own */
    bool began;     /* the request is about to be written, or was */
    bool too_large; /* the answer */
    char trouble[CURL_ERROR_SIZE];
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_start(void)
{
    global_result = curl_global_init(CURL_GLOBAL_ALL);
}

/* The bytes of an answer. Anything but `size` back ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct slot *slot = user;
    size_t length = size * count;
    if (tagua_buffer_append(&slot->exchange->answer, bytes, length) == 0)
        return length;
    slot->too_large = true;
    return 0;
}

static int before_request(void *user, char *peer, char *local, int peer_port, int local_port)
{
    struct slot *slot = user;
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    if (slot->began)
        return CURL_PREREQFUNC_ABORT;
    slot->began = true;
    return CURL_PREREQFUNC_OK;
}

static void slot_free(struct slot *slot)
{
    if (slot->easy != NULL)
        curl_easy_cleanup(slot->easy);
    curl_slist_free_all(slot->own_headers);
    tagua_buffer_free(&slot->url);
    free(slot);
}

/* What is the same for all requests of a client. 0 or -1. */
static int slot_configure(struct slot *slot, const struct tagua_client *client)
{
    CURL *easy = slot->easy;
    const struct tagua_client_options *options = &client->options;
    bool failed = false;
#define SET(option, value) failed = curl_easy_setopt(easy, option, value) != CURLE_OK || failed
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PRIVATE, slot);
    SET(CURLOPT_ERRORBUFFER, slot->trouble);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, slot);
    SET(CURLOPT_PREREQFUNCTION, before_request);
    SET(CURLOPT_PREREQDATA, slot);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROTOCOLS_STR, client->https ? "https" : "http");
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(options->connect_timeout_ns / TAGUA_MILLISECOND_NS));
    SET(CURLOPT_TIMEOUT_MS, (long)(options->timeout_ns / TAGUA_MILLISECOND_NS));
    SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    if (!client->https)
        SET(CURLOPT_PROXY, ""); /* a proxy would read the credential on its way */
    if (client->socket_path != NULL)
        SET(CURLOPT_UNIX_SOCKET_PATH, client->socket_path);
    if (client->user_agent != NULL)
        SET(CURLOPT_USERAGENT, client->user_agent);
    if (client->ca_file != NULL) {
        SET(CURLOPT_CAINFO, client->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
#undef SET
    return failed ? -1 : 0;
}

static struct slot *slot_new(struct tagua_client *client)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    slot->client = client;
    tagua_buffer_init(&slot->url, strlen(client->base) + TAGUA_CLIENT_PATH_MAX);
    slot->easy = curl_easy_init();
    if (slot->easy == NULL || slot_configure(slot, client) != 0) {
        slot_free(slot);
        return NULL;
    }
    slot->next_made = client->made;
    client->made = slot;
    return slot;
}

/* Appends a header to a list. 0 or -1. */
static int add_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (longer == NULL)
        return -1;
    *list = longer;
    return 0;
}

/* The header with the credential, made here and wiped here; the list's copy is wiped with it. */
static int add_bearer(struct curl_slist **list, const struct tagua_secret *bearer)
{
    size_t length;
    const char *value = tagua_secret_value(bearer, &length);
    struct tagua_buffer header;
    tagua_buffer_init(&header, length + 64);
    int result = -1;
    if (tagua_buffer_reserve(&header, length + 32) != NULL &&
        tagua_buffer_append_text(&header, "Authorization: Bearer ") == 0 &&
        tagua_buffer_append(&header, value, length) == 0)
        result = add_header(list, header.data);
    tagua_buffer_wipe(&header);
    return result;
}

static int make_headers(struct tagua_client *client)
{
    struct curl_slist **lists[] = {&client->headers, &client->body_headers};
    for (size_t i = 0; i < 2; i++) {
        /* Expect would cost a round trip; libcurl's own type for a POST is a form's. */
        if (add_header(lists[i], "Accept: application/json") != 0 ||
            add_header(lists[i], "Expect:") != 0 ||
            add_header(lists[i], i == 0 ? "Content-Type:" : "Content-Type: application/json") != 0)
            return -1;
        if (client->options.bearer != NULL && add_bearer(lists[i], client->options.bearer) != 0)
            return -1;
    }
    return 0;
}

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *header = list; header != NULL; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    curl_slist_free_all(list);
}

/* Understands the base. 0, or -1 with *error. */
static int read_base(struct tagua_client *client, const char *base, struct tagua_error *error)
{
    CURLU *url = NULL;
    char *user = NULL, *query = NULL, *fragment = NULL;
    int result = -1;
    if (strncmp(base, "unix:", 5) == 0) {
        const char *path = base + 5;
        struct sockaddr_un address;
        if (path[0] != '/' || strlen(path) >= sizeof address.sun_path)
            return tagua_error_set(error, "ECONFIG",
                                   "'%s' is no address of a unix socket: write unix:/path with at "
                                   "most %zu bytes of path",
                                   base, sizeof address.sun_path - 1);
        client->socket_path = strdup(path);
        client->base = strdup("http://localhost");
        if (client->socket_path != NULL && client->base != NULL)
            return 0;
        return tagua_error_set(error, "EIO", "cannot make an HTTP client: out of memory");
    }
    client->https = strncasecmp(base, "https://", 8) == 0;
    if (!client->https && strncasecmp(base, "http://", 7) != 0) {
        tagua_error_set(error, "ECONFIG",
                        "'%s' is no address: write https://host, http://host:port or unix:/path",
                        base);
        goto out;
    }
    url = curl_url();
    if (url == NULL || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK) {
        tagua_error_set(error, "ECONFIG", "'%s' is no address that can be read", base);
        goto out;
    }
    if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
        curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK ||
        strpbrk(base, "?#@ \t\r\n") != NULL) {
        /* Not quoted: it may hold a password. */
        tagua_error_set(error, "ECONFIG",
                        "an address has a scheme, a host and a path, and neither a user nor a "
                        "query: credentials are given as secrets");
        goto out;
    }
    client->base = strdup(base);
    if (client->base == NULL) {
        tagua_error_set(error, "EIO", "cannot make an HTTP client: out of memory");
        goto out;
    }
    for (size_t length = strlen(client->base); client->base[length - 1] == '/'; length--)
        client->base[length - 1] = '\0';
    result = 0;
out:
    curl_free(user);
    curl_free(query);
    curl_free(fragment);
    curl_url_cleanup(url);
    return result;
}

struct tagua_client *tagua_client_new(const struct tagua_client_options *options,
                                      struct tagua_error *error)
{
    if (tagua_curl_load(error) != 0)
        return NULL;
    pthread_once(&global_once, global_start);
    if (global_result != CURLE_OK) {
        tagua_error_set(error, "EIO", "cannot start libcurl: %s",
                        curl_easy_strerror(global_result));
        return NULL;
    }
    struct tagua_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        tagua_error_set(error, "EIO", "cannot make an HTTP client: out of memory");
        return NULL;
    }
    client->options = *options;
    client->timer = -1;
    client->epoll = -1;
    client->watched_most = -1;
    FD_ZERO(&client->watched);
    if (options->bearer != NULL)
        tagua_secret_retain(options->bearer);
    if (read_base(client, options->base, error) != 0)
        goto failed;
    client->multi = curl_multi_init();
    if (options->user_agent != NULL)
        client->user_agent = strdup(options->user_agent);
    if (options->ca_file != NULL)
        client->ca_file = strdup(options->ca_file);
    if (client->multi == NULL || (options->user_agent != NULL && client->user_agent == NULL) ||
        (options->ca_file != NULL && client->ca_file == NULL) ||
        make_headers(client) != 0 ||
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->connections) !=
            CURLM_OK) {
        tagua_error_set(error, "EIO", "cannot make an HTTP client: out of memory");
        goto failed;
    }
    /* The first handle is made now, to find a libcurl that lacks an option. */
    client->idle = slot_new(client);
    if (client->idle == NULL) {
        const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
        if (version->version_num < OLDEST_CURL)
            tagua_error_set(error, "EIO",
                            "cannot make an HTTP client: libcurl %s is too old, 7.85 is the oldest",
                            version->version);
        else
            tagua_error_set(error, "EIO", "cannot make an HTTP client: out of memory");
        goto failed;
    }
    return client;
failed:
    tagua_client_free(client);
    return NULL;
}

void tagua_client_free(struct tagua_client *client)
{
    if (client == NULL)
        return;
    while (client->made != NULL) {
        struct slot *slot = client->made;
        client->made = slot->next_made;
        if (slot->exchange != NULL)
            curl_multi_remove_handle(client->multi, slot->easy);
        slot_free(slot);
    }
    if (client->multi != NULL)
        curl_multi_cleanup(client->multi);
    if (client->timer >= 0)
        close(client->timer);
    if (client->epoll >= 0)
        close(client->epoll);
    free_headers(client->headers);
    free_headers(client->body_headers);
    tagua_secret_release(client->options.bearer);
    free(client->base);
    free(client->socket_path);
    free(client->user_agent);
    free(client->ca_file);
    free(client);
}

int tagua_client_set_bearer(struct tagua_client *client, struct tagua_secret *bearer,
                            struct tagua_error *error)
{
    struct curl_slist *headers = client->headers, *body_headers = client->body_headers;
    struct tagua_secret *old = client->options.bearer;
    client->headers = client->body_headers = NULL;
    client->options.bearer = bearer;
    if (make_headers(client) != 0) {
        free_headers(client->headers);
        free_headers(client->body_headers);
        client->headers = headers;
        client->body_headers = body_headers;
        client->options.bearer = old;
        return tagua_error_set(error, "EIO", "cannot take a new credential: out of memory");
    }
    if (bearer != NULL)
        tagua_secret_retain(bearer);
    for (struct slot *slot = client->made; slot != NULL; slot = slot->next_made) {
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, NULL);
        slot->headers = NULL;
    }
    free_headers(headers);
    free_headers(body_headers);
    tagua_secret_release(old);
    return 0;
}

/* The list of headers of an exchange that brings its own; the slot's. NULL without memory. */
static const struct curl_slist *own_headers(struct slot *slot, const struct tagua_exchange *exchange)
{
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, NULL);
    slot->headers = NULL;
    curl_slist_free_all(slot->own_headers);
    slot->own_headers = NULL;
    bool failed = add_header(&slot->own_headers, "Expect:") != 0 ||
                  add_header(&slot->own_headers, "Content-Type:") != 0;
    for (size_t i = 0; i < exchange->header_count && !failed; i++)
        failed = add_header(&slot->own_headers, exchange->headers[i]) != 0;
    return failed ? NULL : slot->own_headers;
}

/* Tells the easy handle what differs from its last request. 0 or -1. */
static int slot_prepare(struct slot *slot, const struct tagua_exchange *exchange)
{
    CURL *easy = slot->easy;
    const struct tagua_client *client = slot->client;
    size_t base_length = strlen(client->base), path_length = strlen(exchange->path);
    bool has_body = exchange->body != NULL;
    bool failed = false;
#define SET(option, value) failed = curl_easy_setopt(easy, option, value) != CURLE_OK || failed
    if (slot->url.length != base_length + path_length ||
        memcmp(slot->url.data + base_length, exchange->path, path_length) != 0) {
        tagua_buffer_clear(&slot->url);
        if (tagua_buffer_append(&slot->url, client->base, base_length) != 0 ||
            tagua_buffer_append(&slot->url, exchange->path, path_length) != 0)
            return -1;
        SET(CURLOPT_URL, slot->url.data);
    }
    const struct curl_slist *headers = has_body ? client->body_headers : client->headers;
    if (exchange->header_count > 0)
        headers = own_headers(slot, exchange);
    if (headers == NULL)
        return -1;
    if (slot->method == NULL || slot->headers != headers ||
        strcmp(slot->method, exchange->method) != 0) {
        static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
        slot->method = NULL;
        for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
            if (strcmp(methods[i], exchange->method) == 0)
                slot->method = methods[i];
        if (slot->method == NULL)
            return -1;
        /* To libcurl all is a GET or a POST; the rest is a name. */
        bool posts = has_body || slot->method[0] == 'P';
        if (posts)
            SET(CURLOPT_POST, 1L);
        else
            SET(CURLOPT_HTTPGET, 1L);
        SET(CURLOPT_CUSTOMREQUEST, slot->method);
        SET(CURLOPT_HTTPHEADER, headers);
        slot->headers = headers;
    }
    if (has_body || slot->method[0] == 'P') {
        SET(CURLOPT_POSTFIELDS, has_body ? exchange->body : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(has_body ? exchange->body_length : 0));
    }
#undef SET
    return failed ? -1 : 0;
}

int tagua_client_start(struct tagua_client *client, struct tagua_exchange *exchange,
                       struct tagua_error *error)
{
    struct slot *slot = client->idle;
    if (slot != NULL)
        client->idle = slot->next;
    else
        slot = slot_new(client);
    if (slot == NULL)
        return tagua_error_set(error, "EIO", "cannot start a request: out of memory");
    slot->next = NULL;
    slot->began = false;
    slot->too_large = false;
    slot->trouble[0] = '\0';
    tagua_buffer_clear(&exchange->answer);
    CURLMcode code = CURLM_OUT_OF_MEMORY;
    if (slot_prepare(slot, exchange) == 0) {
        slot->exchange = exchange;
        exchange->slot = slot;
        code = curl_multi_add_handle(client->multi, slot->easy);
        if (code == CURLM_OK)
            return 0;
    }
    slot->exchange = NULL;
    exchange->slot = NULL;
    slot->next = client->idle;
    client->idle = slot;
    return tagua_error_set(error, "EIO", "cannot start a request: %s", curl_multi_strerror(code));
}

int tagua_client_perform(struct tagua_client *client, struct tagua_error *error)
{
    CURLMcode code = curl_multi_perform(client->multi, &client->running);
    if (code == CURLM_OK)
        return 0;
    return tagua_error_set(error, "EIO", "cannot go on with the requests under way: %s",
                           curl_multi_strerror(code));
}

static enum tagua_transport transport_of(const struct slot *slot, CURLcode code)
{
    if (code == CURLE_OK)
        return TAGUA_TRANSPORT_ANSWERED;
    if (slot->too_large)
        return TAGUA_TRANSPORT_TOO_LARGE;
    if (slot->began)
        return code == CURLE_OPERATION_TIMEDOUT ? TAGUA_TRANSPORT_TIMED_OUT : TAGUA_TRANSPORT_LOST;
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CERTPROBLEM:
        return TAGUA_TRANSPORT_UNTRUSTED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_FAILED_INIT:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return TAGUA_TRANSPORT_REFUSED;
    default:
        return TAGUA_TRANSPORT_UNREACHED;
    }
}

/* The value of a header of the answer, or NULL. */
static const char *header_of(CURL *easy, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

struct tagua_exchange *tagua_client_finished(struct tagua_client *client,
                                             struct tagua_outcome *outcome)
{
    if (client->shown != NULL) {
        client->shown->next = client->idle;
        client->idle = client->shown;
        client->shown = NULL;
    }
    CURLMsg *message;
    int left;
    do {
        message = curl_multi_info_read(client->multi, &left);
        if (message == NULL)
            return NULL;
    } while (message->msg != CURLMSG_DONE);
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result;
    char *private = NULL;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    struct slot *slot = (struct slot *)(void *)private;
    struct tagua_exchange *exchange = slot->exchange;
    *outcome = (struct tagua_outcome){
        .transport = transport_of(slot, code),
        .sent = slot->began,
        .status = (int)status,
        .trouble = slot->trouble[0] != '\0' ? slot->trouble : curl_easy_strerror(code),
    };
    long reason = 0;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        outcome->trouble = "the connection closed before the answer came";
    else if (code == CURLE_COULDNT_CONNECT && client->socket_path != NULL &&
             curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &reason) == CURLE_OK && reason != 0)
        outcome->trouble = strerror((int)reason); /* curl speaks of a port where there is none */
    if (status == 429 || status == 503)
        outcome->retry_after = header_of(easy, "Retry-After");
    else if (status >= 300 && status <= 399)
        outcome->location = header_of(easy, "Location");
    curl_multi_remove_handle(client->multi, easy);
    slot->exchange = NULL;
    exchange->slot = NULL;
    client->shown = slot;
    return exchange;
}

struct tagua_exchange *tagua_client_abandon(struct tagua_client *client)
{
    for (struct slot *slot = client->made; slot != NULL; slot = slot->next_made) {
        struct tagua_exchange *exchange = slot->exchange;
        if (exchange == NULL)
            continue;
        curl_multi_remove_handle(client->multi, slot->easy);
        slot->exchange = NULL;
        exchange->slot = NULL;
        return exchange;
    }
    return NULL;
}
