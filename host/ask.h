/* Asking for a secret: one line of standard input, without showing it where that is a terminal. */
#ifndef TAGUA_ASK_H
#define TAGUA_ASK_H

#include "error.h"
#include "secret.h"

/* Writes `prompt` to standard error when standard input is a terminal, whose echo is off until the
 * line came, and reads the line, not a byte more. Returns the secret, for the caller to release, or
 * NULL with *error: ECONFIG (no line, or no secret), EINTERRUPTED (a signal came). `name` says what it
 * is called in messages. */
struct tagua_secret *tagua_ask_secret(const char *prompt, const char *name,
                                      struct tagua_error *error);

#endif
