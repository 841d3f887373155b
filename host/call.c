/* Requests and their lines. Owns the memory of requests; knows nothing of what is sent. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "call.h"

#include <stdlib.h>
#include <string.h>

#define SPARE_MAX 1024
/* A request that was larger than this gives its memory back. */
#define KEPT_BYTES ((size_t)65536)
#define MESSAGE_MAX 1100 /* a whole struct tagua_error and what comes before it */

static void call_free(struct tagua_call *call)
{
    tagua_buffer_free(&call->exchange.answer);
    tagua_buffer_wipe(&call->wire);
    tagua_buffer_free(&call->message);
    free(call->text);
    free(call);
}

struct tagua_call *tagua_call_new(struct tagua_call_pool *pool, const char *path,
                                  size_t path_length, const char *body, size_t body_length)
{
    struct tagua_call *call = pool->spare;
    if (call != NULL) {
        pool->spare = call->next;
        pool->count--;
    } else {
        call = calloc(1, sizeof *call);
        if (call == NULL)
            return NULL;
        tagua_buffer_init(&call->message, MESSAGE_MAX);
    }
    size_t need = path_length + body_length + 2;
    if (need > call->capacity) {
        char *text = realloc(call->text, need + need / 2);
        if (text == NULL) {
            call_free(call);
            return NULL;
        }
        call->text = text;
        call->capacity = need + need / 2;
    }
    memcpy(call->text, path, path_length);
    call->text[path_length] = '\0';
    call->exchange.path = call->text;
    call->body = NULL;
    call->body_length = 0;
    if (body != NULL) {
        char *copy = call->text + path_length + 1;
        memcpy(copy, body, body_length);
        copy[body_length] = '\0';
        call->body = copy;
        call->body_length = body_length;
    }
    call->next = NULL;
    call->lane = NULL;
    call->attempts = 0;
    call->throttles = 0;
    call->renewals = 0;
    call->refused = false;
    call->maybe = false;
    call->started_ns = 0;
    call->due_ns = 0;
    call->code[0] = '\0';
    call->status = 0;
    call->sent = false;
    call->has_platform_code = false;
    tagua_buffer_clear(&call->message);
    tagua_buffer_clear(&call->exchange.answer);
    return call;
}

void tagua_call_recycle(struct tagua_call_pool *pool, struct tagua_call *call)
{
    if (call == NULL)
        return;
    if (pool == NULL || pool->count >= SPARE_MAX || call->capacity > KEPT_BYTES ||
        call->exchange.answer.capacity > KEPT_BYTES || call->wire.capacity > KEPT_BYTES) {
        call_free(call);
        return;
    }
    call->next = pool->spare;
    pool->spare = call;
    pool->count++;
}

void tagua_call_pool_free(struct tagua_call_pool *pool)
{
    while (pool->spare != NULL) {
        struct tagua_call *call = pool->spare;
        pool->spare = call->next;
        call_free(call);
    }
    pool->count = 0;
}

void tagua_queue_push(struct tagua_call_queue *queue, struct tagua_call *call)
{
    call->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = call;
    else
        queue->head = call;
    queue->tail = call;
}

void tagua_queue_push_front(struct tagua_call_queue *queue, struct tagua_call *call)
{
    call->next = queue->head;
    queue->head = call;
    if (queue->tail == NULL)
        queue->tail = call;
}

struct tagua_call *tagua_queue_pop(struct tagua_call_queue *queue)
{
    struct tagua_call *call = queue->head;
    if (call == NULL)
        return NULL;
    queue->head = call->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    call->next = NULL;
    return call;
}

int tagua_heap_push(struct tagua_call_heap *heap, struct tagua_call *call)
{
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
        struct tagua_call **items = realloc(heap->items, capacity * sizeof *items);
        if (items == NULL)
            return -1;
        heap->items = items;
        heap->capacity = capacity;
    }
    size_t at = heap->count++;
    while (at > 0 && heap->items[(at - 1) / 2]->due_ns > call->due_ns) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = call;
    return 0;
}

struct tagua_call *tagua_heap_top(const struct tagua_call_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}

struct tagua_call *tagua_heap_pop(struct tagua_call_heap *heap)
{
    if (heap->count == 0)
        return NULL;
    struct tagua_call *top = heap->items[0];
    struct tagua_call *last = heap->items[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->items[child + 1]->due_ns < heap->items[child]->due_ns)
            child++;
        if (heap->items[child]->due_ns >= last->due_ns)
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    if (heap->count > 0)
        heap->items[at] = last;
    return top;
}
