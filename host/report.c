/* The sentences about attempts that did not succeed. Owns the wording; keeps nothing. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "secret.h"

#define PATH_SHOWN 160
#define PLATFORM_SHOWN 300
#define BODY_SHOWN 120
#define TROUBLE_SHOWN 200
/* No more of a text is looked at than can hold a whole secret and what is shown before it. */
#define LOOKED_AT (TAGUA_SECRET_MAX * 6 + 4096)

/* Where to cut so that no character is split. */
static size_t cut(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
        most--;
    return most;
}

void tagua_report_quote(const char *text, size_t length, size_t most, struct tagua_buffer *out)
{
    struct tagua_buffer shown;
    if (length > LOOKED_AT)
        length = LOOKED_AT;
    tagua_buffer_init(&shown, length * 3 + 16);
    if (tagua_secret_redact(text, length, &shown) == 0 && shown.length > 0) {
        size_t room = out->max - out->length;
        size_t kept = cut(shown.data, shown.length, most < room ? most : room);
        for (size_t i = 0; i < kept; i++)
            if ((unsigned char)shown.data[i] < 0x20 || shown.data[i] == 0x7F)
                shown.data[i] = ' ';
        tagua_buffer_append(out, shown.data, kept);
        if (kept < shown.length)
            tagua_buffer_append_text(out, "...");
    }
    tagua_buffer_wipe(&shown);
}

void tagua_report_append(struct tagua_buffer *out, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0)
        return;
    size_t used = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    size_t room = out->max - out->length;
    tagua_buffer_append(out, text, cut(text, used, used < room ? used : room));
}

static void quote_text(const char *text, size_t most, struct tagua_buffer *out)
{
    tagua_report_quote(text, strlen(text), most, out);
}

/* What the platform answered: status, its own code, its own words. */
static void platform_says(const struct tagua_report *report, struct tagua_buffer *out)
{
    const struct tagua_envelope_answer *answer = report->answer;
    const struct tagua_buffer *body = &report->exchange->answer;
    tagua_report_append(out, "the platform answers %d", report->outcome->status);
    if (answer != NULL && answer->kind != TAGUA_ENVELOPE_BROKEN && answer->has_code)
        tagua_report_append(out, ", code %lld", (long long)answer->code);
    if (report->platform->length > 0) {
        tagua_buffer_append_text(out, ": ");
        tagua_report_quote(report->platform->data, report->platform->length, PLATFORM_SHOWN, out);
    } else if (body->length > 0) {
        tagua_buffer_append_text(out, ": ");
        tagua_report_quote(body->data, body->length, BODY_SHOWN, out);
    }
}

static void answered(const struct tagua_report *report, struct tagua_buffer *out)
{
    const struct tagua_outcome *outcome = report->outcome;
    int status = outcome->status;
    if (status >= 300 && status <= 399) {
        tagua_report_append(out, "the platform answers %d and points ", status);
        if (outcome->location != NULL) {
            tagua_buffer_append_text(out, "to '");
            quote_text(outcome->location, PATH_SHOWN, out);
            tagua_buffer_append_text(out, "'");
        } else {
            tagua_buffer_append_text(out, "elsewhere");
        }
        tagua_report_append(out, "; redirects are not followed: set the connection's url to where "
                                 "the platform is");
        return;
    }
    if (status >= 200 && status <= 299 && report->answer != NULL &&
        report->answer->kind == TAGUA_ENVELOPE_BROKEN) {
        tagua_report_append(out, "the platform's answer (%d) can't be understood: ", status);
        quote_text(report->answer->fault.message, TROUBLE_SHOWN, out);
        return;
    }
    platform_says(report, out);
    if (status == 401 && report->source != NULL) {
        tagua_report_append(out, "; the token comes from ");
        quote_text(report->source, PATH_SHOWN, out);
    }
}

void tagua_report_attempt(const struct tagua_report *report, struct tagua_buffer *out)
{
    const struct tagua_outcome *outcome = report->outcome;
    tagua_report_append(out, "connection '%.60s': %s ", report->connection,
                        report->exchange->method);
    quote_text(report->exchange->path, PATH_SHOWN, out);
    tagua_buffer_append_text(out, ": ");
    switch (outcome->transport) {
    case TAGUA_TRANSPORT_ANSWERED:
        answered(report, out);
        return;
    case TAGUA_TRANSPORT_UNREACHED:
        tagua_buffer_append_text(out, "cannot connect to ");
        quote_text(report->base, PATH_SHOWN, out);
        tagua_buffer_append_text(out, ": ");
        break;
    case TAGUA_TRANSPORT_UNTRUSTED:
        tagua_buffer_append_text(out, "cannot trust ");
        quote_text(report->base, PATH_SHOWN, out);
        tagua_buffer_append_text(out, ", whose certificate was refused: ");
        break;
    case TAGUA_TRANSPORT_LOST:
        tagua_buffer_append_text(out, "the answer was lost: ");
        break;
    case TAGUA_TRANSPORT_TIMED_OUT:
        tagua_report_append(out, "no whole answer came within %g seconds",
                            (double)report->timeout_ns / (double)TAGUA_SECOND_NS);
        return;
    case TAGUA_TRANSPORT_TOO_LARGE:
        tagua_report_append(out, "the answer is larger than %zu bytes",
                            report->exchange->answer.max);
        return;
    case TAGUA_TRANSPORT_REFUSED:
        tagua_buffer_append_text(out, "the request cannot be sent: ");
        break;
    }
    quote_text(outcome->trouble, TROUBLE_SHOWN, out);
}
