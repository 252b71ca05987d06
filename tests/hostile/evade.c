/* Attempts to hold memory that no fuse stops, by an unprivileged user:
 *
 *   evade plain MIB   holds MIB
 *   evade claim MIB   the same, having executed itself with the arguments of a crash monitor
 *   evade child MIB   a child does so
 *   evade forks MIB   that child's own children share MIB among them
 *   evade late MIB    writes the arguments over its own, later
 *
 * It is started as root and becomes another user first, then waits for a line on its stdin,
 * unless a parent of its own has done so. */
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNPRIVILEGED 65534
#define MIB (1ul << 20)
#define CLAIM "** telemetry **"
#define CHILDREN 12

static int hold(size_t bytes)
{
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    for (size_t page = 0; page < bytes; page += 4096)
        at[page] = 1;
    for (;;)
        pause();
}

/* By its path: an exec of /proc/self/exe would call it `exe`, which is not watched. */
static int claim(const char *program, const char *mode, const char *mib)
{
    execl(program, program, CLAIM, mode, mib, NULL);
    return 1;
}

static int claim_in_child(const char *program, const char *mode, const char *mib)
{
    if (fork() == 0)
        _exit(claim(program, mode, mib));
    return wait(NULL) < 0;
}

static int share_out(size_t bytes)
{
    for (int n = 0; n < CHILDREN; n++)
        if (fork() == 0)
            _exit(hold(bytes / CHILDREN));
    return wait(NULL) < 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], CLAIM))
        argc--, argv++;
    else if (setgroups(0, NULL) || setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED) ||
             getchar() == EOF)
        return 2;
    if (argc < 3)
        return 2;
    const char *mode = argv[1], *mib = argv[2];
    size_t bytes = strtoul(mib, NULL, 10) * MIB;
    char program[4096] = {};
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
        return 2;
    if (!strcmp(mode, "plain"))
        return hold(bytes);
    if (!strcmp(mode, "claim"))
        return claim(program, "plain", mib);
    if (!strcmp(mode, "child"))
        return claim_in_child(program, "plain", mib);
    if (!strcmp(mode, "forks"))
        return claim_in_child(program, "share", mib);
    if (!strcmp(mode, "share"))
        return share_out(bytes);
    if (!strcmp(mode, "late") && argc > 3) {
        memset(argv[1], 0, argv[3] + strlen(argv[3]) - argv[1]);
        strcpy(argv[1], CLAIM);
        return hold(bytes);
    }
    return 2;
}
