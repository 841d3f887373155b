/* The nearest of the names that exist, for error messages. Pure; owns nothing. */
#include "nearest.h"

#include <stdint.h>
#include <string.h>

#include "utf8.h"

#define LONGEST 64

/* The characters of a name, ASCII letters in lower case; how many. */
static size_t characters(const char *name, uint32_t *points)
{
    size_t length = strlen(name);
    size_t count = 0;
    for (size_t i = 0; i < length && count < LONGEST;) {
        size_t used = tagua_utf8_sequence(name + i, length - i);
        if (used == 0)
            used = 1;
        uint32_t point = 0;
        for (size_t j = 0; j < used; j++)
            point = point << 8 | (unsigned char)name[i + j];
        if (point >= 'A' && point <= 'Z')
            point += 'a' - 'A';
        points[count++] = point;
        i += used;
    }
    return count;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t tagua_nearest_distance(const char *a, const char *b)
{
    uint32_t from[LONGEST], to[LONGEST];
    size_t from_count = characters(a, from);
    size_t to_count = characters(b, to);
    size_t rows[3][LONGEST + 1]; /* two rows up, one row up, this one */
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= to_count; j++)
        above[j] = j;
    for (size_t i = 1; i <= from_count; i++) {
        row[0] = i;
        for (size_t j = 1; j <= to_count; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                           above[j - 1] + (from[i - 1] != to[j - 1]));
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[to_count];
}

const char *tagua_nearest(const char *name, const char *const *names, size_t count)
{
    uint32_t points[LONGEST];
    size_t limit = characters(name, points) / 3 + 1;
    const char *best = NULL;
    size_t best_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = tagua_nearest_distance(name, names[i]);
        /* A name of which every character must change is not near, however short. */
        if (distance < best_distance && distance < characters(names[i], points)) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
