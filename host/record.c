/* Records out of a chunk, one by one. Owns a reader's memory: the values of the record that it is
 * at, and the bytes of texts that had to be decoded. Pure. */
#include "record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "scan.h"
#include "schema.h"
#include "utf8.h"
#include "value.h"

struct tagua_reader {
    const struct tagua_schema *schema;
    const char *p, *end; /* what is left of the chunk */
    int64_t line;        /* of p */
    struct tagua_value *values;
    union {
        struct tagua_csv_cell *cells; /* one a source */
        struct tagua_json_value *jsons;
        void *sources;
    };
    struct tagua_json_layout layout;
    char *decoded; /* texts without their escapes; reset for each record */
    size_t decoded_used, decoded_capacity;
    char message[300];
};

/* A text out of a source: where it is, once escapes are gone. */
struct span {
    const char *start;
    size_t length;
};

struct tagua_reader *tagua_reader_new(const struct tagua_schema *schema, struct tagua_error *error)
{
    struct tagua_reader *reader = calloc(1, sizeof *reader);
    if (reader != NULL) {
        reader->schema = schema;
        reader->values = calloc(schema->field_count + 1, sizeof *reader->values);
        reader->sources =
            calloc(schema->source_count + 1, schema->format == TAGUA_CSV
                                                 ? sizeof(struct tagua_csv_cell)
                                                 : sizeof(struct tagua_json_value));
    }
    if (reader == NULL || reader->values == NULL || reader->sources == NULL) {
        tagua_reader_free(reader);
        tagua_error_set(error, "EIO", "no memory to read records");
        return NULL;
    }
    return reader;
}

void tagua_reader_free(struct tagua_reader *reader)
{
    if (reader == NULL)
        return;
    free(reader->values);
    free(reader->sources);
    free(reader->decoded);
    free(reader);
}

void tagua_reader_open(struct tagua_reader *reader, const char *chunk, size_t length,
                       int64_t first_line)
{
    reader->p = chunk;
    reader->end = chunk + length;
    reader->line = first_line;
}

/* Fills the record as rejected for a fault at `at`, in a record that starts at `start`. */
static int reject(struct tagua_reader *reader, struct tagua_record *record, const char *start,
                  const char *at, const char *format, ...) __attribute__((format(printf, 5, 6)));

static int reject(struct tagua_reader *reader, struct tagua_record *record, const char *start,
                  const char *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->message, sizeof reader->message, format, arguments);
    va_end(arguments);
    /* A message that was cut keeps whole characters. */
    size_t length = strlen(reader->message);
    reader->message[tagua_utf8_check(reader->message, length)] = '\0';
    const char *line_start = at;
    while (line_start > start && line_start[-1] != '\n' && line_start[-1] != '\r')
        line_start--;
    record->line += tagua_scan_count_lines(start, line_start);
    record->column = (int64_t)tagua_utf8_count(line_start, (size_t)(at - line_start)) + 1;
    record->message = reader->message;
    return -1;
}

/* Room for `length` decoded bytes of a record of `whole` bytes, or NULL without memory. The sources
 * of one record are never longer than it, so what was handed out stays in place. */
static char *decoding_room(struct tagua_reader *reader, size_t length, size_t whole)
{
    if (reader->decoded_used == 0 && reader->decoded_capacity < whole) {
        free(reader->decoded);
        reader->decoded_capacity = 0;
        reader->decoded = malloc(whole);
        if (reader->decoded == NULL)
            return NULL;
        reader->decoded_capacity = whole;
    }
    if (reader->decoded_capacity - reader->decoded_used < length)
        return NULL;
    char *room = reader->decoded + reader->decoded_used;
    return room;
}

/* A spreadsheet shows long numbers as 1.23457E+17, and saves what it shows. */
static bool is_mangled_number(const char *id, size_t length)
{
    const char *exponent = memchr(id, 'E', length);
    if (exponent == NULL || exponent == id || id + length - exponent != 4 || exponent[1] != '+')
        return false;
    for (size_t i = 0; i < length; i++) {
        bool is_digit = id[i] >= '0' && id[i] <= '9';
        bool is_sign = id + i == exponent || id + i == exponent + 1;
        if (!is_digit && !is_sign && !(i == 1 && id[i] == '.'))
            return false;
    }
    return exponent == id + 1 || (id[1] == '.' && exponent > id + 2);
}

/* Checks the id's text and takes it into the record: 0, or -1 when the record is rejected. */
static int take_id(struct tagua_reader *reader, struct tagua_record *record, const char *start,
                   const char *at, struct span text)
{
    const char *name = reader->schema->id;
    tagua_value_trim(&text.start, &text.length);
    if (text.length == 0)
        return reject(reader, record, start, at, "the id in '%.60s' is empty", name);
    if (text.length > TAGUA_RECORD_MAX_ID)
        return reject(reader, record, start, at, "the id is %zu bytes long; %d are the most",
                      text.length, TAGUA_RECORD_MAX_ID);
    if (tagua_scan_has_control(text.start, text.start + text.length))
        return reject(reader, record, start, at, "the id holds a control character");
    if (is_mangled_number(text.start, text.length))
        return reject(reader, record, start, at,
                      "the id '%.*s' is what a spreadsheet makes of a long number; export the "
                      "column as text",
                      (int)text.length, text.start);
    record->id = text.start;
    record->id_length = text.length;
    return 0;
}

static int next_csv(struct tagua_reader *reader, struct tagua_record *record)
{
    const struct tagua_schema *schema = reader->schema;
    const char *start = reader->p;
    struct tagua_csv_record seen;
    tagua_csv_read(start, reader->end, schema->delimiter, schema->column_source,
                   schema->column_count, reader->cells, &seen);
    size_t whole = (size_t)(seen.end - start);
    record->line = reader->line;
    reader->p = seen.end;
    reader->line += seen.quoted ? tagua_scan_count_lines(start, seen.end) : 1;
    if (seen.fault != NULL)
        return reject(reader, record, start, seen.fault_at, "%s", seen.fault);
    if (seen.high != 0) {
        size_t good = tagua_utf8_check(start, whole);
        if (good != whole)
            return reject(reader, record, start, start + good,
                          "a byte is not UTF-8; name the file's encoding with --encoding");
    }
    if (seen.cells != schema->column_count) {
        const char *at = seen.surplus;
        if (at == NULL) {
            at = seen.end;
            while (at > start && (at[-1] == '\n' || at[-1] == '\r'))
                at--;
        }
        return reject(reader, record, start, at, "too %s cells: %zu where the header has %zu",
                      seen.surplus == NULL ? "few" : "many", seen.cells, schema->column_count);
    }

    reader->decoded_used = 0;
    struct tagua_csv_cell *id = &reader->cells[schema->id_source];
    const char *id_at = id->start;
    for (size_t i = 0; i < schema->source_count; i++) {
        struct tagua_csv_cell *cell = &reader->cells[i];
        if (!cell->doubled)
            continue;
        char *room = decoding_room(reader, cell->length, whole);
        if (room == NULL)
            return reject(reader, record, start, cell->start, "no memory to read a cell");
        cell->length = tagua_csv_text(cell, room);
        cell->start = room;
        reader->decoded_used += cell->length;
    }
    if (take_id(reader, record, start, id_at, (struct span){id->start, id->length}) != 0)
        return -1;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct tagua_csv_cell *cell = &reader->cells[schema->field_source[i]];
        tagua_value_from_text(&schema->fields[i], schema->zone, cell->start, cell->length,
                              &reader->values[i]);
    }
    return 1;
}

/* The id out of its JSON value: 0, or -1 when the record is rejected. */
static int take_json_id(struct tagua_reader *reader, struct tagua_record *record, const char *start,
                        const struct tagua_json_value *id)
{
    const char *name = reader->schema->id;
    switch (id->kind) {
    case TAGUA_JSON_TEXT:
    case TAGUA_JSON_INTEGER:
        return take_id(reader, record, start, id->start, (struct span){id->start, id->length});
    case TAGUA_JSON_ABSENT:
        return reject(reader, record, start, start, "the key '%.60s', the id, is missing", name);
    case TAGUA_JSON_NULL:
        return reject(reader, record, start, id->start, "the id '%.60s' is null", name);
    case TAGUA_JSON_NUMBER:
        return reject(reader, record, start, id->start,
                      "the id %.*s has a fraction or an exponent; write ids as strings",
                      id->length > 60 ? 60 : (int)id->length, id->start);
    default:
        return reject(reader, record, start, id->start,
                      "the id '%.60s' is neither a string nor an integer", name);
    }
}

static int next_jsonl(struct tagua_reader *reader, struct tagua_record *record)
{
    const struct tagua_schema *schema = reader->schema;
    const char *start = reader->p;
    const char *line_end = tagua_scan_line_end(start, reader->end);
    size_t whole = (size_t)(line_end - start);
    reader->p = line_end;
    if (line_end < reader->end) {
        bool pair = *line_end == '\r' && line_end + 1 < reader->end && line_end[1] == '\n';
        reader->p += pair ? 2 : 1;
    }
    record->line = reader->line++;
    struct tagua_json_fault fault;
    int kind = tagua_json_scan(schema->projection, start, whole, (size_t)(reader->end - line_end),
                               &reader->layout, reader->jsons, &fault);
    if (kind < 0)
        return reject(reader, record, start, start + fault.offset, "%s", fault.what);
    if (kind != TAGUA_JSON_OBJECT)
        return reject(reader, record, start, start, "the line is not a JSON object");

    reader->decoded_used = 0;
    const char *id_at = reader->jsons[schema->id_source].start;
    for (size_t i = 0; i < schema->source_count; i++) {
        struct tagua_json_value *json = &reader->jsons[i];
        if (json->kind != TAGUA_JSON_TEXT || !json->escaped)
            continue;
        char *room = decoding_room(reader, json->length, whole);
        if (room == NULL)
            return reject(reader, record, start, json->start, "no memory to read a text");
        json->length = tagua_json_text(json, room);
        json->start = room;
        reader->decoded_used += json->length;
    }
    const struct tagua_json_value *id = &reader->jsons[schema->id_source];
    if (id->kind == TAGUA_JSON_TEXT) {
        if (take_id(reader, record, start, id_at, (struct span){id->start, id->length}) != 0)
            return -1;
    } else if (take_json_id(reader, record, start, id) != 0) {
        return -1;
    }
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct tagua_json_value *json = &reader->jsons[schema->field_source[i]];
        if (json->kind == TAGUA_JSON_TEXT)
            tagua_value_from_text(&schema->fields[i], schema->zone, json->start, json->length,
                                  &reader->values[i]);
        else
            tagua_value_from_json(&schema->fields[i], json, &reader->values[i]);
    }
    return 1;
}

/* Passes over lines of blanks alone. */
static void skip_blank_lines(struct tagua_reader *reader)
{
    for (;;) {
        const char *p = reader->p;
        while (p < reader->end && (*p == ' ' || *p == '\t') &&
               *p != reader->schema->delimiter)
            p++;
        if (p == reader->end) {
            reader->p = p;
            return;
        }
        if (*p != '\n' && *p != '\r')
            return;
        p += *p == '\r' && p + 1 < reader->end && p[1] == '\n' ? 2 : 1;
        reader->p = p;
        reader->line++;
    }
}

int tagua_reader_next(struct tagua_reader *reader, struct tagua_record *record)
{
    skip_blank_lines(reader);
    if (reader->p == reader->end)
        return 0;
    record->values = reader->values;
    record->column = 0;
    record->message = NULL;
    record->id = NULL;
    record->id_length = 0;
    return reader->schema->format == TAGUA_CSV ? next_csv(reader, record)
                                               : next_jsonl(reader, record);
}
