/* One record of CSV at a time. Pure; owns nothing. */
#include "csv.h"

#include "scan.h"

/* Reads a quoted cell; p is after its opening quote. Returns the place after the closing one, or
 * NULL when there is none before `end`. */
static const char *read_quoted(const char *p, const char *end, struct tagua_csv_cell *cell)
{
    cell->start = p;
    cell->doubled = false;
    for (;;) {
        p = memchr(p, '"', (size_t)(end - p));
        if (p == NULL)
            return NULL;
        if (p + 1 < end && p[1] == '"') {
            cell->doubled = true;
            p += 2;
            continue;
        }
        cell->length = (size_t)(p - cell->start);
        return p + 1;
    }
}

void tagua_csv_read(const char *p, const char *end, char delimiter, const uint16_t *wanted,
                    size_t columns, struct tagua_csv_cell *cells, struct tagua_csv_record *record)
{
    struct tagua_csv_cell ignored;
    const char *start = p;
    unsigned high = 0;
    size_t count = 0;
    record->surplus = NULL;
    record->quoted = false;
    record->fault = NULL;
    for (;;) {
        struct tagua_csv_cell *cell = &ignored;
        if (count < columns) {
            if (wanted[count] != TAGUA_CSV_UNWANTED)
                cell = &cells[wanted[count]];
        } else if (count == columns) {
            record->surplus = p;
        }
        if (p < end && *p == '"') {
            const char *quote = p;
            record->quoted = true;
            p = read_quoted(p + 1, end, cell);
            if (p == NULL) {
                record->fault = "a quoted cell is never closed";
                record->fault_at = quote;
                p = end;
            } else if (p < end && *p != delimiter && *p != '\n' && *p != '\r') {
                if (record->fault == NULL) {
                    record->fault = "text follows the closing quote of a cell";
                    record->fault_at = p;
                }
                p = tagua_scan_cell(p, end, delimiter, &high);
            }
        } else {
            cell->start = p;
            cell->doubled = false;
            p = tagua_scan_cell(p, end, delimiter, &high);
            cell->length = (size_t)(p - cell->start);
        }
        count++;
        if (p == end)
            break;
        if (*p == delimiter) {
            p++;
            continue;
        }
        p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
        break;
    }
    if (record->quoted && high == 0)
        high = tagua_scan_ascii(start, p) != p;
    record->high = high;
    record->cells = count;
    record->end = p;
}

size_t tagua_csv_text(const struct tagua_csv_cell *cell, char *to)
{
    const char *p = cell->start;
    const char *end = p + cell->length;
    char *out = to;
    while (p < end) {
        const char *quote = cell->doubled ? memchr(p, '"', (size_t)(end - p)) : NULL;
        size_t length = (size_t)((quote == NULL ? end : quote + 1) - p);
        memcpy(out, p, length);
        out += length;
        p += length + (quote != NULL);
    }
    return (size_t)(out - to);
}
