/* Passing requests on, over the HTTP client. Owns a letter from its sending until its result was read. */
#define _GNU_SOURCE
#include "forward.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "list.h"

enum { ANSWER_MOST = 64 * 1024 };

struct letter {
    struct tagua_link link; /* first: a link is cast to its struct */
    struct tagua_exchange exchange; /* its body is the letter's own */
    char *headers[TAGUA_FORWARD_HEADERS];
    int64_t number;
    bool again; /* it was tried before, and nothing of it had left */
};

struct tagua_forward {
    struct tagua_client *client;
    char *path;
    unsigned connections, under_way;
    size_t waiting_most, waiting_bytes;
    size_t waiting_count, waiting_length;
    struct tagua_link waiting; /* heads of lists */
    struct tagua_link sent;
    struct letter *shown; /* whose result is read */
};

struct tagua_forward *tagua_forward_new(const struct tagua_forward_options *options,
                                        struct tagua_error *error)
{
    const struct tagua_client_options client = {
        .base = options->base,
        .user_agent = options->user_agent,
        .ca_file = options->ca_file,
        .connections = options->connections,
        .connect_timeout_ns = options->connect_timeout_ns,
        .timeout_ns = options->timeout_ns,
    };
    struct tagua_forward *forward = calloc(1, sizeof *forward);
    if (forward == NULL) {
        tagua_error_set(error, "EIO", "cannot pass requests on: out of memory");
        return NULL;
    }
    tagua_link_init(&forward->waiting);
    tagua_link_init(&forward->sent);
    forward->connections = options->connections;
    forward->waiting_most = options->waiting_most;
    forward->waiting_bytes = options->waiting_bytes;
    forward->path = strdup(options->path);
    if (forward->path == NULL)
        tagua_error_set(error, "EIO", "cannot pass requests on: out of memory");
    else
        forward->client = tagua_client_new(&client, error);
    if (forward->client == NULL) {
        tagua_forward_free(forward);
        return NULL;
    }
    return forward;
}

static void letter_free(struct letter *letter)
{
    if (letter == NULL)
        return;
    tagua_link_remove(&letter->link);
    for (size_t i = 0; i < TAGUA_FORWARD_HEADERS; i++)
        free(letter->headers[i]);
    tagua_buffer_free(&letter->exchange.answer);
    free((char *)(uintptr_t)letter->exchange.body);
    free(letter);
}

static void empty(struct tagua_link *list)
{
    while (!tagua_link_empty(list))
        letter_free((struct letter *)list->next);
}

void tagua_forward_free(struct tagua_forward *forward)
{
    if (forward == NULL)
        return;
    tagua_client_free(forward->client); /* first: it may be reading their bodies */
    empty(&forward->waiting);
    empty(&forward->sent);
    letter_free(forward->shown);
    free(forward->path);
    free(forward);
}

/* Whether a line is a header: a name, a colon, and nothing that ends it early. */
static bool is_header(const char *line)
{
    size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (name == 0 || line[name] != ':')
        return false;
    for (const char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 && *p != '\t')
            return false;
    return true;
}

static struct letter *letter_new(struct tagua_forward *forward, const char *body, size_t length,
                                 const char *const *headers, size_t count)
{
    struct letter *letter = calloc(1, sizeof *letter);
    char *copy = malloc(length + 1);
    bool failed = letter == NULL || copy == NULL;
    for (size_t i = 0; i < count && !failed; i++) {
        letter->headers[i] = strdup(headers[i]);
        failed = letter->headers[i] == NULL;
    }
    if (failed) {
        free(copy);
        if (letter != NULL) {
            tagua_link_init(&letter->link);
            letter_free(letter);
        }
        return NULL;
    }
    memcpy(copy, body, length);
    copy[length] = '\0';
    tagua_link_init(&letter->link);
    letter->exchange = (struct tagua_exchange){
        .method = "POST",
        .path = forward->path,
        .body = copy,
        .body_length = length,
        .headers = (const char *const *)letter->headers,
        .header_count = count,
    };
    tagua_buffer_init(&letter->exchange.answer, ANSWER_MOST);
    return letter;
}

static void put_waiting(struct tagua_forward *forward, struct letter *letter)
{
    tagua_link_remove(&letter->link);
    tagua_link_insert_before(&forward->waiting, &letter->link);
    forward->waiting_count++;
    forward->waiting_length += letter->exchange.body_length;
}

int tagua_forward_send(struct tagua_forward *forward, int64_t number, const char *body,
                       size_t length, const char *const *headers, size_t count,
                       struct tagua_error *error)
{
    if (count > TAGUA_FORWARD_HEADERS)
        return tagua_error_set(error, "EUSAGE", "cannot pass on more than %d headers",
                               TAGUA_FORWARD_HEADERS);
    for (size_t i = 0; i < count; i++)
        if (!is_header(headers[i]))
            return tagua_error_set(error, "EUSAGE", "cannot pass on what is no header");
    /* Those that are tried again have their place, so that more may wait than the cap lets in. */
    if (forward->waiting_count >= forward->waiting_most ||
        forward->waiting_length > forward->waiting_bytes ||
        length > forward->waiting_bytes - forward->waiting_length)
        return 1;
    struct letter *letter = letter_new(forward, body, length, headers, count);
    if (letter == NULL)
        return tagua_error_set(error, "EIO", "cannot pass a request on: out of memory");
    letter->number = number;
    put_waiting(forward, letter);
    return 0;
}

int tagua_forward_step(struct tagua_forward *forward, struct tagua_error *error)
{
    while (forward->under_way < forward->connections && !tagua_link_empty(&forward->waiting)) {
        struct letter *letter = (struct letter *)forward->waiting.next;
        if (tagua_client_start(forward->client, &letter->exchange, error) != 0)
            return -1;
        tagua_link_remove(&letter->link);
        tagua_link_insert_before(&forward->sent, &letter->link);
        forward->waiting_count--;
        forward->waiting_length -= letter->exchange.body_length;
        forward->under_way++;
    }
    return tagua_client_perform(forward->client, error);
}

static struct letter *letter_of(struct tagua_exchange *exchange)
{
    return (struct letter *)(void *)((char *)exchange - offsetof(struct letter, exchange));
}

bool tagua_forward_next(struct tagua_forward *forward, struct tagua_forward_result *result)
{
    struct tagua_outcome outcome;
    struct tagua_exchange *exchange;
    letter_free(forward->shown);
    forward->shown = NULL;
    while ((exchange = tagua_client_finished(forward->client, &outcome)) != NULL) {
        struct letter *letter = letter_of(exchange);
        forward->under_way--;
        if (!outcome.sent && !letter->again) {
            /* Nothing of it had left: a connection that was kept had gone stale. */
            letter->again = true;
            put_waiting(forward, letter);
            continue;
        }
        tagua_link_remove(&letter->link);
        forward->shown = letter;
        bool answered = outcome.transport == TAGUA_TRANSPORT_ANSWERED ||
                        outcome.transport == TAGUA_TRANSPORT_TOO_LARGE;
        *result = (struct tagua_forward_result){
            .number = letter->number,
            .done = answered && outcome.status >= 200 && outcome.status <= 299,
            .status = outcome.status,
            .trouble = answered ? "it was answered with another status than 2xx" : outcome.trouble,
        };
        return true;
    }
    return false;
}

size_t tagua_forward_pending(const struct tagua_forward *forward)
{
    return forward->waiting_count + forward->under_way;
}

int tagua_forward_descriptor(struct tagua_forward *forward, int64_t *timeout_ns,
                             struct tagua_error *error)
{
    int descriptor = tagua_client_descriptor(forward->client, timeout_ns, error);
    if (forward->under_way < forward->connections && !tagua_link_empty(&forward->waiting))
        *timeout_ns = 0;
    return descriptor;
}
