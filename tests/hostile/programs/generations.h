/* A chain of processes, each forked by the one before, of which the last has all the memory:
 *
 *   chain-each  each takes a part, forks, gives back all that it has, and stays
 *   chain-last  the same, but they give it back once the last one has taken its part
 */
#include <stddef.h>

int hand_on(const char *mode, size_t bytes);
