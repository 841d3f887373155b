/* How many records a second the record unit reads: generates user records of about 300 bytes with
 * 20 fields, as JSONL and as CSV, and reads each with 3 and with 10 of them declared, beside a
 * search for line ends in the same bytes. Five rounds, in turn; medians, minimum and maximum.
 *
 *     make build/bench/records && build/bench/records [RECORDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../host/buffer.h"
#include "../host/clock.h"
#include "../host/json.h"
#include "../host/record.h"
#include "../host/scan.h"
#include "../host/splitter.h"

#define ROUNDS 5
#define CHUNK ((size_t)256 * 1024)

static const char *const names[] = {
    "id",    "name",   "city",       "orders", "spend",  "last_order", "created",
    "email", "phone",  "gender",     "level",  "points", "shop",       "source",
    "opens", "clicks", "subscribed", "note",   "locale", "age",
};

struct text {
    struct tagua_buffer jsonl, csv;
};

static void generate(struct text *text, size_t records)
{
    static const char *const cities[] = {"台北", "高雄", "台中", "Tainan", "新竹", ""};
    static const char *const notes[] = {"", "likes tea",
                                        "\xe5\x96\x9c\xe6\xad\xa1\xe7\xb4\x85\xe8\x8c\xb6",
                                        "asked for a refund, twice"};
    tagua_buffer_init(&text->jsonl, (size_t)1 << 31);
    tagua_buffer_init(&text->csv, (size_t)1 << 31);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tagua_buffer_append_text(&text->csv, i == 0 ? "" : ",");
        tagua_buffer_append_text(&text->csv, names[i]);
    }
    tagua_buffer_append_text(&text->csv, "\n");
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < records; i++) {
        char line[1000];
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        unsigned a = (unsigned)(random & 0xffff);
        unsigned b = (unsigned)(random >> 16 & 0xffff);
        const char *city = cities[a % 6];
        const char *note = notes[b % 4];
        int length = snprintf(
            line, sizeof line,
            "{\"id\":\"U%032zx\",\"name\":\"User "
            "%zu\",\"city\":\"%s\",\"orders\":%u,\"spend\":%u.%02u,"
            "\"last_order\":\"2026-%02u-%02u\",\"created\":%u,\"email\":\"user%zu@example.com\","
            "\"phone\":\"09%08u\",\"gender\":\"%s\",\"level\":%u,\"points\":%u,\"shop\":\"s%u\","
            "\"source\":\"line\",\"opens\":%u,\"clicks\":%u,\"subscribed\":%s,\"note\":\"%s\","
            "\"locale\":\"zh-TW\",\"age\":%u}\n",
            i, i, city, a % 40, b, a % 100, a % 12 + 1, b % 28 + 1, 1700000000 + a, i,
            a * 1000 + b % 1000, a % 2 ? "F" : "M", a % 5, b, a % 30, a % 90, b % 50,
            a % 3 ? "true" : "false", note, a % 80);
        tagua_buffer_append(&text->jsonl, line, (size_t)length);
        const char *quote = strchr(note, ',') != NULL ? "\"" : "";
        length = snprintf(
            line, sizeof line,
            "U%032zx,User %zu,%s,%u,%u.%02u,2026-%02u-%02u,%u,user%zu@example.com,09%08u,%s,%u,%u,"
            "s%u,line,%u,%u,%s,%s%s%s,zh-TW,%u\n",
            i, i, city, a % 40, b, a % 100, a % 12 + 1, b % 28 + 1, 1700000000 + a, i,
            a * 1000 + b % 1000, a % 2 ? "F" : "M", a % 5, b, a % 30, a % 90, b % 50,
            a % 3 ? "true" : "false", quote, note, quote, a % 80);
        tagua_buffer_append(&text->csv, line, (size_t)length);
    }
}

static size_t read_all(const struct tagua_buffer *bytes, enum tagua_format format, bool many)
{
    static const struct tagua_field fields[] = {
        {"orders", NULL, TAGUA_FIELD_INTEGER, NULL, false},
        {"spend", NULL, TAGUA_FIELD_NUMBER, NULL, false},
        {"city", NULL, TAGUA_FIELD_TEXT, NULL, false},
        {"last_order", NULL, TAGUA_FIELD_DATE, NULL, false},
        {"level", NULL, TAGUA_FIELD_INTEGER, NULL, false},
        {"points", NULL, TAGUA_FIELD_INTEGER, NULL, false},
        {"gender", NULL, TAGUA_FIELD_TEXT, NULL, false},
        {"subscribed", NULL, TAGUA_FIELD_BOOLEAN, NULL, false},
        {"email", NULL, TAGUA_FIELD_TEXT, NULL, false},
        {"age", NULL, TAGUA_FIELD_INTEGER, NULL, false},
    };
    struct tagua_error error;
    struct tagua_zone *zone = tagua_zone_open("Asia/Taipei", &error);
    struct tagua_schema_options options = {
        .format = format,
        .header = names,
        .header_count = sizeof names / sizeof *names,
        .id = "id",
        .fields = fields,
        .field_count = many ? 10 : 3,
        .zone = zone,
    };
    struct tagua_schema *schema = tagua_schema_new(&options, &error);
    struct tagua_reader *reader = schema == NULL ? NULL : tagua_reader_new(schema, &error);
    if (zone == NULL || reader == NULL) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    size_t records = 0;
    const char *p = bytes->data;
    const char *end = p + bytes->length;
    if (format == TAGUA_CSV)
        p = tagua_scan_line_end(p, end) + 1;
    while (p < end) {
        const char *until =
            end - p > (ptrdiff_t)CHUNK ? tagua_scan_line_end(p + CHUNK, end) + 1 : end;
        struct tagua_record record;
        tagua_reader_open(reader, p, (size_t)(until - p), 1);
        while (tagua_reader_next(reader, &record) == 1)
            records++;
        p = until;
    }
    tagua_reader_free(reader);
    tagua_schema_free(schema);
    tagua_zone_free(zone);
    return records;
}

static size_t read_lines(const struct tagua_buffer *bytes, enum tagua_format format, bool many)
{
    (void)format;
    (void)many;
    return (size_t)tagua_scan_count_lines(bytes->data, bytes->data + bytes->length);
}

/* The splitter as the input feeds it: 64 KiB at a time. */
static size_t split_all(const struct tagua_buffer *bytes, enum tagua_format format, bool many)
{
    (void)many;
    struct tagua_error error;
    struct tagua_splitter_options options = {.format = format};
    struct tagua_splitter *splitter = tagua_splitter_new(&options, &error);
    struct tagua_chunk chunk;
    size_t lines = 0;
    for (size_t at = 0; at < bytes->length; at += 65536) {
        size_t length = bytes->length - at < 65536 ? bytes->length - at : 65536;
        if (tagua_splitter_feed(splitter, bytes->data + at, length, &error) != 0)
            exit(1);
        while (tagua_splitter_next(splitter, &chunk, &error) == 1)
            lines = (size_t)chunk.first_line;
    }
    tagua_splitter_free(splitter);
    return lines > 0 ? lines : 1;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *what;
        size_t (*run)(const struct tagua_buffer *, enum tagua_format, bool);
        enum tagua_format format;
        bool many;
    } rows[] = {
        {"line ends, nothing else", read_lines, TAGUA_JSONL, false},
        {"JSONL, split", split_all, TAGUA_JSONL, false},
        {"CSV, split", split_all, TAGUA_CSV, false},
        {"JSONL, 3 fields of 20", read_all, TAGUA_JSONL, false},
        {"CSV, 3 fields of 20", read_all, TAGUA_CSV, false},
        {"JSONL, 10 fields of 20", read_all, TAGUA_JSONL, true},
        {"CSV, 10 fields of 20", read_all, TAGUA_CSV, true},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    size_t records = count > 1 ? (size_t)atol(arguments[1]) : 300000;
    static double seconds[ROWS][ROUNDS];
    struct text text;
    generate(&text, records);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ROWS; i++) {
            const struct tagua_buffer *bytes =
                rows[i].format == TAGUA_CSV ? &text.csv : &text.jsonl;
            int64_t start = tagua_clock_monotonic_ns();
            size_t got = rows[i].run(bytes, rows[i].format, rows[i].many);
            seconds[i][round] = (double)(tagua_clock_monotonic_ns() - start) / 1e9;
            if (rows[i].run == read_all && got != records) {
                fprintf(stderr, "%s: read %zu of %zu records\n", rows[i].what, got, records);
                return 1;
            }
        }
    }
    printf("%zu records, %.0f bytes each as JSONL, %.0f as CSV; million records a second\n",
           records, (double)text.jsonl.length / (double)records,
           (double)text.csv.length / (double)records);
    for (int i = 0; i < ROWS; i++) {
        qsort(seconds[i], ROUNDS, sizeof **seconds, compare);
        double million = (double)records / 1e6;
        printf("%-26s %6.2f  (%.2f to %.2f)\n", rows[i].what, million / seconds[i][ROUNDS / 2],
               million / seconds[i][ROUNDS - 1], million / seconds[i][0]);
    }
    tagua_buffer_free(&text.jsonl);
    tagua_buffer_free(&text.csv);
    return 0;
}
