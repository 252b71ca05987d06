/* A process that holds memory and has something to do when it gets SIGTERM:
 *
 *   exec   executes another program, which has SIGTERM blocked
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dodge.h"

static void execute(int number)
{
    (void)number; /* blocked while this runs, and in the program */
    execl("/bin/sleep", "evade-sleep", "600", NULL);
    _exit(1);
}

int dodge_by(const char *how, size_t bytes)
{
    if (!strcmp(how, "exec"))
        signal(SIGTERM, execute);
    else
        return 2;
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    for (size_t page = 0; page < bytes; page += 4096)
        at[page] = 1;
    for (;;)
        pause();
}
