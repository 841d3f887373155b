/* Loads libmicrohttpd late. Owns the addresses of its functions. */
#include "server_late.h"

#ifdef TAGUA_LATE_MICROHTTPD

#include <pthread.h>

#include "late.h"

struct tagua_microhttpd tagua_microhttpd;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct tagua_error failure;
static int result;

static void load(void)
{
#define ENTRY(name) {#name, &tagua_microhttpd.late_##name},
    static const struct tagua_late functions[] = {MICROHTTPD_FUNCTIONS(ENTRY)};
    result = tagua_late_load(TAGUA_LATE_MICROHTTPD, functions, sizeof functions / sizeof *functions, &failure);
}

int tagua_microhttpd_load(struct tagua_error *error)
{
    pthread_once(&once, load);
    if (result != 0)
        *error = failure;
    return result;
}

#else

int tagua_microhttpd_load(struct tagua_error *error)
{
    (void)error;
    return 0;
}

#endif
