/* Loads libraries late. Owns what it loaded, for the life of the process. */
#include "late.h"

#include <dlfcn.h>
#include <string.h>

int tagua_late_load(const char *library, const struct tagua_late *functions, size_t count,
                    struct tagua_error *error)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL)
        return tagua_error_set(error, "EIO", "cannot load a library that is needed: %s", dlerror());
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(handle, functions[i].name);
        if (function == NULL)
            return tagua_error_set(error, "EIO", "%s lacks the function %s: it is too old", library,
                                   functions[i].name);
        memcpy(functions[i].to, &function, sizeof function);
    }
    return 0; /* cppcheck-suppress resourceLeak ; it stays for the life of the process */
}
