/* What a schema is inside, for the reader of records alone. Each thing that is read from a record
 * is a source: a column or a key; several fields may have one source. */
#ifndef TAGUA_SCHEMA_H
#define TAGUA_SCHEMA_H

#include "json.h"
#include "record.h"

struct tagua_schema {
    enum tagua_format format;
    char delimiter;
    const struct tagua_zone *zone; /* not owned */
    struct tagua_field *fields;    /* names, sources and formats are owned */
    size_t field_count;
    uint16_t *field_source; /* for each field; tagsets have none that counts */
    size_t source_count;
    uint16_t id_source;
    char *id;

    /* CSV */
    uint16_t *column_source; /* for each column, or TAGUA_CSV_UNWANTED */
    size_t column_count;

    /* JSONL */
    struct tagua_json_projection *projection; /* its paths are the sources */
};

#endif
