/* The verdict table. Owns the rules by which an attempt is judged, and no state. */
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names and the error code that goes with each where none is given. */
static const struct {
    const char *name;
    const char *code;
} kinds[] = {
    [TAGUA_VERDICT_DONE] = {"done", ""},
    [TAGUA_VERDICT_RETRY] = {"retry", "EPLATFORM"},
    [TAGUA_VERDICT_PAUSE] = {"pause", "ERATE"},
    [TAGUA_VERDICT_REFRESH] = {"refresh", "EAUTH"},
    [TAGUA_VERDICT_SETTLE] = {"settle", "EAMBIGUOUS"},
    [TAGUA_VERDICT_FAIL] = {"fail", "EPLATFORM"},
    [TAGUA_VERDICT_STOP] = {"stop", "EPLATFORM"},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static struct tagua_verdict verdict(enum tagua_verdict_kind kind, const char *code)
{
    struct tagua_verdict made = {.kind = kind};
    snprintf(made.code, sizeof made.code, "%s", code);
    return made;
}

/* The effect is not known: again if that does no harm, else settle. */
static struct tagua_verdict lost(const struct tagua_verdict_input *input, const char *code)
{
    return input->repeatable ? verdict(TAGUA_VERDICT_RETRY, code)
                             : verdict(TAGUA_VERDICT_SETTLE, "EAMBIGUOUS");
}

static int compare_rows(const void *left, const void *right)
{
    int64_t a = ((const struct tagua_verdict_row *)left)->platform_code;
    int64_t b = ((const struct tagua_verdict_row *)right)->platform_code;
    return (a > b) - (a < b);
}

void tagua_verdict_sort(struct tagua_verdict_row *rows, size_t count)
{
    if (count > 0)
        qsort(rows, count, sizeof *rows, compare_rows);
}

static const struct tagua_verdict_row *row_of(const struct tagua_verdict_input *input)
{
    struct tagua_verdict_row key = {.platform_code = input->platform_code};
    if (!input->has_platform_code || input->row_count == 0)
        return NULL;
    return bsearch(&key, input->rows, input->row_count, sizeof key, compare_rows);
}

/* An answer of 200 to 299. */
static struct tagua_verdict accepted(const struct tagua_verdict_input *input)
{
    switch (input->envelope) {
    case TAGUA_ENVELOPE_NONE:
    case TAGUA_ENVELOPE_SUCCESS:
        return verdict(TAGUA_VERDICT_DONE, "");
    case TAGUA_ENVELOPE_BROKEN:
        return lost(input, "EPROTOCOL");
    case TAGUA_ENVELOPE_ERROR:
        /* A platform that numbers its errors as HTTP does, in a 200: trouble of its own, in the
         * midst of which the effect may have happened. */
        if (input->has_platform_code && input->platform_code >= 500 && input->platform_code <= 599)
            return lost(input, "EPLATFORM");
        return verdict(TAGUA_VERDICT_FAIL, "EPLATFORM");
    }
    return verdict(TAGUA_VERDICT_FAIL, "EPROTOCOL");
}

static struct tagua_verdict answered(const struct tagua_verdict_input *input)
{
    int status = input->status;
    if (status == 429)
        return verdict(TAGUA_VERDICT_PAUSE, "ERATE");
    /* The platform's own code says more than the status, unless it contradicts a success. */
    if (input->envelope == TAGUA_ENVELOPE_ERROR) {
        const struct tagua_verdict_row *row = row_of(input);
        if (row != NULL)
            return row->verdict;
    }
    if (status >= 200 && status <= 299)
        return accepted(input);
    if (status >= 300 && status <= 399)
        return verdict(TAGUA_VERDICT_STOP, "ECONFIG");
    if (status == 401)
        return verdict(TAGUA_VERDICT_STOP, "EAUTH");
    /* A platform whose codes are known has said something else than that the credentials may not
     * do this: were that to stop the run, one such user would stop each run at the same place. */
    if (status == 403 && input->envelope == TAGUA_ENVELOPE_ERROR && input->has_platform_code &&
        input->row_count > 0)
        return verdict(TAGUA_VERDICT_FAIL, "EPERMISSION");
    if (status == 403)
        return verdict(TAGUA_VERDICT_STOP, "EPERMISSION");
    if (status == 404)
        return verdict(TAGUA_VERDICT_FAIL, "ENOTFOUND");
    if (status >= 400 && status <= 499)
        return verdict(TAGUA_VERDICT_FAIL, "EPLATFORM");
    if (status >= 500 && status <= 599)
        return lost(input, "EPLATFORM");
    return verdict(TAGUA_VERDICT_FAIL, "EPROTOCOL");
}

struct tagua_verdict tagua_verdict_of(const struct tagua_verdict_input *input)
{
    switch (input->transport) {
    case TAGUA_TRANSPORT_ANSWERED:
        return answered(input);
    case TAGUA_TRANSPORT_UNREACHED:
        return verdict(TAGUA_VERDICT_RETRY, "ENETWORK");
    case TAGUA_TRANSPORT_UNTRUSTED:
        return verdict(TAGUA_VERDICT_STOP, "ETLS");
    case TAGUA_TRANSPORT_LOST:
        return lost(input, "ENETWORK");
    case TAGUA_TRANSPORT_TIMED_OUT:
        return lost(input, "ETIMEOUT");
    case TAGUA_TRANSPORT_TOO_LARGE:
        return lost(input, "ETOOBIG");
    case TAGUA_TRANSPORT_REFUSED:
        return verdict(TAGUA_VERDICT_FAIL, "EIO");
    }
    return verdict(TAGUA_VERDICT_FAIL, "EPROTOCOL");
}

int tagua_verdict_parse(const char *text, struct tagua_verdict *out, struct tagua_error *error)
{
    const char *colon = strchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    for (size_t i = 0; i < KINDS; i++) {
        if (strlen(kinds[i].name) != length || strncmp(kinds[i].name, text, length) != 0)
            continue;
        const char *code = colon != NULL ? colon + 1 : kinds[i].code;
        if (colon != NULL && (i == TAGUA_VERDICT_DONE || code[0] != 'E' ||
                              strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(code) ||
                              strlen(code) >= sizeof out->code))
            break;
        *out = verdict((enum tagua_verdict_kind)i, code);
        return 0;
    }
    return tagua_error_set(error, "ECONFIG",
                           "'%s' is no verdict: write done, retry, pause, refresh, settle, fail or "
                           "stop, the last two with an error code if need be, as in "
                           "'fail:ENOTFOUND'",
                           text);
}

const char *tagua_verdict_name(enum tagua_verdict_kind kind)
{
    return kinds[kind].name;
}
