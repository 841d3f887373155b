/* Preloaded beside the sanitizers' libraries: takes LD_PRELOAD out of the environment once this process
 * has it, so that the shells and commands that specs start are not watched as if they were ours. */
#define _DEFAULT_SOURCE
#include <stdlib.h>

__attribute__((constructor)) static void forget_preload(void)
{
    unsetenv("LD_PRELOAD");
}
