/* Errors: a short upper-case code that programs branch on, a sentence that people read.
 * Owns nothing on the heap: a caller keeps one on its stack and passes its address down. */
#ifndef TAGUA_ERROR_H
#define TAGUA_ERROR_H

struct tagua_error {
    char code[24];      /* ECONFIG, EAUTH, ...: the list is in lua/tagua/errors.lua */
    char message[1000]; /* lower case, says what was being done, quotes the value */
};

/* Fills *error (which may be NULL) and returns -1, so that a caller can `return` it.
 * A message that does not fit is cut at a character boundary. */
int tagua_error_set(struct tagua_error *error, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
