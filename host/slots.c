/* Memory shared with a worker. Owns the mapping on the writing side; on the reading side it stays for the life
 * of the process. */
#define _GNU_SOURCE
#include "slots.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

enum { WHOLE = TAGUA_SLOTS * TAGUA_SLOT_BYTES };

struct tagua_slots {
    int descriptor; /* -1 when closed */
    char *memory;
    uint64_t frames[TAGUA_SLOTS]; /* whose chunk is in each; 0: it is free */
};

struct tagua_slots *tagua_slots_new(void)
{
    struct tagua_slots *slots = calloc(1, sizeof *slots);
    if (slots == NULL)
        return NULL;
    slots->memory = MAP_FAILED;
    int raw = memfd_create("tagua chunks", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    slots->descriptor = raw >= 0 ? fcntl(raw, F_DUPFD_CLOEXEC, 3) : -1;
    if (raw >= 0)
        close(raw);
    if (slots->descriptor >= 0 && ftruncate(slots->descriptor, WHOLE) == 0)
        slots->memory =
            mmap(NULL, WHOLE, PROT_READ | PROT_WRITE, MAP_SHARED, slots->descriptor, 0);
    /* What is mapped from here on can only be read. */
    if (slots->memory == MAP_FAILED ||
        fcntl(slots->descriptor, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
        tagua_slots_free(slots);
        return NULL;
    }
    return slots;
}

void tagua_slots_free(struct tagua_slots *slots)
{
    if (slots == NULL)
        return;
    if (slots->memory != MAP_FAILED)
        munmap(slots->memory, WHOLE);
    tagua_slots_shared(slots);
    free(slots);
}

int tagua_slots_descriptor(const struct tagua_slots *slots)
{
    return slots->descriptor;
}

void tagua_slots_shared(struct tagua_slots *slots)
{
    if (slots->descriptor >= 0)
        close(slots->descriptor);
    slots->descriptor = -1;
}

int tagua_slots_put(struct tagua_slots *slots, const void *bytes, size_t length, uint64_t frame,
                    struct tagua_slot *slot)
{
    uint32_t free_one = 0; /* the first: what was read last is still in the cache */
    while (free_one < TAGUA_SLOTS && slots->frames[free_one] != 0)
        free_one++;
    if (free_one == TAGUA_SLOTS || length > TAGUA_SLOT_BYTES)
        return -1;
    memcpy(slots->memory + (size_t)free_one * TAGUA_SLOT_BYTES, bytes, length);
    slots->frames[free_one] = frame;
    *slot = (struct tagua_slot){free_one, (uint32_t)length};
    return 0;
}

void tagua_slots_done(struct tagua_slots *slots, uint64_t frame)
{
    for (size_t i = 0; i < TAGUA_SLOTS; i++)
        if (slots->frames[i] <= frame)
            slots->frames[i] = 0;
}

const char *tagua_slots_map(int descriptor)
{
    void *memory = mmap(NULL, WHOLE, PROT_READ, MAP_SHARED, descriptor, 0);
    close(descriptor);
    return memory == MAP_FAILED ? NULL : memory;
}

const char *tagua_slots_chunk(const char *mapped, const struct tagua_slot *slot)
{
    if (mapped == NULL || slot->slot >= TAGUA_SLOTS || slot->length > TAGUA_SLOT_BYTES)
        return NULL;
    return mapped + (size_t)slot->slot * TAGUA_SLOT_BYTES;
}
