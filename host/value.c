/* What a field's type makes of a text or of a JSON value. Pure; owns nothing. */
#include "value.h"

#include <string.h>
#include <strings.h>

#include "date.h"
#include "number.h"

/* A JSON integer from here on is in milliseconds: as seconds it would be the year 5138. */
#define MILLISECONDS_FROM INT64_C(100000000000)

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void tagua_value_trim(const char **text, size_t *length)
{
    while (*length > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && is_blank((*text)[*length - 1]))
        (*length)--;
}

/* An integer, which may be written with a fraction of zeros: 12.0, as programs write a column of
 * integers in which some are missing. */
static int read_integer(const char *text, size_t length, int64_t *integer)
{
    const char *point = memchr(text, '.', length);
    if (point != NULL) {
        size_t digits = (size_t)(text + length - point) - 1;
        if (digits == 0)
            return -1;
        for (size_t i = 1; i <= digits; i++) {
            if (point[i] != '0')
                return -1;
        }
        length = (size_t)(point - text);
    }
    return tagua_number_integer(text, length, integer);
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

static int read_boolean(const char *text, size_t length, bool *boolean)
{
    static const char *const yes[] = {"true", "1", "yes", "是"};
    static const char *const no[] = {"false", "0", "no", "否"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (is_word(text, length, yes[i]) || is_word(text, length, no[i])) {
            *boolean = is_word(text, length, yes[i]);
            return 0;
        }
    }
    return -1;
}

void tagua_value_from_text(const struct tagua_field *field, const struct tagua_zone *zone,
                           const char *text, size_t length, struct tagua_value *value)
{
    const char *inside = text;
    size_t inside_length = length;
    if (field->type == TAGUA_FIELD_TAGSET) {
        value->state = TAGUA_VALUE_ABSENT;
        return;
    }
    tagua_value_trim(&inside, &inside_length);
    if (inside_length == 0) {
        value->state = TAGUA_VALUE_EMPTY;
        return;
    }
    switch (field->type) {
    case TAGUA_FIELD_INTEGER:
        value->state = TAGUA_VALUE_INTEGER;
        if (read_integer(inside, inside_length, &value->integer) == 0)
            return;
        break;
    case TAGUA_FIELD_NUMBER:
        value->state = TAGUA_VALUE_NUMBER;
        if (tagua_number_real(inside, inside_length, &value->number) == 0)
            return;
        break;
    case TAGUA_FIELD_BOOLEAN:
        value->state = TAGUA_VALUE_BOOLEAN;
        if (read_boolean(inside, inside_length, &value->boolean) == 0)
            return;
        break;
    case TAGUA_FIELD_DATE:
        value->state = TAGUA_VALUE_DATE;
        if (tagua_date_parse(inside, inside_length, field->format, field->roc, zone,
                             &value->integer) == 0)
            return;
        break;
    case TAGUA_FIELD_TEXT:
        value->state = TAGUA_VALUE_TEXT;
        value->text = text;
        value->length = length;
        return;
    case TAGUA_FIELD_TAGSET: break;
    }
    value->state = TAGUA_VALUE_BAD;
    value->text = text;
    value->length = length;
}

/* A moment as a JSON integer: seconds, or milliseconds when it is that large. */
static int read_epoch(const struct tagua_json_value *json, int64_t *moment)
{
    int64_t number;
    if (tagua_json_integer(json, &number) != 0)
        return -1;
    if (number >= MILLISECONDS_FROM || number <= -MILLISECONDS_FROM)
        number = number / 1000 - (number % 1000 < 0);
    *moment = number;
    return 0;
}

void tagua_value_from_json(const struct tagua_field *field, const struct tagua_json_value *json,
                           struct tagua_value *value)
{
    uint8_t kind = json->kind;
    bool is_number = kind == TAGUA_JSON_INTEGER || kind == TAGUA_JSON_NUMBER;
    bool is_boolean = kind == TAGUA_JSON_TRUE || kind == TAGUA_JSON_FALSE;
    if (kind == TAGUA_JSON_ABSENT || field->type == TAGUA_FIELD_TAGSET) {
        value->state = TAGUA_VALUE_ABSENT;
        return;
    }
    if (kind == TAGUA_JSON_NULL) {
        value->state = TAGUA_VALUE_EMPTY;
        return;
    }
    switch (field->type) {
    case TAGUA_FIELD_INTEGER:
        value->state = TAGUA_VALUE_INTEGER;
        if (is_number && read_integer(json->start, json->length, &value->integer) == 0)
            return;
        break;
    case TAGUA_FIELD_NUMBER:
        value->state = TAGUA_VALUE_NUMBER;
        if (tagua_json_number(json, &value->number) == 0)
            return;
        break;
    case TAGUA_FIELD_BOOLEAN:
        value->state = TAGUA_VALUE_BOOLEAN;
        if ((is_number || is_boolean) &&
            read_boolean(json->start, json->length, &value->boolean) == 0)
            return;
        break;
    case TAGUA_FIELD_DATE:
        value->state = TAGUA_VALUE_DATE;
        if (read_epoch(json, &value->integer) == 0)
            return;
        break;
    case TAGUA_FIELD_TEXT:
        if (is_number || is_boolean) {
            value->state = TAGUA_VALUE_TEXT;
            value->text = json->start;
            value->length = json->length;
            return;
        }
        break;
    case TAGUA_FIELD_TAGSET: break;
    }
    value->state = TAGUA_VALUE_BAD;
    value->text = json->start;
    value->length = json->length;
}
