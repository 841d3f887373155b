/* The projection: a few values out of a JSON text in one pass. Owns the compiled paths; a pass
 * allocates nothing. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "json_scan.h"
#include "utf8.h"

#define BUCKETS 64
#define MAX_PATHS 4096
#define NONE 0xffffu

/* A key that is looked for in one object. */
struct entry {
    char *name; /* owned */
    size_t length;
    uint16_t slot;   /* values[] index, or NONE */
    uint16_t child;  /* the node for what is inside, or NONE */
    uint16_t next;   /* the next entry of the same bucket, or NONE */
    bool whole_name; /* a whole dotted path as one key */
};

/* The keys that are looked for in one object. */
struct node {
    uint16_t buckets[BUCKETS];
};

struct tagua_json_projection {
    struct node *nodes; /* nodes[0] is the outermost object */
    struct entry *entries;
    size_t node_count, entry_count, count;
    size_t longest;  /* the longest name: a key that is longer needs no look */
    uint16_t itself; /* slot of the path "", or NONE */
};

static unsigned bucket_of(const char *name, size_t length)
{
    if (length == 0)
        return 0;
    unsigned first = (unsigned char)name[0];
    unsigned middle = (unsigned char)name[length / 2];
    unsigned last = (unsigned char)name[length - 1];
    return (first + middle * 7 + last * 31 + (unsigned)length * 13) % BUCKETS;
}

static struct entry *find(const struct tagua_json_projection *projection, unsigned node,
                          const char *name, size_t length)
{
    unsigned i = projection->nodes[node].buckets[bucket_of(name, length)];
    while (i != NONE) {
        struct entry *entry = &projection->entries[i];
        if (entry->length == length && memcmp(entry->name, name, length) == 0)
            return entry;
        i = entry->next;
    }
    return NULL;
}

static unsigned add_node(struct tagua_json_projection *projection)
{
    struct node *node = &projection->nodes[projection->node_count];
    for (unsigned i = 0; i < BUCKETS; i++)
        node->buckets[i] = NONE;
    return (unsigned)projection->node_count++;
}

/* The entry of that name in the node, made when it is new; NULL without memory. */
static struct entry *add_entry(struct tagua_json_projection *projection, unsigned node,
                               const char *name, size_t length)
{
    struct entry *entry = find(projection, node, name, length);
    if (entry != NULL)
        return entry;
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, name, length);
    copy[length] = '\0';
    entry = &projection->entries[projection->entry_count];
    uint16_t *bucket = &projection->nodes[node].buckets[bucket_of(name, length)];
    *entry = (struct entry){copy, length, NONE, NONE, *bucket, false};
    *bucket = (uint16_t)projection->entry_count++;
    if (length > projection->longest)
        projection->longest = length;
    return entry; /* cppcheck-suppress memleak ; the entry owns the copy */
}

static int add_path(struct tagua_json_projection *projection, const char *path, uint16_t slot,
                    struct tagua_error *error)
{
    if (*path == '\0') {
        projection->itself = slot;
        return 0;
    }
    /* A path with an empty part (a column called "1.") can only be a key as it stands. */
    bool nested = strchr(path, '.') != NULL && path[0] != '.' && path[strlen(path) - 1] != '.' &&
                  strstr(path, "..") == NULL;
    struct entry *entry = add_entry(projection, 0, path, strlen(path));
    if (entry == NULL)
        goto no_memory;
    if (entry->slot != NONE)
        return tagua_error_set(error, "EUSAGE", "the path '%s' is named twice", path);
    entry->slot = slot;
    entry->whole_name = nested;
    if (!nested)
        return 0;
    unsigned node = 0;
    for (;;) {
        const char *dot = strchr(path, '.');
        size_t length = dot == NULL ? strlen(path) : (size_t)(dot - path);
        entry = add_entry(projection, node, path, length);
        if (entry == NULL)
            goto no_memory;
        if (dot == NULL) {
            entry->slot = slot;
            return 0;
        }
        if (entry->child == NONE)
            entry->child = (uint16_t)add_node(projection);
        node = entry->child;
        path = dot + 1;
    }
no_memory:
    return tagua_error_set(error, "EIO", "no memory to prepare the path '%s'", path);
}

struct tagua_json_projection *tagua_json_projection_new(const char *const *paths, size_t count,
                                                        struct tagua_error *error)
{
    size_t parts = 1;
    for (size_t i = 0; i < count && i <= MAX_PATHS; i++) {
        parts += 2; /* one as a whole, one for its last part */
        for (const char *p = paths[i]; *p != '\0'; p++)
            parts += *p == '.';
    }
    if (count > MAX_PATHS || parts >= NONE) {
        tagua_error_set(error, "EUSAGE", "cannot look for %zu paths at once; %d are the most",
                        count, MAX_PATHS);
        return NULL;
    }
    struct tagua_json_projection *projection = calloc(1, sizeof *projection);
    if (projection == NULL)
        goto no_memory;
    projection->nodes = calloc(parts, sizeof *projection->nodes);
    projection->entries = calloc(parts, sizeof *projection->entries);
    if (projection->nodes == NULL || projection->entries == NULL)
        goto no_memory;
    projection->count = count;
    projection->itself = NONE;
    add_node(projection);
    for (size_t i = 0; i < count; i++) {
        if (add_path(projection, paths[i], (uint16_t)i, error) != 0) {
            tagua_json_projection_free(projection);
            return NULL;
        }
    }
    return projection;
no_memory:
    tagua_json_projection_free(projection);
    tagua_error_set(error, "EIO", "no memory to look for %zu paths", count);
    return NULL;
}

void tagua_json_projection_free(struct tagua_json_projection *projection)
{
    if (projection == NULL)
        return;
    for (size_t i = 0; i < projection->entry_count; i++)
        free(projection->entries[i].name);
    free(projection->entries);
    free(projection->nodes);
    free(projection);
}

/* A pass that fills values. */
struct projecting {
    struct tagua_json_pass pass;
    const struct tagua_json_projection *projection;
    struct tagua_json_layout *layout; /* or NULL */
    struct tagua_json_value *values;
};

/* An equal key came before: what was found inside it is forgotten. */
static void forget(struct projecting *at, unsigned node)
{
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        unsigned i = at->projection->nodes[node].buckets[bucket];
        while (i != NONE) {
            const struct entry *entry = &at->projection->entries[i];
            if (entry->slot != NONE && !at->values[entry->slot].whole_name)
                at->values[entry->slot].kind = TAGUA_JSON_ABSENT;
            if (entry->child != NONE)
                forget(at, entry->child);
            i = entry->next;
        }
    }
}

/* A key with escapes in it is decoded before it is compared; it is rare. */
static struct entry *find_escaped(struct projecting *at, unsigned node, const char *key,
                                  size_t length)
{
    char decoded[512];
    struct tagua_json_value value = {
        .start = key, .length = length, .kind = TAGUA_JSON_TEXT, .escaped = true};
    if (length <= sizeof decoded) {
        size_t decoded_length = tagua_json_text(&value, decoded);
        return find(at->projection, node, decoded, decoded_length);
    }
    if (length > 6 * at->projection->longest)
        return NULL;
    char *copy = malloc(length);
    if (copy == NULL)
        return NULL;
    struct entry *entry = find(at->projection, node, copy, tagua_json_text(&value, copy));
    free(copy);
    return entry;
}

/* Scalars, which nearly all values are, are read where the value is met; only what nests costs a
 * call. */
__attribute__((noinline)) static const char *
scan_container(struct projecting *at, const char *p, unsigned node, struct tagua_json_value *value,
               unsigned depth);

/* Reads one value; p is at its first byte. `node`: what is looked for when it is an object. */
__attribute__((always_inline)) static inline const char *
scan_value(struct projecting *at, const char *p, unsigned node, struct tagua_json_value *value,
           unsigned depth)
{
    struct tagua_json_pass *pass = &at->pass;
    const char *start = p;
    char c = tagua_json_peek(pass, p);
    if (c == '"') {
        p = tagua_json_string(pass, p + 1, &value->escaped);
        if (p == NULL)
            return NULL;
        value->start = start + 1;
        value->length = (size_t)(p - start) - 1;
        value->kind = TAGUA_JSON_TEXT;
        return p + 1;
    }
    value->escaped = false;
    value->start = start;
    if (c == '-' || (c >= '0' && c <= '9'))
        p = tagua_json_digits(pass, p, &value->kind);
    else if (c == '{' || c == '[')
        p = scan_container(at, p, node, value, depth);
    else
        p = tagua_json_literal(pass, p, &value->kind);
    value->length = p == NULL ? 0 : (size_t)(p - start);
    return p;
}

static const char *scan_array(struct projecting *at, const char *p, unsigned depth)
{
    struct tagua_json_pass *pass = &at->pass;
    struct tagua_json_value ignored;
    p = tagua_json_skip_space(pass, p);
    if (tagua_json_peek(pass, p) == ']')
        return p + 1;
    for (;;) {
        p = scan_value(at, p, NONE, &ignored, depth);
        if (p == NULL)
            return NULL;
        p = tagua_json_skip_space(pass, p);
        char c = tagua_json_peek(pass, p);
        if (c == ']')
            return p + 1;
        if (c != ',')
            return tagua_json_fail(pass, p, "a comma or ']' was expected here");
        p = tagua_json_skip_space(pass, p + 1);
    }
}

/* Reads a key that no layout knew; p is after its opening quote. Returns the place after the
 * closing one; *wanted is its entry's number, or NONE. */
__attribute__((noinline)) static const char *
scan_key(struct projecting *at, const char *p, unsigned node, unsigned place, unsigned *wanted)
{
    struct tagua_json_pass *pass = &at->pass;
    const char *key = p;
    bool escaped;
    unsigned high = pass->high;
    pass->high = 0;
    p = tagua_json_string(pass, key, &escaped);
    bool key_high = pass->high != 0;
    pass->high |= high;
    if (p == NULL)
        return NULL;
    size_t length = (size_t)(p - key);
    *wanted = NONE;
    if (node != NONE) {
        const struct entry *entry = escaped ? find_escaped(at, node, key, length)
                                            : find(at->projection, node, key, length);
        if (entry != NULL)
            *wanted = (unsigned)(entry - at->projection->entries);
    }
    if (place < TAGUA_JSON_LAYOUT_KEYS && !escaped && length < sizeof at->layout->keys[0].bytes) {
        at->layout->keys[place].length = (uint8_t)(length + 1);
        at->layout->keys[place].high = key_high;
        at->layout->keys[place].wanted = (uint16_t)*wanted;
        memcpy(at->layout->keys[place].bytes, key, length + 1);
    }
    return p + 1;
}

/* Whether the layout's key stands at p. */
static inline bool is_key(const struct tagua_json_pass *pass,
                          const struct tagua_json_layout *layout, unsigned place, const char *p)
{
    size_t length = layout->keys[place].length;
    if (length == 0 || (size_t)(pass->end - p) < length)
        return false;
#if defined(__SSE2__)
    if (pass->limit - p >= 32) {
        const char *key = layout->keys[place].bytes;
        unsigned same = (unsigned)_mm_movemask_epi8(
            _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)p),
                           _mm_loadu_si128((const __m128i *)(const void *)key)));
        if (length > 16)
            same |= (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
                        _mm_loadu_si128((const __m128i *)(const void *)(p + 16)),
                        _mm_loadu_si128((const __m128i *)(const void *)(key + 16))))
                    << 16;
        unsigned all = length == 32 ? UINT32_MAX : (1u << length) - 1;
        return (same & all) == all;
    }
#endif
    return memcmp(p, layout->keys[place].bytes, length) == 0;
}

/* Reads a key of the outermost object; as scan_key. *place is where the layout is looked at first,
 * and moves on. A text may lack keys that another had, so the two after it are tried as well. */
static inline const char *scan_known_key(struct projecting *at, const char *p, unsigned *place,
                                         unsigned *wanted)
{
    for (unsigned i = *place; i < *place + 3 && i < TAGUA_JSON_LAYOUT_KEYS; i++) {
        if (is_key(&at->pass, at->layout, i, p)) {
            *place = i + 1;
            *wanted = at->layout->keys[i].wanted;
            at->pass.high |= at->layout->keys[i].high;
            return p + at->layout->keys[i].length;
        }
    }
    return scan_key(at, p, 0, (*place)++, wanted);
}

static const char *scan_object(struct projecting *at, const char *p, unsigned node, unsigned depth)
{
    struct tagua_json_pass *pass = &at->pass;
    unsigned place = 0;
    p = tagua_json_skip_space(pass, p);
    if (tagua_json_peek(pass, p) == '}')
        return p + 1;
    for (;;) {
        unsigned wanted;
        if (tagua_json_peek(pass, p) != '"')
            return tagua_json_fail(pass, p, "a key in double quotes was expected here");
        if (node == 0 && at->layout != NULL)
            p = scan_known_key(at, p + 1, &place, &wanted);
        else
            p = scan_key(at, p + 1, node, TAGUA_JSON_LAYOUT_KEYS, &wanted);
        if (p == NULL)
            return NULL;
        if (tagua_json_peek(pass, p) != ':') {
            p = tagua_json_skip_space(pass, p);
            if (tagua_json_peek(pass, p) != ':')
                return tagua_json_fail(pass, p, "a colon was expected after a key");
        }
        p = tagua_json_skip_space(pass, p + 1);

        struct tagua_json_value ignored;
        struct tagua_json_value *value = &ignored;
        unsigned child = NONE;
        bool whole_name = false;
        if (wanted != NONE) {
            const struct entry *entry = &at->projection->entries[wanted];
            child = entry->child;
            whole_name = entry->whole_name;
            if (child != NONE)
                forget(at, child);
            if (entry->slot != NONE && (whole_name || !at->values[entry->slot].whole_name))
                value = &at->values[entry->slot];
        }
        p = scan_value(at, p, child, value, depth);
        if (p == NULL)
            return NULL;
        value->whole_name = whole_name;
        p = tagua_json_skip_space(pass, p);
        char c = tagua_json_peek(pass, p);
        if (c == '}')
            return p + 1;
        if (c != ',')
            return tagua_json_fail(pass, p, "a comma or '}' was expected here");
        p = tagua_json_skip_space(pass, p + 1);
    }
}

/* Reads an object or an array. */
static const char *scan_container(struct projecting *at, const char *p, unsigned node,
                                  struct tagua_json_value *value, unsigned depth)
{
    if (depth >= TAGUA_JSON_DEPTH)
        return tagua_json_fail(&at->pass, p, "values are nested deeper than 512 levels");
    value->kind = *p == '{' ? TAGUA_JSON_OBJECT : TAGUA_JSON_ARRAY;
    return *p == '{' ? scan_object(at, p + 1, node, depth + 1) : scan_array(at, p + 1, depth + 1);
}

int tagua_json_scan(const struct tagua_json_projection *projection, const char *text,
                    size_t length, size_t slack, struct tagua_json_layout *layout,
                    struct tagua_json_value *values, struct tagua_json_fault *fault)
{
    struct projecting at = {
        .pass = {.text = text, .end = text + length, .limit = text + length + slack},
        .projection = projection,
        .layout = layout,
        .values = values,
    };
    for (size_t i = 0; i < projection->count; i++) {
        values[i].kind = TAGUA_JSON_ABSENT;
        values[i].whole_name = false;
    }
    struct tagua_json_value whole;
    const char *p = tagua_json_skip_space(&at.pass, text);
    p = scan_value(&at, p, 0, &whole, 0);
    if (p != NULL) {
        p = tagua_json_skip_space(&at.pass, p);
        if (p != at.pass.end)
            p = tagua_json_fail(&at.pass, p, "something follows after the value");
    }
    if (p != NULL && at.pass.high != 0) {
        size_t good = tagua_utf8_check(text, length);
        if (good != length) {
            at.pass.fault = (struct tagua_json_fault){"a byte is not UTF-8", good};
            p = NULL;
        }
    }
    if (p == NULL) {
        *fault = at.pass.fault;
        return -1;
    }
    if (projection->itself != NONE) {
        whole.whole_name = true;
        values[projection->itself] = whole;
    }
    return whole.kind;
}

int tagua_json_project(const struct tagua_json_projection *projection, const char *text,
                       size_t length, struct tagua_json_value *values, struct tagua_error *error)
{
    struct tagua_json_fault fault;
    if (tagua_json_scan(projection, text, length, 0, NULL, values, &fault) < 0)
        return tagua_error_set(error, "EPROTOCOL", "not JSON: %s, at byte %zu", fault.what,
                               fault.offset + 1);
    return 0;
}
