/* The envelope of a platform's answers. Owns the compiled paths, and no state between answers. */
#include "envelope.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { CODE, MESSAGE, STATUS, SUCCESS, WHOLE, FIELDS };

struct tagua_envelope_reader {
    struct tagua_json_projection *projection;
    int place[FIELDS]; /* of each field among the values, or -1 */
};

struct tagua_envelope_reader *tagua_envelope_new(const struct tagua_envelope_paths *paths,
                                                 struct tagua_error *error)
{
    const char *named[FIELDS] = {paths->code, paths->message, paths->status, paths->success, ""};
    const char *used[FIELDS];
    size_t count = 0;
    struct tagua_envelope_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        tagua_error_set(error, "EIO", "cannot compile an envelope: out of memory");
        return NULL;
    }
    for (int i = 0; i < FIELDS; i++) {
        reader->place[i] = named[i] != NULL ? (int)count : -1;
        if (named[i] != NULL)
            used[count++] = named[i];
    }
    reader->projection = tagua_json_projection_new(used, count, error);
    if (reader->projection == NULL) {
        free(reader);
        return NULL;
    }
    return reader;
}

void tagua_envelope_free(struct tagua_envelope_reader *reader)
{
    if (reader == NULL)
        return;
    tagua_json_projection_free(reader->projection);
    free(reader);
}

/* A whole number, or a text of digits. */
static bool integer_of(const struct tagua_json_value *value, int64_t *integer)
{
    if (tagua_json_integer(value, integer) == 0)
        return true;
    char digits[24];
    if (value->kind != TAGUA_JSON_TEXT || value->escaped || value->length == 0 ||
        value->length >= sizeof digits)
        return false;
    memcpy(digits, value->start, value->length);
    digits[value->length] = '\0';
    char *end;
    *integer = strtoll(digits, &end, 10);
    return *end == '\0' && strspn(digits, "-0123456789") == value->length;
}

static void broken(struct tagua_envelope_answer *answer, const char *why)
{
    answer->kind = TAGUA_ENVELOPE_BROKEN;
    tagua_error_set(&answer->fault, "EPROTOCOL", "%s", why);
}

void tagua_envelope_read(const struct tagua_envelope_reader *reader, const char *body,
                         size_t length, struct tagua_envelope_answer *answer,
                         struct tagua_buffer *message)
{
    static const struct tagua_json_value absent = {.kind = TAGUA_JSON_ABSENT};
    struct tagua_json_value values[FIELDS];
    const struct tagua_json_value *field[FIELDS];
    answer->kind = TAGUA_ENVELOPE_SUCCESS;
    answer->has_code = false;
    answer->code = 0;
    if (length == 0) {
        broken(answer, "the answer is empty");
        return;
    }
    if (tagua_json_project(reader->projection, body, length, values, &answer->fault) != 0) {
        answer->kind = TAGUA_ENVELOPE_BROKEN;
        return;
    }
    for (int i = 0; i < FIELDS; i++)
        field[i] = reader->place[i] >= 0 ? &values[reader->place[i]] : &absent;
    if (field[WHOLE]->kind != TAGUA_JSON_OBJECT) {
        broken(answer, "the answer is JSON, but not an object");
        return;
    }
    if (field[MESSAGE]->kind == TAGUA_JSON_TEXT &&
        field[MESSAGE]->length <= message->max - message->length)
        tagua_json_append_text(field[MESSAGE], message);

    int64_t status = 0;
    if (field[CODE]->kind != TAGUA_JSON_ABSENT && field[CODE]->kind != TAGUA_JSON_NULL) {
        answer->kind = TAGUA_ENVELOPE_ERROR;
        answer->has_code = integer_of(field[CODE], &answer->code);
    }
    if (field[SUCCESS]->kind == TAGUA_JSON_FALSE)
        answer->kind = TAGUA_ENVELOPE_ERROR;
    if (integer_of(field[STATUS], &status) && status != 200) {
        if (!answer->has_code)
            answer->code = status;
        answer->has_code = true;
        answer->kind = TAGUA_ENVELOPE_ERROR;
    }
    if (answer->kind == TAGUA_ENVELOPE_ERROR)
        return;
    if (reader->place[STATUS] >= 0 && status != 200)
        broken(answer, "the answer has neither a status nor an error");
    if (reader->place[SUCCESS] >= 0 && field[SUCCESS]->kind != TAGUA_JSON_TRUE)
        broken(answer, "the answer tells neither success nor an error");
}
