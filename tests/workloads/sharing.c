/* sharing KIND COUNT MIB OWN: COUNT processes map the same MIB of one kind of shared memory
 * and touch all of it, side by side as it grows; then each takes OWN MiB of its own. Prints
 * `ready` once all have, and ends them when its input ends.
 *
 * KIND: file (of /dev/shm), memfd, anon (inherited over fork), sysv, twice (each process maps
 * it two times). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1UL << 20)
#define PAGE 4096

static int fail(const char *what)
{
    perror(what);
    exit(1);
}

static void touch(volatile char *at, size_t from, size_t length)
{
    for (size_t page = from; page < from + length; page += PAGE)
        at[page] = 1;
}

static char *mapped(int fd, size_t length)
{
    char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? (fail("mmap"), NULL) : at;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    const char *kind = argv[1];
    int count = atoi(argv[2]), fd = -1, sysv = -1, ready[2];
    size_t length = atoi(argv[3]) * MIB, own = atoi(argv[4]) * MIB;
    char *inherited = NULL, path[64], line[8];
    if (!strcmp(kind, "file") || !strcmp(kind, "twice")) {
        snprintf(path, sizeof(path), "/dev/shm/ebpftrace-test-%d", getpid());
        fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        unlink(path);
    } else if (!strcmp(kind, "memfd")) {
        fd = memfd_create("shared", 0);
    } else if (!strcmp(kind, "sysv")) {
        sysv = shmget(IPC_PRIVATE, length, IPC_CREAT | 0600);
        inherited = sysv < 0 ? NULL : shmat(sysv, NULL, 0);
        shmctl(sysv, IPC_RMID, NULL);
    } else {
        inherited = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                         -1, 0);
    }
    if ((fd < 0 && (!inherited || inherited == MAP_FAILED || inherited == (void *)-1)) ||
        (fd >= 0 && ftruncate(fd, length)) || pipe(ready))
        fail(kind);
    for (int child = 0; child < count; child++) {
        if (fork())
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char *at = inherited ? inherited : mapped(fd, length);
        char *again = strcmp(kind, "twice") ? NULL : mapped(fd, length);
        for (size_t step = 0; step < length; step += MIB) {
            touch(at, step, MIB);
            if (again)
                touch(again, step, MIB);
            usleep(1000);
        }
        char *mine = mmap(NULL, own + PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        touch(mine, 0, own);
        if (write(ready[1], "r", 1) != 1)
            fail("ready");
        for (;;)
            pause();
    }
    close(ready[1]);
    for (int child = 0; child < count; child++)
        if (read(ready[0], line, 1) != 1)
            fail("a process ended");
    puts("ready");
    fflush(stdout);
    while (read(0, line, sizeof(line)) > 0)
        ;
    kill(0, SIGKILL); /* a session of its own */
    return 0;
}
