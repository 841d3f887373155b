/* Fuzzes the check of UTF-8: many bytes at a time, as it is done, and one sequence after another must agree on
 * where the first fault is, wherever in memory and between ASCII the bytes stand. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t by_sequences(const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t used = tagua_utf8_sequence(bytes + at, length - at);
        if (used == 0)
            return at;
        at += used;
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t before = 0; before < 34; before += 3) {
        char *text = malloc(before + size + 1);
        if (text == NULL)
            return 0;
        memset(text, 'a', before);
        memcpy(text + before, data, size);
        if (tagua_utf8_check(text, before + size) != by_sequences(text, before + size))
            abort();
        free(text);
    }
    return 0;
}
