/* A pair of token and secret that is replaced by another from time to time, in a file of mode 0600
 * that this unit alone reads and writes. At every moment, whatever process ends wherever, the file
 * holds a whole pair; a new one is on disk before it is used; and one process at a time replaces it.
 *
 * Beside the file PATH there are PATH.lock (held while the pair is replaced), PATH.intent (a request
 * for a new pair has left, or is about to) and PATH.new (a new pair that is being written). */
#ifndef TAGUA_PAIR_H
#define TAGUA_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "pair_request.h"
#include "secret.h"

struct tagua_pair;

/* Reads the pair in `path`; what a process that was ended left behind is finished first, for which
 * it waits at most `patience_ns` for the lock. Returns 0 and *pair, for tagua_pair_free; or -1:
 * ECONFIG (no such file, others may read it, it holds no pair), ELOCKED, EIO. */
int tagua_pair_open(const char *path, int64_t patience_ns, struct tagua_pair **pair,
                    struct tagua_error *error);

/* Forgets the pair, which stays in its file. NULL is fine. */
void tagua_pair_free(struct tagua_pair *pair);

/* Puts a pair into `path`, in place of what is there. Returns 0, or -1: ELOCKED, EIO. */
int tagua_pair_store(const char *path, const struct tagua_secret *token,
                     const struct tagua_secret *secret, int64_t patience_ns,
                     tagua_pair_watcher *watcher, void *context, struct tagua_error *error);

/* Reads the file again, once nobody is replacing the pair. Returns 0 and whether another pair is in
 * it than before, or -1 as tagua_pair_open. */
int tagua_pair_reload(struct tagua_pair *pair, int64_t patience_ns, bool *changed,
                      struct tagua_error *error);

/* Asks the platform for a new pair, unless another process has put one into the file meanwhile:
 * then that is the new one (*adopted). Returns 0; or -1, and the pair is what it was:
 * EAUTH (refused: the pair can't be replaced), ENETWORK (not reached, or the answer was lost), ... */
int tagua_pair_refresh(struct tagua_pair *pair, const struct tagua_pair_request *request,
                       int64_t patience_ns, tagua_pair_watcher *watcher, void *context,
                       bool *adopted, struct tagua_error *error);

/* The two halves, the pair's own: retain what is kept. */
struct tagua_secret *tagua_pair_token(const struct tagua_pair *pair);
struct tagua_secret *tagua_pair_secret(const struct tagua_pair *pair);

struct tagua_pair_times { /* seconds since the epoch; 0: not known */
    int64_t stored;  /* when it came into the file */
    int64_t issued;  /* as the token says */
    int64_t expires; /* likewise */
    int64_t cut_off; /* when a request for the next pair left whose answer never came to disk */
};
void tagua_pair_times(const struct tagua_pair *pair, struct tagua_pair_times *times);

#endif
