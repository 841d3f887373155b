/* What a field's type makes of a text or of a JSON value. Pure. */
#ifndef TAGUA_VALUE_H
#define TAGUA_VALUE_H

#include "json.h"
#include "record.h"

/* The value of a text (a CSV cell, a JSON string) for the field. value->text, where there is one,
 * is the text given. */
void tagua_value_from_text(const struct tagua_field *field, const struct tagua_zone *zone,
                           const char *text, size_t length, struct tagua_value *value);

/* The value of a JSON value that is not a text. */
void tagua_value_from_json(const struct tagua_field *field, const struct tagua_json_value *json,
                           struct tagua_value *value);

/* Takes ASCII blanks (space, tab, line ends) off both ends. */
void tagua_value_trim(const char **text, size_t *length);

#endif
