/* The worker: the process that runs a rule file, and holds nothing but two pipes. */
#ifndef TAGUA_WORKER_H
#define TAGUA_WORKER_H

#include "embedded.h"

/* Reads frames from descriptor 0, does what they say and answers on descriptor 1, until the other
 * end closes. Returns the process' exit code. `find` gives the modules of the prelude. */
int tagua_worker_main(const struct tagua_embedded *(*find)(const char *name));

#endif
