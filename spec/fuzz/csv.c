/* Fuzzes splitter and reader. However the bytes arrive and wherever they are cut into chunks, the
 * same records come out; and the cells of a record are those that a reader finds which looks at
 * one byte after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "csv.h"
#include "record.h"
#include "splitter.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define COLUMNS 4

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

/* What was read, as text to compare. */
struct result {
    struct tagua_buffer text;
    bool failed;
};

static void note(struct result *result, const char *bytes, size_t length)
{
    tagua_buffer_append(&result->text, bytes, length);
    tagua_buffer_append(&result->text, "|", 1);
}

static void note_number(struct result *result, long long number)
{
    char text[32];
    note(result, text, (size_t)snprintf(text, sizeof text, "%lld", number));
}

static struct tagua_reader *open_reader(const struct tagua_splitter *splitter,
                                        enum tagua_format format, char delimiter,
                                        struct tagua_schema **schema)
{
    static const char *const keys[] = {"id", "a", "b", "c"};
    struct tagua_error error;
    const char *const *names = keys;
    size_t count = format == TAGUA_CSV ? tagua_splitter_header(splitter, &names) : COLUMNS;
    if (count == 0)
        return NULL;
    struct tagua_field fields[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        fields[i] =
            (struct tagua_field){"field", names[i % count], (enum tagua_field_type)i, NULL, false};
    struct tagua_schema_options options = {.format = format,
                                           .delimiter = delimiter,
                                           .header = names,
                                           .header_count = count,
                                           .id = names[0],
                                           .fields = fields,
                                           .field_count = COLUMNS};
    *schema = tagua_schema_new(&options, &error);
    return *schema == NULL ? NULL : tagua_reader_new(*schema, &error);
}

static void read_chunk(struct tagua_reader *reader, const struct tagua_chunk *chunk,
                       struct result *result)
{
    struct tagua_record record;
    int outcome;
    char *copy = malloc(chunk->length + (chunk->length == 0));
    memcpy(copy, chunk->bytes, chunk->length);
    tagua_reader_open(reader, copy, chunk->length, chunk->first_line);
    while ((outcome = tagua_reader_next(reader, &record)) != 0) {
        note_number(result, record.line);
        if (outcome < 0) {
            note_number(result, record.column);
            note(result, record.message, strlen(record.message));
            continue;
        }
        note(result, record.id, record.id_length);
        for (size_t i = 0; i < COLUMNS; i++) {
            const struct tagua_value *value = &record.values[i];
            note_number(result, (long long)value->state);
            if (value->state == TAGUA_VALUE_TEXT || value->state == TAGUA_VALUE_BAD)
                note(result, value->text, value->length);
            else if (value->state == TAGUA_VALUE_INTEGER)
                note_number(result, value->integer);
        }
    }
    free(copy);
}

static void run(const char *bytes, size_t size, enum tagua_format format, char delimiter,
                size_t piece, size_t chunk_size, struct result *result)
{
    struct tagua_splitter_options options = {
        .format = format, .delimiter = delimiter, .chunk = chunk_size};
    struct tagua_error error;
    struct tagua_chunk chunk;
    struct tagua_schema *schema = NULL;
    struct tagua_reader *reader = NULL;
    struct tagua_splitter *splitter = tagua_splitter_new(&options, &error);
    tagua_buffer_init(&result->text, (size_t)1 << 28);
    result->failed = splitter == NULL;
    for (size_t at = 0; !result->failed && at <= size; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        if (tagua_splitter_feed(splitter, bytes + at, length, &error) != 0 ||
            (at + piece > size && tagua_splitter_finish(splitter, &error) != 0)) {
            result->failed = true;
            break;
        }
        int found;
        while ((found = tagua_splitter_next(splitter, &chunk, &error)) == 1) {
            if (reader == NULL)
                reader = open_reader(splitter, format, delimiter, &schema);
            if (reader != NULL)
                read_chunk(reader, &chunk, result);
        }
        result->failed = found < 0;
    }
    /* What came before an error, and which of two came first, depends on the pieces. */
    if (result->failed)
        tagua_buffer_clear(&result->text);
    tagua_reader_free(reader);
    tagua_schema_free(schema);
    tagua_splitter_free(splitter);
}

/* A record's cells, a byte at a time: their number, the first ones' bytes, where it ends. */
static size_t read_slowly(const char *p, const char *end, char delimiter, struct result *cells,
                          const char **after, bool *faulty)
{
    enum { START, PLAIN, QUOTED, CLOSED } state = START;
    size_t count = 0;
    char *cell = malloc((size_t)(end - p) + 1);
    size_t length = 0;
    bool over = false;
    *faulty = false;
    for (; !over; p++) {
        char c = p < end ? *p : '\n';
        bool ends = p >= end || c == '\n' || c == '\r';
        if (state == QUOTED && p < end) {
            if (c != '"')
                cell[length++] = c;
            else
                state = CLOSED;
            continue;
        }
        if (state == CLOSED && p < end && c == '"') {
            cell[length++] = c;
            state = QUOTED;
            continue;
        }
        if (state == QUOTED)
            *faulty = true; /* never closed */
        if (ends || c == delimiter) {
            if (count++ < COLUMNS)
                note(cells, cell, length);
            length = 0;
            state = START;
            over = ends;
            if (p < end && c == '\r' && p + 1 < end && p[1] == '\n')
                p++;
        } else if (state == CLOSED) {
            *faulty = true;
            state = PLAIN;
        } else if (state == START && c == '"') {
            state = QUOTED;
        } else {
            cell[length++] = c;
            state = PLAIN;
        }
    }
    *after = p > end ? end : p;
    free(cell);
    return count;
}

static void compare_cells(const char *bytes, size_t size, char delimiter)
{
    static const uint16_t wanted[COLUMNS] = {0, 1, 2, 3};
    const char *end = bytes + size;
    for (const char *p = bytes; p < end;) {
        struct tagua_csv_cell cells[COLUMNS] = {{NULL, 0, false}};
        struct tagua_csv_record record;
        struct result fast = {.failed = false}, slow = {.failed = false};
        const char *after;
        bool faulty;
        tagua_buffer_init(&fast.text, (size_t)1 << 28);
        tagua_buffer_init(&slow.text, (size_t)1 << 28);
        tagua_csv_read(p, end, delimiter, wanted, COLUMNS, cells, &record);
        size_t count = read_slowly(p, end, delimiter, &slow, &after, &faulty);
        if (record.end != after || record.cells != count || (record.fault != NULL) != faulty)
            fail("the record is cut in another way, byte by byte");
        for (size_t i = 0; !faulty && i < count && i < COLUMNS; i++) {
            char *text = malloc(cells[i].length + 1);
            note(&fast, text, tagua_csv_text(&cells[i], text));
            free(text);
        }
        if (!faulty && (fast.text.length != slow.text.length ||
                        memcmp(fast.text.data, slow.text.data, fast.text.length) != 0))
            fail("a cell is another one, byte by byte");
        tagua_buffer_free(&fast.text);
        tagua_buffer_free(&slow.text);
        p = after;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char delimiters[] = ",;\t|";
    if (size < 3)
        return 0;
    enum tagua_format format = data[0] % 4 == 3 ? TAGUA_JSONL : TAGUA_CSV;
    char delimiter = delimiters[data[0] / 4 % 4];
    const char *bytes = (const char *)data + 3;
    size -= 3;
    struct result whole, cut;
    run(bytes, size, format, delimiter, size + 1, 0, &whole);
    run(bytes, size, format, delimiter, (size_t)data[1] + 1, (size_t)data[2] + 1, &cut);
    if (whole.failed != cut.failed || whole.text.length != cut.text.length ||
        (whole.text.length > 0 && memcmp(whole.text.data, cut.text.data, whole.text.length) != 0)) {
        fprintf(stderr, "whole: %s\ncut: %s\n", whole.text.data, cut.text.data);
        fail("the records depend on how the bytes arrive");
    }
    tagua_buffer_free(&whole.text);
    tagua_buffer_free(&cut.text);
    if (format == TAGUA_CSV)
        compare_cells(bytes, size, delimiter);
    return 0;
}
