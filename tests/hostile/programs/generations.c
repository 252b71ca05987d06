/* See generations.h. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "generations.h"

#define GENERATIONS 5

/* Returns once all have closed the other end. */
static void wait_for_end(int pipe_end)
{
    char none;
    while (read(pipe_end, &none, 1) > 0)
        ;
}

int hand_on(const char *mode, size_t bytes)
{
    int is_each = !strcmp(mode, "each"), last[2], given[2];
    size_t part = bytes / GENERATIONS;
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || pipe(last))
        return 1;
    for (int generation = 1; generation <= GENERATIONS; generation++, at += part) {
        for (size_t page = 0; page < part; page += 4096)
            at[page] = 1;
        if (generation == GENERATIONS)
            break;
        if (pipe(given))
            return 1;
        if (fork() > 0) {
            close(last[1]);
            if (!is_each)
                wait_for_end(last[0]);
            madvise(at - (generation - 1) * part, generation * part, MADV_DONTNEED);
            close(given[1]);
            for (;;)
                pause();
        }
        close(given[1]);
        if (is_each)
            wait_for_end(given[0]);
        close(given[0]);
    }
    close(last[1]);
    for (;;)
        pause();
}
