/* Notices two equal keys among millions. Owns the keys in memory and the temporary file. */
#define _GNU_SOURCE
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define RUN_BITS 14
#define RUN ((size_t)1 << RUN_BITS) /* keys sorted at a time: 256 KiB, and as much to sort them */
#define LINE_BITS 40
#define MERGE_LEAST ((size_t)32)    /* keys of each run in memory at least while they are merged */

struct entry {
    uint64_t high;
    uint64_t low; /* 24 bits of the hash, then the line: equal keys are sorted by line */
};

struct tagua_seen {
    uint64_t key[2];
    struct entry *entries; /* 2 * RUN of them: the keys as they come, and room to sort or merge */
    struct entry *sorted;  /* the second half of them */
    uint32_t *places;      /* for the sort: one for each value of the top bits */
    size_t count;
    size_t *runs; /* how many entries each one has */
    size_t run_count, run_capacity;
    int file; /* -1: all is in memory */
};

struct tagua_seen *tagua_seen_new(struct tagua_error *error)
{
    struct tagua_seen *seen = calloc(1, sizeof *seen);
    if (seen == NULL)
        goto no_memory;
    seen->file = -1;
    seen->entries = malloc(2 * RUN * sizeof *seen->entries);
    seen->places = malloc((RUN + 1) * sizeof *seen->places);
    if (seen->entries == NULL || seen->places == NULL)
        goto no_memory;
    seen->sorted = seen->entries + RUN;
    if (getrandom(seen->key, sizeof seen->key, 0) != sizeof seen->key) {
        tagua_error_set(error, "EIO", "cannot read random bytes: %s", strerror(errno));
        goto failed;
    }
    return seen;
no_memory:
    tagua_error_set(error, "EIO", "no memory to look for repeated ids");
failed:
    tagua_seen_free(seen);
    return NULL;
}

void tagua_seen_free(struct tagua_seen *seen)
{
    if (seen == NULL)
        return;
    if (seen->file >= 0)
        close(seen->file);
    free(seen->entries);
    free(seen->places);
    free(seen->runs);
    free(seen);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 with 128 bits. */
static void sip_hash(const uint64_t key[2], const char *bytes, size_t length, uint64_t hash[2])
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)length << 56;
    uint64_t word;
    v[1] ^= 0xee;
    for (; length >= 8; bytes += 8, length -= 8) {
        memcpy(&word, bytes, 8);
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < length; i++)
        last |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xee;
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 4; i++)
            sip_round(v);
        hash[half] = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
    }
}

static bool before(const struct entry *a, const struct entry *b)
{
    return a->high != b->high ? a->high < b->high : a->low < b->low;
}

/* Sorts the entries in memory into seen->sorted: hashes are spread evenly, so their top bits say
 * nearly where each one goes. */
static void sort(struct tagua_seen *seen)
{
    memset(seen->places, 0, (RUN + 1) * sizeof *seen->places);
    for (size_t i = 0; i < seen->count; i++)
        seen->places[(seen->entries[i].high >> (64 - RUN_BITS)) + 1]++;
    for (size_t i = 0; i < RUN; i++)
        seen->places[i + 1] += seen->places[i];
    for (size_t i = 0; i < seen->count; i++)
        seen->sorted[seen->places[seen->entries[i].high >> (64 - RUN_BITS)]++] = seen->entries[i];
    for (size_t i = 1; i < seen->count; i++) {
        struct entry entry = seen->sorted[i];
        size_t j = i;
        for (; j > 0 && before(&entry, &seen->sorted[j - 1]); j--)
            seen->sorted[j] = seen->sorted[j - 1];
        seen->sorted[j] = entry;
    }
}

static int open_file(struct tagua_seen *seen, struct tagua_error *error)
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL || *folder == '\0')
        folder = "/tmp";
    seen->file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (seen->file < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        char path[4096];
        snprintf(path, sizeof path, "%s/tagua-XXXXXX", folder);
        seen->file = mkostemp(path, O_CLOEXEC);
        if (seen->file >= 0)
            unlink(path);
    }
    if (seen->file < 0)
        return tagua_error_set(error, "EIO",
                               "cannot make a temporary file in '%s' to look for repeated ids: %s; "
                               "point TMPDIR at a folder that can be written",
                               folder, strerror(errno));
    return 0;
}

static int file_trouble(const char *doing, struct tagua_error *error)
{
    return tagua_error_set(error, "EIO", "cannot %s the temporary file of ids: %s", doing,
                           strerror(errno));
}

/* Sorts what is in memory and appends it to the file as a run. */
static int spill(struct tagua_seen *seen, struct tagua_error *error)
{
    if (seen->file < 0 && open_file(seen, error) != 0)
        return -1;
    if (seen->run_count == seen->run_capacity) {
        size_t capacity = seen->run_capacity == 0 ? 64 : seen->run_capacity * 2;
        size_t *runs = realloc(seen->runs, capacity * sizeof *runs);
        if (runs == NULL)
            return tagua_error_set(error, "EIO", "no memory to look for repeated ids");
        seen->runs = runs;
        seen->run_capacity = capacity;
    }
    sort(seen);
    const char *bytes = (const char *)seen->sorted;
    size_t left = seen->count * sizeof *seen->sorted;
    while (left > 0) {
        ssize_t written = write(seen->file, bytes, left);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return file_trouble("write", error);
        bytes += written;
        left -= (size_t)written;
    }
    seen->runs[seen->run_count++] = seen->count;
    seen->count = 0;
    return 0;
}

int tagua_seen_add(struct tagua_seen *seen, const char *key, size_t length, int64_t line,
                   struct tagua_error *error)
{
    if (seen->count == RUN && spill(seen, error) != 0)
        return -1;
    uint64_t hash[2];
    uint64_t mask = (UINT64_C(1) << LINE_BITS) - 1;
    sip_hash(seen->key, key, length, hash);
    seen->entries[seen->count++] =
        (struct entry){hash[0], (hash[1] & ~mask) | ((uint64_t)line & mask)};
    return 0;
}

/* What the search has found; `pairs` is sorted by the second line. */
struct found {
    struct tagua_seen_pair *pairs;
    size_t most, count;
    int64_t total;
    struct entry first; /* of the key that the merge is at */
    bool any;
};

static void keep(struct found *found, int64_t first, int64_t second)
{
    found->total++;
    if (found->most == 0 ||
        (found->count == found->most && found->pairs[found->count - 1].second <= second))
        return;
    size_t low = 0;
    size_t high = found->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (found->pairs[middle].second < second)
            low = middle + 1;
        else
            high = middle;
    }
    if (found->count < found->most)
        found->count++;
    memmove(&found->pairs[low + 1], &found->pairs[low],
            (found->count - 1 - low) * sizeof *found->pairs);
    found->pairs[low] = (struct tagua_seen_pair){first, second};
}

/* The next entry in order. */
static void visit(struct found *found, const struct entry *entry)
{
    uint64_t mask = (UINT64_C(1) << LINE_BITS) - 1;
    if (found->any && entry->high == found->first.high &&
        (entry->low & ~mask) == (found->first.low & ~mask)) {
        keep(found, (int64_t)(found->first.low & mask), (int64_t)(entry->low & mask));
        return;
    }
    found->first = *entry;
    found->any = true;
}

/* A run while it is merged. */
struct merging {
    struct entry *entries; /* `room` of them, not owned */
    size_t room;
    size_t at, count;      /* in memory */
    size_t left;           /* still in the file */
    off_t offset;          /* of what is still in the file */
};

/* Sees to it that the run has an entry in memory: 1, 0 when it is over, -1 with *error. */
static int refill(const struct tagua_seen *seen, struct merging *run, struct tagua_error *error)
{
    if (run->at < run->count)
        return 1;
    if (run->left == 0)
        return 0;
    size_t want = run->left < run->room ? run->left : run->room;
    size_t got = 0;
    while (got < want * sizeof *run->entries) {
        ssize_t now = pread(seen->file, (char *)run->entries + got,
                            want * sizeof *run->entries - got, run->offset + (off_t)got);
        if (now < 0 && errno == EINTR)
            continue;
        if (now == 0)
            errno = EIO;
        if (now <= 0)
            return file_trouble("read", error);
        got += (size_t)now;
    }
    run->at = 0;
    run->count = want;
    run->left -= want;
    run->offset += (off_t)got;
    return 1;
}

static bool run_before(const struct merging *a, const struct merging *b)
{
    return before(&a->entries[a->at], &b->entries[b->at]);
}

/* Puts heap[i], which may be too large for its place, where it belongs. */
static void sink(struct merging **heap, size_t count, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++) {
            if (run_before(heap[child], heap[least]))
                least = child;
        }
        if (least == i)
            return;
        struct merging *moved = heap[i];
        heap[i] = heap[least];
        heap[least] = moved;
        i = least;
    }
}

/* The merge takes the memory in which keys were sorted, and more only where that is too little. */
static int merge(struct tagua_seen *seen, struct found *found, struct tagua_error *error)
{
    size_t count = seen->run_count;
    size_t room = 2 * RUN / count;
    struct merging *runs = calloc(count, sizeof *runs);
    struct merging **heap = calloc(count, sizeof *heap);
    struct entry *entries = seen->entries;
    struct entry *more_entries = NULL;
    off_t offset = 0;
    size_t live = 0;
    int result = -1;
    if (room < MERGE_LEAST) {
        room = MERGE_LEAST;
        entries = more_entries = malloc(count * room * sizeof *more_entries);
    }
    if (runs == NULL || heap == NULL || entries == NULL) {
        tagua_error_set(error, "EIO", "no memory to look for repeated ids");
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        runs[i] = (struct merging){entries + i * room, room, 0, 0, seen->runs[i], offset};
        offset += (off_t)(seen->runs[i] * sizeof *entries);
        int more = refill(seen, &runs[i], error);
        if (more < 0)
            goto out;
        if (more > 0)
            heap[live++] = &runs[i];
    }
    for (size_t i = live / 2; i-- > 0;)
        sink(heap, live, i);
    while (live > 0) {
        visit(found, &heap[0]->entries[heap[0]->at++]);
        int more = refill(seen, heap[0], error);
        if (more < 0)
            goto out;
        if (more == 0)
            heap[0] = heap[--live];
        sink(heap, live, 0);
    }
    result = 0;
out:
    free(runs);
    free(heap);
    free(more_entries);
    return result;
}

int tagua_seen_finish(struct tagua_seen *seen, struct tagua_seen_pair *pairs, size_t most,
                      size_t *count, int64_t *total, struct tagua_error *error)
{
    struct found found = {.pairs = pairs, .most = most};
    if (seen->run_count == 0) {
        sort(seen);
        for (size_t i = 0; i < seen->count; i++)
            visit(&found, &seen->sorted[i]);
    } else if ((seen->count > 0 && spill(seen, error) != 0) || merge(seen, &found, error) != 0) {
        return -1;
    }
    *count = found.count;
    *total = found.total;
    return 0;
}
