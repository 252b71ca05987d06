/*
 * Waits for a byte on stdin, then grows as fast as it can, until it has grown by BYTES; then
 * it stays until it is ended.
 *
 *   racer touch BYTES      first touches of pages, one thread
 *   racer threads BYTES    the same, by 16 threads at once
 *   racer children BYTES   the same, by 16 children that were forked before
 *   racer forks BYTES      it grows, and forks 16 children on the way that grow as it does
 *   racer huge BYTES       huge pages: 2 MiB at each touch (MADV_HUGEPAGE), after some
 *                          small ones: where in a huge page a bound lies is left to chance
 *   racer shmem BYTES      shared anonymous memory
 *   racer populate BYTES   all of it in one system call, mmap with MAP_POPULATE
 *   racer mlock BYTES      the same, mlock
 *   racer tmpfs BYTES      one write to a file in memory
 *   racer flood BYTES FILE fills the page cache at once: reads a FILE of that size again and
 *                          again, and writes a block of every sixteen
 *
 *   racer end              the hook: ends the process that EBPFTRACE_PID names
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define MANY 16
#define BLOCK (1UL << 20)

static void check(int failed, const char *what)
{
    if (failed) {
        perror(what);
        exit(1);
    }
}

static char *map(size_t size, int flags)
{
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    check(at == MAP_FAILED, "mmap");
    return at;
}

static void touch_all(char *at, size_t size)
{
    for (size_t offset = 0; offset < size; offset += PAGE)
        *(volatile char *)(at + offset) = 1;
}

static char *small_pages(size_t size)
{
    char *at = map(size, MAP_PRIVATE);
    check(madvise(at, size, MADV_NOHUGEPAGE), "madvise");
    return at;
}

static void touch(size_t size)
{
    touch_all(small_pages(size), size);
}

static void *one_of_many(void *size)
{
    touch(*(size_t *)size);
    return NULL;
}

static void threads(size_t size)
{
    pthread_t thread[MANY];
    size_t each = size / MANY;
    for (int i = 0; i < MANY; i++)
        check(pthread_create(&thread[i], NULL, one_of_many, &each), "pthread_create");
    for (int i = 0; i < MANY; i++)
        pthread_join(thread[i], NULL);
}

static void fork_one(size_t grows_by)
{
    pid_t child = fork();
    check(child < 0, "fork");
    if (child)
        return;
    touch(grows_by);
    for (;;)
        pause();
}

static void children(size_t size)
{
    for (int i = 0; i < MANY; i++)
        fork_one(size / MANY);
}

/* A child at every 2 % of the way. */
static void forks(size_t size)
{
    size_t own = size / 2, step = own / 25;
    char *at = small_pages(own);
    for (size_t done = 0; done < own; done += step) {
        touch_all(at + done, done + step < own ? step : own - done);
        if (done < MANY * step)
            fork_one(size / 2 / MANY);
    }
}

static void huge(size_t size)
{
    unsigned int chance;
    check(getrandom(&chance, sizeof(chance), 0) != sizeof(chance), "getrandom");
    char *at = map(size + HUGE, MAP_PRIVATE);
    at += HUGE - (size_t)at % HUGE;
    check(madvise(at, size, MADV_HUGEPAGE), "madvise");
    touch(chance % HUGE);
    touch_all(at, size);
}

static void tmpfs(size_t size)
{
    static char block[BLOCK];
    struct iovec blocks[1024];
    size_t count = size / BLOCK;
    check(count > 1024, "at most 1 GiB");
    for (size_t i = 0; i < count; i++)
        blocks[i] = (struct iovec){block, BLOCK};
    int fd = memfd_create("race", 0);
    check(fd < 0, "memfd_create");
    check(writev(fd, blocks, count) < 0, "writev");
}

/* What was never written is read without the disk: no disk floods faster. */
static void flood(size_t size, const char *path)
{
    static char block[BLOCK];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(fd < 0, path);
    check(ftruncate(fd, size), "ftruncate");
    for (;;) {
        for (size_t at = 0; at < size; at += BLOCK)
            check(pread(fd, block, BLOCK, at) < 0, "read");
        for (size_t at = 0; at < size; at += 16 * BLOCK)
            check(pwrite(fd, block, BLOCK, at) < 0, "write");
    }
}

static int end(void)
{
    const char *pid = getenv("EBPFTRACE_PID");
    return !pid || kill(atoi(pid), SIGKILL);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (argc == 2 && !strcmp(how, "end"))
        return end();
    if (argc == 4 && !strcmp(how, "flood"))
        flood(size, argv[3]);
    if (argc != 3 || size < HUGE) {
        fprintf(stderr, "usage: racer HOW BYTES [FILE]\n");
        return 2;
    }
    char go;
    if (read(0, &go, 1) != 1)
        return 1;
    if (!strcmp(how, "touch"))
        touch(size);
    else if (!strcmp(how, "threads"))
        threads(size);
    else if (!strcmp(how, "children"))
        children(size);
    else if (!strcmp(how, "forks"))
        forks(size);
    else if (!strcmp(how, "huge"))
        huge(size);
    else if (!strcmp(how, "shmem"))
        touch_all(map(size, MAP_SHARED), size);
    else if (!strcmp(how, "populate"))
        map(size, MAP_PRIVATE | MAP_POPULATE);
    else if (!strcmp(how, "mlock"))
        check(mlock(small_pages(size), size), "mlock");
    else if (!strcmp(how, "tmpfs"))
        tmpfs(size);
    else
        return 2;
    for (;;)
        pause();
}
