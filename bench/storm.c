/*
 * Does one thing to its memory as fast as it can, and says what one operation took.
 *
 *   storm run MILLISECONDS   each storm in turn for so long: a line `name ns` for each
 *   storm hold               touches and gives back a little once a second, until it is ended
 *   storm many COUNT CHANGING  so many processes, each by an exec of its own: CHANGING of them
 *                            hold, the others sleep until this one is ended
 *
 * The time is this process's CPU time, so that a busy machine's other processes are not in
 * it, and the best of many chunks, so that interrupts are not either.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 2048
#define PAGE 4096UL
#define STEP (16 * PAGE)

static void check(int failed, const char *what)
{
    if (failed) {
        perror(what);
        exit(1);
    }
}

static long cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static char *map(size_t size)
{
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(at == MAP_FAILED, "mmap");
    return at;
}

/* The first touch of each page: a fault, a page, and one change of rss_stat. */
static long touch(void)
{
    char *at = map(CHUNK * PAGE);
    check(madvise(at, CHUNK * PAGE, MADV_NOHUGEPAGE), "madvise");
    long began = cpu_ns();
    for (size_t page = 0; page < CHUNK; page++)
        *(volatile char *)(at + page * PAGE) = 1;
    long took = cpu_ns() - began;
    check(munmap(at, CHUNK * PAGE), "munmap");
    return took;
}

static long map_unmap(void)
{
    long began = cpu_ns();
    for (int i = 0; i < CHUNK; i++)
        check(munmap(map(STEP), STEP), "munmap");
    return cpu_ns() - began;
}

static long brk_pair(void)
{
    char *end = sbrk(0);
    long began = cpu_ns();
    for (int i = 0; i < CHUNK; i++) {
        check(brk(end + STEP), "brk");
        check(brk(end), "brk");
    }
    return cpu_ns() - began;
}

static long getppid_only(void)
{
    long began = cpu_ns();
    for (int i = 0; i < CHUNK; i++)
        syscall(SYS_getppid);
    return cpu_ns() - began;
}

static void run(const char *name, long (*chunk)(void), long budget_ns)
{
    long best = chunk(), began = cpu_ns();
    do {
        long took = chunk();
        if (took < best)
            best = took;
    } while (cpu_ns() - began < budget_ns);
    printf("%s %.2f\n", name, (double)best / CHUNK);
}

static void hold(void)
{
    for (;;) {
        char *at = map(STEP);
        memset(at, 1, STEP);
        sleep(1);
        check(munmap(at, STEP), "munmap");
    }
}

static void many(char *program, int count, int changing)
{
    for (int number = 1; number < count; number++) {
        int child = fork();
        check(child < 0, "fork");
        if (child)
            continue;
        check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        execl(program, program, number < changing ? "hold" : "sleep", NULL);
        check(1, "exec");
    }
    if (changing)
        hold();
    pause();
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "sleep"))
        return pause();
    if (argc == 4 && !strcmp(argv[1], "many"))
        many(argv[0], atoi(argv[2]), atoi(argv[3]));
    if (argc == 2 && !strcmp(argv[1], "hold"))
        hold();
    if (argc != 3 || strcmp(argv[1], "run")) {
        fprintf(stderr, "usage: storm run MILLISECONDS | storm hold | storm many COUNT CHANGING\n");
        return 2;
    }
    long budget_ns = atol(argv[2]) * 1000000L;
    run("touch", touch, budget_ns);
    run("mmap", map_unmap, budget_ns);
    run("brk", brk_pair, budget_ns);
    run("getppid", getppid_only, budget_ns);
    return 0;
}
