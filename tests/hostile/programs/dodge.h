/* Ways in which a process tries to outlive a SIGTERM: see dodge.c. */
#include <stddef.h>

/* Holds memory until a signal comes that it cannot handle; `how` is a mode's name. */
int dodge_by(const char *how, size_t bytes);
