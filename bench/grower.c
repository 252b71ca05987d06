/*
 * Grows past a bound on command, and says when: the moment before it touched the
 * page that reached the bound, by its own count.
 *
 *   grower BOUND REST [FIFO]    bytes of anonymous memory; it holds REST between two breaches
 *
 * On stdin, a byte each: `b` grows from REST past BOUND, and writes CLOCK_MONOTONIC of the
 * breach as 8 bytes; `s` shrinks to REST, and writes one byte. At each breach it writes its
 * pid as 8 bytes to the FIFO.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define BEYOND 64UL /* pages past the bound: a leak does not stop at it */

static char *arena;
static char text[1 << 16];

static void check(int failed, const char *what)
{
    if (failed) {
        perror(what);
        exit(1);
    }
}

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* What it holds besides the arena: smaps_rollup is exact, statm is not. */
static size_t own_pages(void)
{
    int fd = open("/proc/self/smaps_rollup", O_RDONLY);
    check(fd < 0, "smaps_rollup");
    check(read(fd, text, sizeof(text) - 1) <= 0, "smaps_rollup");
    close(fd);
    char *line = strstr(text, "\nAnonymous:");
    check(!line, "smaps_rollup has no Anonymous");
    return strtoul(line + strlen("\nAnonymous:"), NULL, 10) * 1024 / PAGE;
}

static void touch(size_t page)
{
    *(volatile char *)(arena + page * PAGE) = 1;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: grower BOUND REST [FIFO]\n");
        return 2;
    }
    int told = argc == 4 ? open(argv[3], O_RDWR) : -1;
    check(argc == 4 && told < 0, argv[3]);
    /* It must not lose its CPU between the clock and the page: that time belongs to neither side. */
    if (setpriority(PRIO_PROCESS, 0, -20))
        perror("setpriority");
    memset(text, 1, sizeof(text)); /* its pages count before they are counted */
    long pid = getpid();
    size_t bound = strtoul(argv[1], NULL, 10) / PAGE;
    size_t size = (bound + BEYOND) * PAGE;
    arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(arena == MAP_FAILED, "mmap");
    check(madvise(arena, size, MADV_NOHUGEPAGE), "madvise");
    size_t own = own_pages();
    size_t rest = strtoul(argv[2], NULL, 10) / PAGE - own, crossing = bound - own - 1;
    for (size_t page = 0; page < rest; page++)
        touch(page);

    char command;
    while (read(0, &command, 1) == 1) {
        if (command == 's') {
            check(madvise(arena + rest * PAGE, size - rest * PAGE, MADV_DONTNEED), "madvise");
            check(write(1, "s", 1) != 1, "write");
            continue;
        }
        long breach_ns = 0;
        for (size_t page = rest; page < crossing + BEYOND; page++) {
            if (page == crossing)
                breach_ns = now_ns();
            touch(page);
            if (page == crossing && told >= 0)
                check(write(told, &pid, sizeof(pid)) != sizeof(pid), "write");
        }
        check(write(1, &breach_ns, sizeof(breach_ns)) != sizeof(breach_ns), "write");
    }
    return 0;
}
