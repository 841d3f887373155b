/* The files of a pair: what is in them, and how each comes to disk. Whoever changes one holds the
 * pair's lock. */
#ifndef TAGUA_PAIR_FILE_H
#define TAGUA_PAIR_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "pair_request.h"
#include "secret.h"

struct tagua_pair_paths { /* each its user's own */
    char *file, *lock, *intent, *intent_new, *next, *folder;
};

/* The paths beside `path`, symbolic links followed. 0, or -1 with *error (EIO). */
int tagua_pair_paths_of(const char *path, struct tagua_pair_paths *paths,
                        struct tagua_error *error);
void tagua_pair_paths_free(struct tagua_pair_paths *paths);

struct tagua_pair_content {
    struct tagua_secret *token, *secret; /* references of its own */
    int64_t stored;                      /* seconds since the epoch */
};
void tagua_pair_content_release(struct tagua_pair_content *content);

/* Reads a pair out of a file. 0, or -1 with *error (ECONFIG), which may be NULL. */
int tagua_pair_file_read(const char *path, struct tagua_pair_content *content,
                         struct tagua_error *error);

/* Writes a pair into the file beside, down to the disk. 0, or -1 with *error (EIO). */
int tagua_pair_file_write(const struct tagua_pair_paths *paths, const struct tagua_secret *token,
                          const struct tagua_secret *secret, tagua_pair_watcher *watcher,
                          void *context, struct tagua_error *error);

/* Puts the file beside into its place, for good. 0, or -1 with *error (EIO). */
int tagua_pair_file_settle(const struct tagua_pair_paths *paths, tagua_pair_watcher *watcher,
                           void *context, struct tagua_error *error);

/* Removes a file that may not be there. */
void tagua_pair_file_remove(const char *path);

/* Makes what was renamed or removed durable. 0, or -1 with *error (EIO). */
int tagua_pair_folder_sync(const struct tagua_pair_paths *paths, struct tagua_error *error);

/* Whether nothing was left behind. */
bool tagua_pair_is_settled(const struct tagua_pair_paths *paths);

struct tagua_pair_intent {
    char hash[TAGUA_SHA256_HEX]; /* of the token that was to be replaced */
    int64_t at;                  /* seconds since the epoch */
};

/* Whether there is an intent, and which. One that can't be read is none of ours. */
bool tagua_pair_intent_read(const struct tagua_pair_paths *paths,
                            struct tagua_pair_intent *intent);

/* Puts the intent to replace the pair with that token on disk. 0, or -1 with *error (EIO). */
int tagua_pair_intent_write(const struct tagua_pair_paths *paths, const struct tagua_secret *token,
                            tagua_pair_watcher *watcher, void *context,
                            struct tagua_error *error);

#endif
