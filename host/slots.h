/* A few pieces of memory that a process shares with a worker: it writes chunks there, the worker reads
 * them, and nothing is copied through a pipe. The worker can't write to them. */
#ifndef TAGUA_SLOTS_H
#define TAGUA_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct tagua_slots;

enum { TAGUA_SLOTS = 4, TAGUA_SLOT_BYTES = 160 * 1024 };

/* Where a chunk is, as it is told the worker. */
struct tagua_slot {
    uint32_t slot, length;
};

/* NULL where the system has no such memory: chunks then go through the pipe. */
struct tagua_slots *tagua_slots_new(void);

void tagua_slots_free(struct tagua_slots *slots); /* NULL is fine */

/* The descriptor that a worker is given, or -1. It stays the slots', which close it. */
int tagua_slots_descriptor(const struct tagua_slots *slots);

/* The worker has been started: the descriptor is closed. */
void tagua_slots_shared(struct tagua_slots *slots);

/* Copies a chunk that belongs to the frame of that number (from 1, growing) into a slot. 0 and *slot, or -1
 * where it is too long or no slot is free. */
int tagua_slots_put(struct tagua_slots *slots, const void *bytes, size_t length, uint64_t frame,
                    struct tagua_slot *slot);

/* The worker has done with all frames up to that number. */
void tagua_slots_done(struct tagua_slots *slots, uint64_t frame);

/* In the worker: maps what the descriptor stands for and closes it. NULL where it is none. */
const char *tagua_slots_map(int descriptor);

/* In the worker: the chunk of that slot, or NULL for one that there is not. */
const char *tagua_slots_chunk(const char *mapped, const struct tagua_slot *slot);

#endif
