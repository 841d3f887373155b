/* Pairs in files. Owns the order of things: the intent on disk before the request, the new pair on
 * disk before its use; and what a process left behind that was ended in between. */
#define _GNU_SOURCE /* realpath's own allocation, O_CLOEXEC */
#include "pair.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "clock.h"
#include "lock.h"
#include "pair_file.h"

#define LOCK_LOOK_MS 10

struct tagua_pair {
    struct tagua_pair_paths paths;
    struct tagua_secret *token;
    struct tagua_secret *secret;
    int64_t stored;
    int64_t cut_off;
};

static void watch_nothing(void *context, const char *point)
{
    (void)context;
    (void)point;
}

static int take_lock(const struct tagua_pair_paths *paths, int64_t patience_ns,
                     struct tagua_lock **lock, struct tagua_error *error)
{
    char holder[200];
    int64_t deadline_ns = tagua_clock_monotonic_ns() + patience_ns;
    for (;;) {
        int status = tagua_lock_try(paths->lock, "replacing the pair", 18, lock, holder,
                                    sizeof holder, error);
        if (status <= 0)
            return status;
        if (tagua_clock_monotonic_ns() >= deadline_ns)
            return tagua_error_set(error, "ELOCKED",
                                   "another process has been replacing the pair in '%s' for %lld "
                                   "seconds: wait until it is done, and run this again",
                                   paths->file, (long long)(patience_ns / TAGUA_SECOND_NS));
        poll(NULL, 0, LOCK_LOOK_MS);
    }
}

static bool same(const struct tagua_secret *left, const struct tagua_secret *right)
{
    size_t left_length, right_length;
    const char *left_value = tagua_secret_value(left, &left_length);
    const char *right_value = tagua_secret_value(right, &right_length);
    return tagua_secret_equal(left_value, left_length, right_value, right_length);
}

static void take(struct tagua_pair *pair, struct tagua_pair_content *content)
{
    tagua_secret_release(pair->token);
    tagua_secret_release(pair->secret);
    pair->token = content->token;
    pair->secret = content->secret;
    pair->stored = content->stored;
    *content = (struct tagua_pair_content){0};
}

/* Finishes what a process began that was ended. The lock is held. 0 or -1. */
static int recover(const struct tagua_pair_paths *paths, int64_t *cut_off,
                   struct tagua_error *error)
{
    struct tagua_pair_content content = {0}, next = {0};
    struct tagua_pair_intent intent;
    char hash[TAGUA_SHA256_HEX];
    int result = -1;
    *cut_off = 0;
    tagua_pair_file_remove(paths->intent_new);
    if (!tagua_pair_intent_read(paths, &intent)) {
        tagua_pair_file_remove(paths->next);
        return 0;
    }
    if (tagua_pair_file_read(paths->file, &content, error) != 0)
        return -1;
    tagua_secret_sha256(content.token, hash);
    if (strcmp(hash, intent.hash) != 0) {
        /* The new pair is in its place. */
        if (tagua_pair_folder_sync(paths, error) != 0)
            goto out;
        tagua_pair_file_remove(paths->next);
        tagua_pair_file_remove(paths->intent);
    } else if (tagua_pair_file_read(paths->next, &next, NULL) == 0) {
        /* It was written whole, and comes into its place now. */
        if (tagua_pair_file_settle(paths, watch_nothing, NULL, error) != 0)
            goto out;
        tagua_pair_file_remove(paths->intent);
    } else {
        tagua_pair_file_remove(paths->next);
        *cut_off = intent.at;
    }
    result = 0;
out:
    tagua_pair_content_release(&content);
    tagua_pair_content_release(&next);
    return result;
}

/* Reads the file under the lock. 0 or -1. */
static int read_settled(struct tagua_pair *pair, struct tagua_pair_content *content,
                        struct tagua_error *error)
{
    if (recover(&pair->paths, &pair->cut_off, error) != 0)
        return -1;
    return tagua_pair_file_read(pair->paths.file, content, error);
}

int tagua_pair_open(const char *path, int64_t patience_ns, struct tagua_pair **out_pair,
                    struct tagua_error *error)
{
    struct tagua_pair_content content = {0};
    struct tagua_lock *lock = NULL;
    int result = -1;
    *out_pair = NULL;
    struct tagua_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL)
        return tagua_error_set(error, "EIO", "cannot read the pair in '%s': out of memory", path);
    if (tagua_pair_paths_of(path, &pair->paths, error) != 0)
        goto out;
    /* A whole pair is in the file at every moment: only what was left behind needs the lock. */
    if (tagua_pair_is_settled(&pair->paths)) {
        result = tagua_pair_file_read(pair->paths.file, &content, error);
    } else if (take_lock(&pair->paths, patience_ns, &lock, error) == 0) {
        result = read_settled(pair, &content, error);
        tagua_lock_release(lock);
    }
    if (result == 0) {
        take(pair, &content);
        *out_pair = pair;
        return 0;
    }
out:
    tagua_pair_content_release(&content);
    tagua_pair_free(pair);
    return -1;
}

void tagua_pair_free(struct tagua_pair *pair)
{
    if (pair == NULL)
        return;
    tagua_secret_release(pair->token);
    tagua_secret_release(pair->secret);
    tagua_pair_paths_free(&pair->paths);
    free(pair);
}

int tagua_pair_store(const char *path, const struct tagua_secret *token,
                     const struct tagua_secret *secret, int64_t patience_ns,
                     tagua_pair_watcher *watcher, void *context, struct tagua_error *error)
{
    struct tagua_pair_paths paths = {0};
    struct tagua_lock *lock = NULL;
    int result = -1;
    if (watcher == NULL)
        watcher = watch_nothing;
    if (tagua_pair_paths_of(path, &paths, error) == 0 &&
        take_lock(&paths, patience_ns, &lock, error) == 0 &&
        tagua_pair_file_write(&paths, token, secret, watcher, context, error) == 0 &&
        tagua_pair_file_settle(&paths, watcher, context, error) == 0) {
        tagua_pair_file_remove(paths.intent_new);
        tagua_pair_file_remove(paths.intent);
        result = tagua_pair_folder_sync(&paths, error);
    }
    tagua_lock_release(lock);
    tagua_pair_paths_free(&paths);
    return result;
}

int tagua_pair_reload(struct tagua_pair *pair, int64_t patience_ns, bool *changed,
                      struct tagua_error *error)
{
    struct tagua_pair_content content = {0};
    struct tagua_lock *lock = NULL;
    *changed = false;
    if (take_lock(&pair->paths, patience_ns, &lock, error) != 0)
        return -1;
    int result = read_settled(pair, &content, error);
    tagua_lock_release(lock);
    if (result == 0) {
        *changed = !same(pair->token, content.token) || !same(pair->secret, content.secret);
        take(pair, &content);
    }
    tagua_pair_content_release(&content);
    return result;
}

/* Says of a failed request what it means for the pair. */
static int refused(const struct tagua_pair *pair, enum tagua_pair_answer answer,
                   const struct tagua_error *why, struct tagua_error *error)
{
    char left[120] = "";
    if (pair->cut_off != 0)
        snprintf(left, sizeof left,
                 "; an earlier refresh was cut off before its answer was on disk");
    if (answer == TAGUA_PAIR_ANSWER_REPLACED)
        return tagua_error_set(error, "EAUTH", "%.400s, and '%.200s' holds no newer pair%s",
                               why->message, pair->paths.file, left);
    if (answer == TAGUA_PAIR_ANSWER_LOST)
        return tagua_error_set(error, "ENETWORK",
                               "%.400s; whether the pair in '%.200s' is still good shows with the "
                               "next request: run it again",
                               why->message, pair->paths.file);
    return tagua_error_set(error, why->code, "%.600s%s", why->message, left);
}

/* What is done under the lock. 0 or -1. */
static int refresh(struct tagua_pair *pair, const struct tagua_pair_request *request,
                   tagua_pair_watcher *watcher, void *context, bool *adopted,
                   struct tagua_error *error)
{
    struct tagua_pair_content content = {0}, next = {0};
    struct tagua_error why;
    int result = -1;
    if (read_settled(pair, &content, error) != 0)
        return -1;
    *adopted = !same(pair->token, content.token);
    take(pair, &content);
    if (*adopted)
        return 0;
    watcher(context, "locked");
    if (tagua_pair_intent_write(&pair->paths, pair->token, watcher, context, error) != 0)
        return -1;
    watcher(context, "intended");
    enum tagua_pair_answer answer =
        tagua_pair_ask(request, pair->token, pair->secret, pair->paths.file, watcher, context,
                       &next.token, &next.secret, &why);
    if (answer != TAGUA_PAIR_ANSWER_NEW) {
        if (answer == TAGUA_PAIR_ANSWER_NONE)
            tagua_pair_file_remove(pair->paths.intent);
        return refused(pair, answer, &why, error);
    }
    watcher(context, "read");
    if (tagua_pair_file_write(&pair->paths, next.token, next.secret, watcher, context, error) != 0 ||
        tagua_pair_file_settle(&pair->paths, watcher, context, error) != 0)
        goto out;
    tagua_pair_file_remove(pair->paths.intent);
    watcher(context, "done");
    next.stored = tagua_clock_wall_ns() / TAGUA_SECOND_NS;
    pair->cut_off = 0;
    take(pair, &next);
    result = 0;
out:
    tagua_pair_content_release(&next);
    return result;
}

int tagua_pair_refresh(struct tagua_pair *pair, const struct tagua_pair_request *request,
                       int64_t patience_ns, tagua_pair_watcher *watcher, void *context,
                       bool *adopted, struct tagua_error *error)
{
    struct tagua_lock *lock = NULL;
    *adopted = false;
    if (take_lock(&pair->paths, patience_ns, &lock, error) != 0)
        return -1;
    int result = refresh(pair, request, watcher != NULL ? watcher : watch_nothing, context,
                         adopted, error);
    tagua_lock_release(lock);
    return result;
}

struct tagua_secret *tagua_pair_token(const struct tagua_pair *pair)
{
    return pair->token;
}

struct tagua_secret *tagua_pair_secret(const struct tagua_pair *pair)
{
    return pair->secret;
}

void tagua_pair_times(const struct tagua_pair *pair, struct tagua_pair_times *times)
{
    size_t length;
    struct tagua_claims claims;
    const char *token = tagua_secret_value(pair->token, &length);
    tagua_claims_read(token, length, &claims);
    *times = (struct tagua_pair_times){
        .stored = pair->stored,
        .issued = claims.issued,
        .expires = claims.expires,
        .cut_off = pair->cut_off,
    };
}
