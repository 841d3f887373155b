/* The files of a pair. Owns their form (JSON) and their mode (0600); wipes what it reads. */
#define _GNU_SOURCE /* O_CLOEXEC, O_NOFOLLOW */
#include "pair_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "json.h"

#define LARGEST (4 * TAGUA_SECRET_MAX + 1024)

static char *joined(const char *path, const char *end)
{
    char *made = malloc(strlen(path) + strlen(end) + 1);
    if (made != NULL)
        strcat(strcpy(made, path), end);
    return made;
}

int tagua_pair_paths_of(const char *path, struct tagua_pair_paths *paths,
                        struct tagua_error *error)
{
    *paths = (struct tagua_pair_paths){0};
    paths->file = realpath(path, NULL);
    if (paths->file == NULL)
        paths->file = strdup(path);
    if (paths->file != NULL) {
        const char *slash = strrchr(paths->file, '/');
        paths->lock = joined(paths->file, ".lock");
        paths->intent = joined(paths->file, ".intent");
        paths->intent_new = joined(paths->file, ".intent.new");
        paths->next = joined(paths->file, ".new");
        paths->folder = slash == NULL          ? strdup(".")
                        : slash == paths->file ? strdup("/")
                                               : strndup(paths->file,
                                                         (size_t)(slash - paths->file));
    }
    if (paths->lock != NULL && paths->intent != NULL && paths->intent_new != NULL &&
        paths->next != NULL && paths->folder != NULL)
        return 0;
    tagua_pair_paths_free(paths);
    return tagua_error_set(error, "EIO", "cannot find the pair '%s': out of memory", path);
}

void tagua_pair_paths_free(struct tagua_pair_paths *paths)
{
    free(paths->file);
    free(paths->lock);
    free(paths->intent);
    free(paths->intent_new);
    free(paths->next);
    free(paths->folder);
    *paths = (struct tagua_pair_paths){0};
}

void tagua_pair_content_release(struct tagua_pair_content *content)
{
    tagua_secret_release(content->token);
    tagua_secret_release(content->secret);
    *content = (struct tagua_pair_content){0};
}

/* Reads a private file whole. 0, or -1 with *error. */
static int read_whole(const char *path, struct tagua_buffer *text, struct tagua_error *error)
{
    int result = -1;
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return tagua_error_set(error, "ECONFIG", "cannot read the pair in '%s': %s", path,
                               strerror(errno));
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        tagua_error_set(error, "ECONFIG", "the pair's file '%s' is not a regular file", path);
        goto out;
    }
    if ((about.st_mode & 077) != 0) {
        tagua_error_set(error, "ECONFIG",
                        "the pair's file '%s' can be read by others (mode %03o): chmod 600 it",
                        path, (unsigned)(about.st_mode & 0777));
        goto out;
    }
    if (about.st_size > (off_t)text->max || tagua_buffer_reserve(text, text->max) == NULL) {
        tagua_error_set(error, "ECONFIG", "the pair's file '%s' is too large", path);
        goto out;
    }
    for (;;) {
        ssize_t got = read(file, text->data + text->length, text->max - text->length);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            tagua_error_set(error, "ECONFIG", "cannot read the pair in '%s': %s", path,
                            strerror(errno));
            goto out;
        }
        text->length += (size_t)got;
        if (text->length == text->max)
            break;
    }
    text->data[text->length] = '\0';
    result = 0;
out:
    close(file);
    return result;
}

static struct tagua_secret *secret_of(const struct tagua_json_value *value, const char *path)
{
    struct tagua_buffer text;
    tagua_buffer_init(&text, value->length + 1);
    if (value->kind != TAGUA_JSON_TEXT || tagua_buffer_reserve(&text, text.max) == NULL ||
        tagua_json_append_text(value, &text) != 0) {
        tagua_buffer_wipe(&text);
        return NULL;
    }
    return tagua_secret_from_bytes(&text, "file ", path, NULL);
}

int tagua_pair_file_read(const char *path, struct tagua_pair_content *content,
                         struct tagua_error *error)
{
    static const char *const names[] = {"token", "secret", "stored"};
    struct tagua_json_value values[3];
    struct tagua_buffer text;
    int result = -1;
    *content = (struct tagua_pair_content){0};
    tagua_buffer_init(&text, LARGEST);
    struct tagua_json_projection *projection = tagua_json_projection_new(names, 3, error);
    if (projection == NULL || read_whole(path, &text, error) != 0)
        goto out;
    if (tagua_json_project(projection, text.data, text.length, values, NULL) == 0) {
        content->token = secret_of(&values[0], path);
        content->secret = secret_of(&values[1], path);
        tagua_json_integer(&values[2], &content->stored);
    }
    if (content->token != NULL && content->secret != NULL) {
        result = 0;
    } else {
        tagua_pair_content_release(content);
        tagua_error_set(error, "ECONFIG",
                        "'%s' holds no pair: tagua token set puts a new one into it", path);
    }
out:
    tagua_json_projection_free(projection);
    tagua_buffer_wipe(&text);
    return result;
}

static int write_some(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(file, bytes, length);
        if (wrote < 0 && errno != EINTR)
            return -1;
        if (wrote > 0) {
            bytes += wrote;
            length -= (size_t)wrote;
        }
    }
    return 0;
}

/* Makes a file of mode 0600 with these bytes, down to the disk; `begun` and `written` are the points
 * in the middle and before the disk has it. 0, or -1 with *error. */
static int write_whole(const char *path, const struct tagua_buffer *text, const char *begun,
                       const char *written, tagua_pair_watcher *watcher, void *context,
                       struct tagua_error *error)
{
    tagua_pair_file_remove(path);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return tagua_error_set(error, "EIO", "cannot write '%s': %s", path, strerror(errno));
    size_t half = text->length / 2;
    int failed = fchmod(file, 0600) != 0 || write_some(file, text->data, half) != 0;
    if (!failed) {
        watcher(context, begun);
        failed = write_some(file, text->data + half, text->length - half) != 0;
    }
    if (!failed) {
        watcher(context, written);
        failed = fsync(file) != 0;
    }
    if (failed)
        tagua_error_set(error, "EIO", "cannot write '%s': %s", path, strerror(errno));
    close(file);
    return failed ? -1 : 0;
}

/* Appends `"name":"text"`. 0 or -1. */
static int append_field(struct tagua_buffer *out, const char *name, const struct tagua_secret *secret)
{
    size_t length;
    const char *value = tagua_secret_value(secret, &length);
    int failed = tagua_buffer_append_text(out, name);
    for (size_t i = 0; i < length && failed == 0; i++) {
        if (value[i] == '"' || value[i] == '\\')
            failed = tagua_buffer_append(out, "\\", 1);
        if (failed == 0)
            failed = tagua_buffer_append(out, &value[i], 1);
    }
    return failed != 0 ? -1 : tagua_buffer_append_text(out, "\"");
}

int tagua_pair_file_write(const struct tagua_pair_paths *paths, const struct tagua_secret *token,
                          const struct tagua_secret *secret, tagua_pair_watcher *watcher,
                          void *context, struct tagua_error *error)
{
    char end[64];
    struct tagua_buffer text;
    tagua_buffer_init(&text, LARGEST);
    snprintf(end, sizeof end, ",\"stored\":%" PRId64 "}\n",
             tagua_clock_wall_ns() / TAGUA_SECOND_NS);
    int result = -1;
    if (tagua_buffer_reserve(&text, text.max) == NULL ||
        append_field(&text, "{\"token\":\"", token) != 0 ||
        append_field(&text, ",\"secret\":\"", secret) != 0 ||
        tagua_buffer_append_text(&text, end) != 0)
        tagua_error_set(error, "EIO", "cannot write '%s': the pair is too large", paths->next);
    else
        result = write_whole(paths->next, &text, "half written", "written", watcher, context,
                             error);
    tagua_buffer_wipe(&text);
    if (result == 0)
        watcher(context, "synced");
    return result;
}

int tagua_pair_file_settle(const struct tagua_pair_paths *paths, tagua_pair_watcher *watcher,
                           void *context, struct tagua_error *error)
{
    int file = open(paths->next, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 || fsync(file) != 0 || rename(paths->next, paths->file) != 0) {
        tagua_error_set(error, "EIO", "cannot put '%s' into its place: %s", paths->next,
                        strerror(errno));
        if (file >= 0)
            close(file);
        return -1;
    }
    close(file);
    watcher(context, "renamed");
    if (tagua_pair_folder_sync(paths, error) != 0)
        return -1;
    watcher(context, "settled");
    return 0;
}

void tagua_pair_file_remove(const char *path)
{
    unlink(path);
}

int tagua_pair_folder_sync(const struct tagua_pair_paths *paths, struct tagua_error *error)
{
    int folder = open(paths->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = folder < 0 || fsync(folder) != 0;
    if (failed)
        tagua_error_set(error, "EIO", "cannot sync the folder '%s': %s", paths->folder,
                        strerror(errno));
    if (folder >= 0)
        close(folder);
    return failed ? -1 : 0;
}

bool tagua_pair_is_settled(const struct tagua_pair_paths *paths)
{
    return access(paths->intent, F_OK) != 0 && access(paths->next, F_OK) != 0;
}

bool tagua_pair_intent_read(const struct tagua_pair_paths *paths,
                            struct tagua_pair_intent *intent)
{
    static const char *const names[] = {"replaces", "at"};
    struct tagua_json_value values[2];
    struct tagua_buffer text;
    bool found = false;
    *intent = (struct tagua_pair_intent){.at = 0};
    tagua_buffer_init(&text, 1024);
    struct tagua_json_projection *projection = tagua_json_projection_new(names, 2, NULL);
    if (projection != NULL && read_whole(paths->intent, &text, NULL) == 0 &&
        tagua_json_project(projection, text.data, text.length, values, NULL) == 0 &&
        values[0].kind == TAGUA_JSON_TEXT && values[0].length == TAGUA_SHA256_HEX - 1 &&
        tagua_json_integer(&values[1], &intent->at) == 0) {
        tagua_json_text(&values[0], intent->hash);
        intent->hash[TAGUA_SHA256_HEX - 1] = '\0';
        found = true;
    }
    tagua_json_projection_free(projection);
    tagua_buffer_free(&text);
    return found;
}

int tagua_pair_intent_write(const struct tagua_pair_paths *paths, const struct tagua_secret *token,
                            tagua_pair_watcher *watcher, void *context, struct tagua_error *error)
{
    char hash[TAGUA_SHA256_HEX], line[160];
    struct tagua_buffer text;
    tagua_secret_sha256(token, hash);
    snprintf(line, sizeof line, "{\"replaces\":\"%s\",\"at\":%" PRId64 "}\n", hash,
             tagua_clock_wall_ns() / TAGUA_SECOND_NS);
    tagua_buffer_init(&text, sizeof line);
    int result = -1;
    if (tagua_buffer_append_text(&text, line) != 0)
        tagua_error_set(error, "EIO", "cannot write '%s': out of memory", paths->intent_new);
    else if (write_whole(paths->intent_new, &text, "intent half written", "intent written", watcher,
                         context, error) == 0) {
        if (rename(paths->intent_new, paths->intent) != 0)
            tagua_error_set(error, "EIO", "cannot write '%s': %s", paths->intent, strerror(errno));
        else
            result = tagua_pair_folder_sync(paths, error);
    }
    tagua_buffer_free(&text);
    return result;
}
