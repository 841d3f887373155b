/* What is wanted of each record: compiled once from the declared fields and the input's header.
 * Owns the compiled schema. Pure. */
#define _POSIX_C_SOURCE 200809L
#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "date.h"
#include "nearest.h"

int tagua_field_type(const char *name)
{
    static const char *const names[] = {"text", "integer", "number", "boolean", "date", "tagset"};
    for (int i = 0; i < 6; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

static int no_memory(struct tagua_error *error)
{
    return tagua_error_set(error, "EIO", "no memory to prepare the reading of records");
}

static int no_column(const struct tagua_schema_options *options, const char *source,
                     const char *field, struct tagua_error *error)
{
    char purpose[200];
    if (field == NULL)
        snprintf(purpose, sizeof purpose, "the users' ids; name theirs with --id-column");
    else
        snprintf(purpose, sizeof purpose, "the field '%s'; correct its `from`", field);
    const char *nearest = tagua_nearest(source, options->header, options->header_count);
    if (nearest != NULL)
        return tagua_error_set(error, "EINPUT",
                               "the input has no column '%s' for %s; did you mean '%s'?", source,
                               purpose, nearest);
    if (options->header_count == 1 && strpbrk(options->header[0], ",;\t|") != NULL)
        return tagua_error_set(error, "EINPUT",
                               "the input has no column '%s', for '%c' does not part its header "
                               "into columns; name what does with --delimiter: '%s'",
                               source, options->delimiter == '\0' ? ',' : options->delimiter,
                               options->header[0]);
    char list[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < options->header_count && used < sizeof list - 1; i++) {
        int length = snprintf(list + used, sizeof list - used, "%s'%s'", i == 0 ? "" : ", ",
                              options->header[i]);
        used += length < 0 ? sizeof list : (size_t)length;
    }
    return tagua_error_set(error, "EINPUT", "the input has no column '%s' for %s; it has %s",
                           source, purpose, options->header_count == 0 ? "none" : list);
}

/* The number of a source, a new one when nobody named it before. */
static uint16_t source_number(struct tagua_schema *schema, const char **sources, const char *source)
{
    for (size_t i = 0; i < schema->source_count; i++) {
        if (strcmp(sources[i], source) == 0)
            return (uint16_t)i;
    }
    sources[schema->source_count] = source;
    return (uint16_t)schema->source_count++;
}

static int copy_fields(struct tagua_schema *schema, const struct tagua_schema_options *options,
                       const char **sources, struct tagua_error *error)
{
    schema->id = strdup(options->id);
    if (schema->id == NULL)
        return no_memory(error);
    schema->id_source = source_number(schema, sources, schema->id);
    for (size_t i = 0; i < options->field_count; i++) {
        const struct tagua_field *from = &options->fields[i];
        struct tagua_field *field = &schema->fields[i];
        field->type = from->type;
        field->roc = from->roc;
        field->name = strdup(from->name);
        field->source = strdup(from->source != NULL ? from->source : from->name);
        field->format = from->format != NULL ? strdup(from->format) : NULL;
        if (field->name == NULL || field->source == NULL ||
            (from->format != NULL && field->format == NULL))
            return no_memory(error);
        if (field->format != NULL && tagua_date_check_format(field->format, error) != 0)
            return -1;
        if (field->type != TAGUA_FIELD_TAGSET)
            schema->field_source[i] = source_number(schema, sources, field->source);
    }
    return 0;
}

static int find_columns(struct tagua_schema *schema, const struct tagua_schema_options *options,
                        const char **sources, struct tagua_error *error)
{
    schema->column_count = options->header_count;
    schema->column_source = malloc((options->header_count + 1) * sizeof *schema->column_source);
    if (schema->column_source == NULL)
        return no_memory(error);
    for (size_t i = 0; i < options->header_count; i++)
        schema->column_source[i] = TAGUA_CSV_UNWANTED;
    for (size_t i = 0; i < schema->source_count; i++) {
        size_t column = 0;
        while (column < options->header_count && strcmp(options->header[column], sources[i]) != 0)
            column++;
        if (column < options->header_count) {
            schema->column_source[column] = (uint16_t)i;
            continue;
        }
        const char *field = NULL;
        for (size_t j = 0; i != schema->id_source && field == NULL; j++) {
            if (schema->fields[j].type != TAGUA_FIELD_TAGSET && schema->field_source[j] == i)
                field = schema->fields[j].name;
        }
        return no_column(options, sources[i], field, error);
    }
    return 0;
}

struct tagua_schema *tagua_schema_new(const struct tagua_schema_options *options,
                                      struct tagua_error *error)
{
    size_t count = options->field_count;
    const char **sources = NULL;
    struct tagua_schema *schema = NULL;
    int result = -1;
    if (count > TAGUA_RECORD_MAX_FIELDS) {
        tagua_error_set(error, "ECONFIG", "%zu fields are declared; %d are the most", count,
                        TAGUA_RECORD_MAX_FIELDS);
        goto out;
    }
    if (options->format == TAGUA_CSV &&
        (options->delimiter == '"' || options->delimiter == '\n' || options->delimiter == '\r' ||
         (unsigned char)options->delimiter >= 0x80)) {
        tagua_error_set(error, "EUSAGE", "the delimiter must be one ASCII character, and neither a "
                                         "double quote nor a line end");
        goto out;
    }
    schema = calloc(1, sizeof *schema);
    sources = calloc(count + 1, sizeof *sources);
    if (schema == NULL || sources == NULL) {
        no_memory(error);
        goto out;
    }
    schema->format = options->format;
    schema->delimiter = options->delimiter == '\0' ? ',' : options->delimiter;
    schema->zone = options->zone;
    schema->field_count = count;
    schema->fields = calloc(count + 1, sizeof *schema->fields);
    schema->field_source = calloc(count + 1, sizeof *schema->field_source);
    if (schema->fields == NULL || schema->field_source == NULL) {
        no_memory(error);
        goto out;
    }
    if (copy_fields(schema, options, sources, error) != 0)
        goto out;
    if (schema->format == TAGUA_CSV) {
        result = find_columns(schema, options, sources, error);
    } else {
        schema->projection = tagua_json_projection_new(sources, schema->source_count, error);
        result = schema->projection != NULL ? 0 : -1;
    }
out:
    free(sources);
    if (result != 0) {
        tagua_schema_free(schema);
        schema = NULL;
    }
    return schema;
}

void tagua_schema_free(struct tagua_schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; schema->fields != NULL && i < schema->field_count; i++) {
        free((char *)schema->fields[i].name);
        free((char *)schema->fields[i].source);
        free((char *)schema->fields[i].format);
    }
    free(schema->fields);
    free(schema->field_source);
    free(schema->column_source);
    free(schema->id);
    tagua_json_projection_free(schema->projection);
    free(schema);
}
