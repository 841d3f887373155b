/* Loads libcurl late. Owns the addresses of its functions. */
#include "client_late.h"

#ifdef TAGUA_LATE_CURL

#include <pthread.h>

#include "late.h"

struct tagua_curl tagua_curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct tagua_error failure;
static int result;

static void load(void)
{
#define ENTRY(name) {#name, &tagua_curl.late_##name},
    static const struct tagua_late functions[] = {CURL_FUNCTIONS(ENTRY)};
    result = tagua_late_load(TAGUA_LATE_CURL, functions, sizeof functions / sizeof *functions, &failure);
}

int tagua_curl_load(struct tagua_error *error)
{
    pthread_once(&once, load);
    if (result != 0)
        *error = failure;
    return result;
}

#else

int tagua_curl_load(struct tagua_error *error)
{
    (void)error;
    return 0;
}

#endif
