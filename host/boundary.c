/* Where records end in a stream of CSV or JSONL. Pure; owns nothing. */
#define _GNU_SOURCE
#include "boundary.h"

#include <string.h>

/* After the last line end in [from, until), or 0. A pair that `until` cuts in two counts whole. */
static size_t last_line_end(const char *bytes, size_t from, size_t until, size_t length)
{
    const char *feed = memrchr(bytes + from, '\n', until - from);
    size_t after_feed = feed == NULL ? 0 : (size_t)(feed - bytes) + 1;
    size_t begin = after_feed > from ? after_feed : from;
    const char *carriage = memrchr(bytes + begin, '\r', until - begin);
    if (carriage == NULL)
        return after_feed;
    size_t after = (size_t)(carriage - bytes) + 1;
    return after < length && bytes[after] == '\n' ? after + 1 : after;
}

void tagua_boundary_scan(struct tagua_boundary *at, const char *bytes, size_t until, size_t length,
                         char delimiter, bool over)
{
    if (!over && until == length && until > 0 && bytes[until - 1] == '\r')
        until--; /* half of a pair, perhaps */
    while (at->scanned < until) {
        const char *from = bytes + at->scanned;
        const char *quote = delimiter == '\0' ? NULL : memchr(from, '"', until - at->scanned);
        size_t place = quote == NULL ? until : (size_t)(quote - bytes);
        if (!at->in_quotes) {
            size_t found = last_line_end(bytes, at->scanned, place, length);
            if (found != 0)
                at->last = found;
            at->scanned = found > place ? found : place;
            if (quote == NULL)
                return;
            char before = place == 0 ? '\n' : bytes[place - 1];
            if (before == delimiter || before == '\n' || before == '\r') {
                at->in_quotes = true;
                at->opened = place;
            }
            at->scanned++;
        } else if (quote == NULL) {
            at->scanned = until;
        } else if (place + 1 == length && !over) {
            at->scanned = place; /* a closing quote, or half of a doubled one */
            return;
        } else if (place + 1 < length && quote[1] == '"') {
            at->scanned = place + 2;
        } else {
            at->in_quotes = false;
            at->scanned = place + 1;
        }
    }
}

void tagua_boundary_take(struct tagua_boundary *at, size_t length)
{
    at->scanned = at->scanned > length ? at->scanned - length : 0;
    at->opened = at->opened > length ? at->opened - length : 0;
    at->last = 0;
}
