/* Lanes: a table of keys that have requests. Owns the lanes and their keys; a lane is there while a
 * request of it may go or is on its way. */
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define BUCKETS_FIRST 64

struct tagua_lane {
    struct tagua_lane *next; /* in its bucket */
    uint64_t hash;
    struct tagua_call_queue waiting;
    size_t length;
    char key[];
};

struct tagua_lanes {
    struct tagua_lane **buckets;
    size_t mask; /* buckets less one: a power of two */
    size_t count;
};

/* FNV-1a, mixed. Keys are ids of a platform's users; nobody else chooses them. */
static uint64_t hash_of(const char *key, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * UINT64_C(1099511628211);
    return hash ^ (hash >> 32);
}

struct tagua_lanes *tagua_lanes_new(void)
{
    struct tagua_lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL)
        return NULL;
    lanes->buckets = calloc(BUCKETS_FIRST, sizeof *lanes->buckets);
    if (lanes->buckets == NULL) {
        free(lanes);
        return NULL;
    }
    lanes->mask = BUCKETS_FIRST - 1;
    return lanes;
}

void tagua_lanes_free(struct tagua_lanes *lanes)
{
    if (lanes == NULL)
        return;
    for (size_t i = 0; i <= lanes->mask; i++) {
        while (lanes->buckets[i] != NULL) {
            struct tagua_lane *lane = lanes->buckets[i];
            lanes->buckets[i] = lane->next;
            free(lane);
        }
    }
    free(lanes->buckets);
    free(lanes);
}

/* Twice the buckets. Where memory is short the chains just grow longer. */
static void grow(struct tagua_lanes *lanes)
{
    size_t mask = lanes->mask * 2 + 1;
    struct tagua_lane **buckets = calloc(mask + 1, sizeof *buckets);
    if (buckets == NULL)
        return;
    for (size_t i = 0; i <= lanes->mask; i++) {
        while (lanes->buckets[i] != NULL) {
            struct tagua_lane *lane = lanes->buckets[i];
            lanes->buckets[i] = lane->next;
            lane->next = buckets[lane->hash & mask];
            buckets[lane->hash & mask] = lane;
        }
    }
    free(lanes->buckets);
    lanes->buckets = buckets;
    lanes->mask = mask;
}

int tagua_lanes_enter(struct tagua_lanes *lanes, const char *key, size_t length,
                      struct tagua_call *call)
{
    uint64_t hash = hash_of(key, length);
    struct tagua_lane *lane = lanes->buckets[hash & lanes->mask];
    while (lane != NULL && (lane->hash != hash || lane->length != length ||
                            memcmp(lane->key, key, length) != 0))
        lane = lane->next;
    if (lane != NULL) {
        call->lane = lane;
        tagua_queue_push(&lane->waiting, call);
        return 0;
    }
    lane = malloc(sizeof *lane + length);
    if (lane == NULL)
        return -1;
    lane->hash = hash;
    lane->waiting = (struct tagua_call_queue){0};
    lane->length = length;
    memcpy(lane->key, key, length);
    if (lanes->count > lanes->mask)
        grow(lanes);
    lane->next = lanes->buckets[hash & lanes->mask];
    lanes->buckets[hash & lanes->mask] = lane;
    lanes->count++;
    call->lane = lane;
    return 1;
}

struct tagua_call *tagua_lanes_leave(struct tagua_lanes *lanes, struct tagua_call *call)
{
    struct tagua_lane *lane = call->lane;
    if (lane == NULL)
        return NULL;
    call->lane = NULL;
    struct tagua_call *next = tagua_queue_pop(&lane->waiting);
    if (next != NULL)
        return next;
    struct tagua_lane **link = &lanes->buckets[lane->hash & lanes->mask];
    while (*link != lane)
        link = &(*link)->next;
    *link = lane->next;
    lanes->count--;
    free(lane);
    return NULL;
}

struct tagua_call_queue tagua_lanes_drain(struct tagua_lanes *lanes)
{
    struct tagua_call_queue all = {0};
    for (size_t i = 0; i <= lanes->mask && lanes->count > 0; i++) {
        for (struct tagua_lane *lane = lanes->buckets[i]; lane != NULL; lane = lane->next) {
            struct tagua_call *call;
            while ((call = tagua_queue_pop(&lane->waiting)) != NULL) {
                call->lane = NULL;
                tagua_queue_push(&all, call);
            }
        }
    }
    return all;
}
