/* Secrets: a credential enters here once and stays. Owns the bytes of every secret that is alive:
 * counted, wiped with the last reference, replaced by "[secret]" in whatever text is shown. */
#ifndef TAGUA_SECRET_H
#define TAGUA_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "error.h"

/* A secret is one line of printable bytes, this long at least and at most. */
#define TAGUA_SECRET_MIN 4
#define TAGUA_SECRET_MAX ((size_t)65536)

#define TAGUA_SHA256_BYTES 32
#define TAGUA_SHA256_HEX 65 /* with its NUL */

struct tagua_secret;

/* A new secret with one reference, for the caller to release; NULL and *error (ECONFIG) when it
 * can't be had. The value of an environment variable: */
struct tagua_secret *tagua_secret_from_environment(const char *name, struct tagua_error *error);
/* The one line of a regular file that nobody but its owner may read: */
struct tagua_secret *tagua_secret_from_file(const char *path, struct tagua_error *error);
/* The one line that a shell command prints within two minutes; it may ask on the terminal: */
struct tagua_secret *tagua_secret_from_command(const char *line, struct tagua_error *error);
/* The value in a buffer, which is wiped in any case; `kind` and `name` say where it came from, as
 * "file " and "pair.json": */
struct tagua_secret *tagua_secret_from_bytes(struct tagua_buffer *value, const char *kind,
                                             const char *name, struct tagua_error *error);
/* 256 random bits in hexadecimal digits (EIO when the kernel has none): */
struct tagua_secret *tagua_secret_random(struct tagua_error *error);

/* Writes the value and a newline into a new file of mode 0600. 0, or -1 with EIO; a file that is there
 * stays as it is, and half a file is not left behind. */
int tagua_secret_keep(const struct tagua_secret *secret, const char *path, struct tagua_error *error);

/* One more reference. Returns its argument. */
struct tagua_secret *tagua_secret_retain(struct tagua_secret *secret);

/* One reference less; the last one wipes the value. NULL is fine. */
void tagua_secret_release(struct tagua_secret *secret);

/* Where it came from, for people: "environment variable BOTBONNIE_TOKEN". Lives with the secret. */
const char *tagua_secret_source(const struct tagua_secret *secret);

/* The value and its length; NUL-terminated, lives with the secret. For units that put it on the
 * wire, and for nothing that is printed. */
const char *tagua_secret_value(const struct tagua_secret *secret, size_t *length);

/* The value's SHA-256 as lower-case hexadecimal digits. */
void tagua_secret_sha256(const struct tagua_secret *secret, char hex[TAGUA_SHA256_HEX]);

/* HMAC-SHA256 of `bytes` under the secret. */
void tagua_secret_hmac(const struct tagua_secret *secret, const void *bytes, size_t length,
                       unsigned char digest[TAGUA_SHA256_BYTES]);

/* SHA-256 of any bytes, as lower-case hexadecimal digits. */
void tagua_sha256_hex(const void *bytes, size_t length, char hex[TAGUA_SHA256_HEX]);

/* Whether two runs of bytes are equal, in a time that depends on their lengths alone. */
bool tagua_secret_equal(const void *left, size_t left_length, const void *right,
                        size_t right_length);

/* Appends `text` to `out`, every live secret in it replaced by "[secret]": the value itself, and
 * the value with some of its bytes written as JSON escapes or percent-encoded. Returns 0, or -1
 * when `out` is full. */
int tagua_secret_redact(const char *text, size_t length, struct tagua_buffer *out);

/* The same for a NUL-terminated text in a fixed array of `size` bytes, which is cut at a character's
 * boundary when "[secret]" does not fit any more. */
void tagua_secret_redact_in_place(char *text, size_t size);

#endif
