/* A stream of bytes into chunks of whole records. Owns the bytes that are not yet in a chunk, and
 * the header's names. No I/O. */
#define _POSIX_C_SOURCE 200809L
#include "splitter.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "boundary.h"
#include "buffer.h"
#include "csv.h"
#include "encoding.h"
#include "scan.h"
#include "utf8.h"
#include "value.h"

#define MAX_COLUMNS 10000
#define MAX_BUFFER ((size_t)1 << 30)

struct tagua_splitter {
    char delimiter; /* '\0': JSONL */
    size_t max_record, chunk;
    struct tagua_encoding *encoding; /* NULL: none is needed */
    char encoding_name[64];
    struct tagua_buffer buffer;
    size_t start;  /* before it, the bytes of a chunk that was handed out */
    int64_t line;  /* of the byte at `start` */
    bool begun;    /* the place of a byte-order mark was seen */
    bool finished; /* no more bytes come */
    bool any;      /* something other than blanks was seen */
    struct tagua_boundary at; /* counts from `start` */
    char **header;
    size_t header_count;
    bool header_seen;
    bool failed;
    struct tagua_error failure;
};

struct tagua_splitter *tagua_splitter_new(const struct tagua_splitter_options *options,
                                          struct tagua_error *error)
{
    char delimiter = options->delimiter == '\0' ? ',' : options->delimiter;
    if (options->format == TAGUA_CSV && (delimiter == '"' || delimiter == '\n' ||
                                         delimiter == '\r' || (unsigned char)delimiter >= 0x80)) {
        tagua_error_set(error, "EUSAGE", "the delimiter must be one ASCII character, and neither a "
                                         "double quote nor a line end");
        return NULL;
    }
    struct tagua_splitter *splitter = calloc(1, sizeof *splitter);
    if (splitter == NULL) {
        tagua_error_set(error, "EIO", "no memory to read the input");
        return NULL;
    }
    splitter->delimiter = options->format == TAGUA_CSV ? delimiter : '\0';
    splitter->max_record =
        options->max_record == 0 ? TAGUA_SPLITTER_MAX_RECORD : options->max_record;
    splitter->chunk = options->chunk == 0 ? TAGUA_SPLITTER_CHUNK : options->chunk;
    if (splitter->chunk > splitter->max_record)
        splitter->chunk = splitter->max_record;
    splitter->line = 1;
    tagua_buffer_init(&splitter->buffer, MAX_BUFFER);
    const char *encoding = options->encoding;
    if (encoding != NULL && strcasecmp(encoding, "utf-8") != 0 &&
        strcasecmp(encoding, "utf8") != 0) {
        splitter->encoding = tagua_encoding_new(encoding, error);
        if (splitter->encoding == NULL) {
            tagua_splitter_free(splitter);
            return NULL;
        }
        strncpy(splitter->encoding_name, encoding, sizeof splitter->encoding_name - 1);
    }
    return splitter;
}

void tagua_splitter_free(struct tagua_splitter *splitter)
{
    if (splitter == NULL)
        return;
    for (size_t i = 0; i < splitter->header_count; i++)
        free(splitter->header[i]);
    free(splitter->header);
    tagua_encoding_free(splitter->encoding);
    tagua_buffer_free(&splitter->buffer);
    free(splitter);
}

/* The bytes that are not yet in a chunk. */
static const char *rest(const struct tagua_splitter *splitter, size_t *length)
{
    *length = splitter->buffer.length - splitter->start;
    return splitter->buffer.data == NULL ? "" : splitter->buffer.data + splitter->start;
}

/* Keeps the error, so that it is given again. */
static int fail(struct tagua_splitter *splitter, const struct tagua_error *error)
{
    splitter->failed = true;
    splitter->failure = *error;
    return -1;
}

static int fail_again(const struct tagua_splitter *splitter, struct tagua_error *error)
{
    *error = splitter->failure;
    return -1;
}

/* The line of a place in the rest. */
static int64_t line_of(const struct tagua_splitter *splitter, size_t offset)
{
    size_t length;
    const char *bytes = rest(splitter, &length);
    return splitter->line + tagua_scan_count_lines(bytes, bytes + offset);
}

/* Takes the byte-order mark off the front of the first bytes. */
static int begin(struct tagua_splitter *splitter, struct tagua_error *error)
{
    size_t length;
    const char *bytes = rest(splitter, &length);
    if (length < 3 && !splitter->finished)
        return 0;
    splitter->begun = true;
    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        splitter->start += 3;
    if (length >= 2 && (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0)) {
        tagua_error_set(error, "EINPUT", "the input is UTF-16; read it with --encoding utf-16");
        return fail(splitter, error);
    }
    return 0;
}

/* Looks at bytes that were just appended, from `from` on. */
static int check_new(struct tagua_splitter *splitter, size_t from, struct tagua_error *error)
{
    const char *bytes = splitter->buffer.data;
    size_t length = splitter->buffer.length - from;
    if (length == 0)
        return 0;
    const char *nul = memchr(bytes + from, '\0', length);
    if (nul != NULL) {
        size_t offset = (size_t)(nul - bytes) - splitter->start;
        tagua_error_set(error, "EINPUT",
                        "a NUL byte stands on line %lld of the input, so it is not text; if it is "
                        "UTF-16, read it with --encoding utf-16",
                        (long long)line_of(splitter, offset));
        return fail(splitter, error);
    }
    for (size_t i = from; !splitter->any && i < splitter->buffer.length; i++)
        splitter->any = strchr(" \t\r\n\xEF\xBB\xBF", bytes[i]) == NULL;
    return 0;
}

static int bad_encoding(struct tagua_splitter *splitter, enum tagua_encoding_outcome outcome,
                        struct tagua_error *error)
{
    size_t length;
    rest(splitter, &length);
    if (outcome == TAGUA_ENCODING_MEMORY)
        tagua_error_set(error, "ETOOBIG", "no memory for the input's bytes");
    else
        tagua_error_set(error, "EINPUT",
                        "line %lld of the input holds bytes that are not %s; name the encoding "
                        "that it is in with --encoding",
                        (long long)line_of(splitter, length), splitter->encoding_name);
    return fail(splitter, error);
}

static int read_header(struct tagua_splitter *splitter, struct tagua_error *error);

/* Forgets what was handed out. */
static void drop_taken(struct tagua_splitter *splitter)
{
    tagua_buffer_consume(&splitter->buffer, splitter->start);
    splitter->start = 0;
}

/* Bytes were appended behind `before`. */
static int appended(struct tagua_splitter *splitter, size_t before, struct tagua_error *error)
{
    if (!splitter->begun && begin(splitter, error) != 0)
        return -1;
    if (check_new(splitter, before, error) != 0)
        return -1;
    return splitter->begun ? read_header(splitter, error) : 0;
}

int tagua_splitter_feed(struct tagua_splitter *splitter, const char *bytes, size_t length,
                        struct tagua_error *error)
{
    if (splitter->failed)
        return fail_again(splitter, error);
    drop_taken(splitter);
    size_t before = splitter->buffer.length;
    if (splitter->encoding != NULL) {
        enum tagua_encoding_outcome outcome =
            tagua_encoding_convert(splitter->encoding, bytes, length, &splitter->buffer);
        if (outcome != TAGUA_ENCODING_FINE)
            return bad_encoding(splitter, outcome, error);
    } else if (tagua_buffer_append(&splitter->buffer, bytes, length) != 0) {
        tagua_error_set(error, "ETOOBIG", "no memory for %zu bytes of input", length);
        return fail(splitter, error);
    }
    return appended(splitter, before, error);
}

char *tagua_splitter_room(struct tagua_splitter *splitter, size_t length)
{
    if (splitter->encoding != NULL || splitter->failed)
        return NULL;
    drop_taken(splitter);
    return tagua_buffer_reserve(&splitter->buffer, length);
}

int tagua_splitter_filled(struct tagua_splitter *splitter, size_t length, struct tagua_error *error)
{
    if (splitter->failed)
        return fail_again(splitter, error);
    size_t before = splitter->buffer.length;
    splitter->buffer.length += length;
    splitter->buffer.data[splitter->buffer.length] = '\0';
    return appended(splitter, before, error);
}

int tagua_splitter_finish(struct tagua_splitter *splitter, struct tagua_error *error)
{
    if (splitter->failed)
        return fail_again(splitter, error);
    if (splitter->finished)
        return 0;
    splitter->finished = true;
    size_t before = splitter->buffer.length;
    if (splitter->encoding != NULL) {
        enum tagua_encoding_outcome outcome =
            tagua_encoding_finish(splitter->encoding, &splitter->buffer);
        if (outcome != TAGUA_ENCODING_FINE)
            return bad_encoding(splitter, outcome, error);
    }
    if (!splitter->begun && begin(splitter, error) != 0)
        return -1;
    if (check_new(splitter, before, error) != 0)
        return -1;
    if (!splitter->any) {
        tagua_error_set(error, "EINPUT", "the input is empty");
        return fail(splitter, error);
    }
    return read_header(splitter, error);
}

/* Takes `length` bytes off the front of the rest. */
static void take(struct tagua_splitter *splitter, size_t length)
{
    splitter->line = line_of(splitter, length);
    splitter->start += length;
    tagua_boundary_take(&splitter->at, length);
}

static int too_long(struct tagua_splitter *splitter, struct tagua_error *error)
{
    if (splitter->at.in_quotes)
        tagua_error_set(error, "EINPUT",
                        "the record that begins on line %lld is longer than %zu bytes; the quote "
                        "that opens on line %lld is perhaps never closed",
                        (long long)splitter->line, splitter->max_record,
                        (long long)line_of(splitter, splitter->at.opened));
    else
        tagua_error_set(error, "EINPUT",
                        "the record that begins on line %lld is longer than %zu bytes",
                        (long long)splitter->line, splitter->max_record);
    return fail(splitter, error);
}

static int cut_off(struct tagua_splitter *splitter, struct tagua_error *error)
{
    tagua_error_set(error, "EINPUT",
                    "the input is cut off inside the quoted field that begins on line %lld; get "
                    "the whole file, or close the quote",
                    (long long)line_of(splitter, splitter->at.opened));
    return fail(splitter, error);
}

/* Looks for the end of a record within `wanted` bytes, or as many more as the first one needs.
 * Returns 1 when splitter->at.last is one; 0 when more bytes are needed; -1 with *error. */
static int find_boundary(struct tagua_splitter *splitter, size_t wanted, struct tagua_error *error)
{
    size_t length;
    const char *bytes = rest(splitter, &length);
    size_t until = wanted;
    for (;;) {
        if (until > length)
            until = length;
        tagua_boundary_scan(&splitter->at, bytes, until, length, splitter->delimiter,
                            splitter->finished);
        if (splitter->at.last > 0)
            return 1;
        if (splitter->at.scanned > splitter->max_record)
            return too_long(splitter, error);
        if (until == length)
            break;
        until += wanted;
    }
    return 0;
}

/* Takes the name of a column out of the header; NULL without memory. */
static char *column_name(const struct tagua_csv_cell *cell)
{
    char *name = malloc(cell->length + 1);
    if (name == NULL)
        return NULL;
    size_t length = tagua_csv_text(cell, name);
    const char *inside = name;
    tagua_value_trim(&inside, &length);
    memmove(name, inside, length);
    name[length] = '\0';
    return name;
}

static int bad_header(struct tagua_splitter *splitter, size_t offset, const char *what,
                      struct tagua_error *error)
{
    tagua_error_set(error, "EINPUT", "the header on line %lld cannot be read: %s",
                    (long long)line_of(splitter, offset), what);
    return fail(splitter, error);
}

static int no_header_memory(struct tagua_splitter *splitter, struct tagua_error *error)
{
    tagua_error_set(error, "EIO", "no memory to read the header");
    return fail(splitter, error);
}

static int take_names(struct tagua_splitter *splitter, const struct tagua_csv_cell *cells,
                      size_t count, struct tagua_error *error)
{
    splitter->header = calloc(count, sizeof *splitter->header);
    if (splitter->header == NULL)
        return no_header_memory(splitter, error);
    for (size_t i = 0; i < count; i++) {
        char *name = column_name(&cells[i]);
        if (name == NULL)
            return no_header_memory(splitter, error);
        splitter->header[splitter->header_count++] = name;
        for (size_t j = 0; *name != '\0' && j < i; j++) {
            if (strcmp(splitter->header[j], name) != 0)
                continue;
            tagua_error_set(error, "EINPUT",
                            "the header names two columns '%s', number %zu and number %zu; rename "
                            "one",
                            name, j + 1, i + 1);
            return fail(splitter, error);
        }
    }
    return 0;
}

/* Reads the first record of CSV into names, once it is there. */
static int read_header(struct tagua_splitter *splitter, struct tagua_error *error)
{
    if (splitter->delimiter == '\0' || splitter->header_seen)
        return 0;
    size_t length;
    const char *bytes = rest(splitter, &length);
    size_t blank = 0; /* lines before the header */
    while (blank < length && (bytes[blank] == '\n' || bytes[blank] == '\r'))
        blank++;
    if (blank == length && !splitter->finished)
        return 0;
    take(splitter, blank);
    bytes = rest(splitter, &length);
    int found = find_boundary(splitter, splitter->chunk, error);
    if (found < 0)
        return -1;
    if (splitter->at.in_quotes && splitter->finished && splitter->at.last == 0)
        return cut_off(splitter, error);
    if (found == 0 && !splitter->finished)
        return 0;

    struct tagua_csv_record record;
    tagua_csv_read(bytes, bytes + length, splitter->delimiter, NULL, 0, NULL, &record);
    size_t header_length = (size_t)(record.end - bytes);
    size_t count = record.cells;
    if (record.fault != NULL)
        return bad_header(splitter, (size_t)(record.fault_at - bytes), record.fault, error);
    size_t good = tagua_utf8_check(bytes, header_length);
    if (good != header_length)
        return bad_header(splitter, good,
                          "it is not UTF-8; name the file's encoding with --encoding, such as "
                          "big5",
                          error);
    if (count > MAX_COLUMNS)
        return bad_header(splitter, 0, "it has more than 10000 columns", error);
    struct tagua_csv_cell *cells = calloc(count, sizeof *cells);
    uint16_t *wanted = calloc(count, sizeof *wanted);
    int result = -1;
    if (cells == NULL || wanted == NULL) {
        no_header_memory(splitter, error);
    } else {
        for (size_t i = 0; i < count; i++)
            wanted[i] = (uint16_t)i;
        tagua_csv_read(bytes, bytes + length, splitter->delimiter, wanted, count, cells, &record);
        result = take_names(splitter, cells, count, error);
    }
    free(cells);
    free(wanted);
    if (result == 0) {
        splitter->header_seen = true;
        take(splitter, header_length);
        splitter->at = (struct tagua_boundary){0, false, 0, 0}; /* it had gone on past the header */
    }
    return result;
}

int tagua_splitter_next(struct tagua_splitter *splitter, struct tagua_chunk *chunk,
                        struct tagua_error *error)
{
    if (splitter->failed)
        return fail_again(splitter, error);
    size_t length;
    const char *bytes = rest(splitter, &length);
    bool waiting = !splitter->begun || (splitter->delimiter != '\0' && !splitter->header_seen);
    if (waiting || length == 0 || (length < splitter->chunk && !splitter->finished))
        return 0;
    int found = find_boundary(splitter, splitter->chunk, error);
    if (found < 0)
        return -1;
    if (found == 0 && !splitter->finished)
        return 0;
    /* At the end of the input the last record needs no line end; but a quote must be closed. */
    size_t taken = splitter->at.last;
    if (found == 0) {
        if (splitter->at.in_quotes)
            return cut_off(splitter, error);
        taken = length;
    }
    *chunk = (struct tagua_chunk){bytes, taken, splitter->line};
    take(splitter, taken);
    return 1;
}

size_t tagua_splitter_header(const struct tagua_splitter *splitter, const char *const **names)
{
    *names = (const char *const *)splitter->header;
    return splitter->header_seen ? splitter->header_count : 0;
}
