/* Attempts to hold memory that no fuse stops, by an unprivileged user:
 *
 *   evade plain MIB   holds MIB
 *   evade claim MIB   the same, having executed itself with the arguments of a crash monitor
 *   evade child MIB   a child does so
 *   evade runs MIB    12 children do so, each a part of MIB, and say they are of a CI run each
 *   evade forks MIB   that child's own children share MIB among them
 *   evade late MIB    writes the arguments over its own, later
 *   evade share MIB   a process that shares all its memory holds MIB
 *   evade orphan MIB  the same, by another name, and the first process ends
 *   evade idle MIB    holds MIB, beside a process that shares it and does nothing
 *   evade chain MIB   each of a chain of such processes ends; the last one, idle, is left
 *   evade crowd MIB   the first of 1,400 such processes holds MIB, and the others do nothing
 *   evade moved MIB PROCS  as `orphan`, from another cgroup, by its file cgroup.procs
 *   evade vfork MIB   a vfork child that executes nothing holds MIB
 *   evade resume MIB  holds MIB, and three helpers resume it all the time
 *   evade trace MIB   the same by a debugger that suppresses each stop
 *   evade linger MIB  the same by a debugger that keeps it from ending once it was killed
 *   evade chain-… MIB a chain of forks holds MIB: see generations.h
 *   evade fill-… MIB  a child fills its memory with MIB: see fill.h
 *   evade dodge MIB PROCS  holds MIB, and at SIGTERM moves to another cgroup
 *   evade dodge-… MIB  holds MIB, and at SIGTERM does something else: see dodge.c
 *   evade hop MIB PROCS PROCS  holds MIB, and moves between two cgroups all the time
 *   evade rename MIB  holds MIB, and has another name each moment
 *   evade rename-thread MIB  holds MIB by another name, after its first thread has ended
 *   evade relay MIB   holds MIB, and hands it to a child each half second
 *   evade wake PID    resumes another process all the time
 *
 * It is started as root and becomes another user first, then waits for a line on its stdin,
 * unless a parent of its own has done so. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dodge.h"
#include "fill.h"
#include "generations.h"

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

static int claim_in_runs(const char *program, size_t bytes)
{
    char part[32], run[32];

    snprintf(part, sizeof part, "%zu", bytes / MIB / CHILDREN);
    for (int n = 0; n < CHILDREN; n++) {
        snprintf(run, sizeof run, "%d", n);
        if (setenv("GITLAB_CI", "true", 1) || setenv("CI_PROJECT_PATH", "group/project", 1) ||
            setenv("CI_JOB_NAME", "test", 1) ||
            setenv("CI_SERVER_URL", "https://gitlab.example", 1) || setenv("CI_JOB_ID", run, 1))
            return 1;
        if (fork() == 0)
            _exit(claim(program, "plain", part));
    }
    return wait(NULL) < 0 || pause();
}

struct sharer {
    char stack[64 << 10];
    const char *procs; /* where it moves to, or NULL */
    size_t bytes; /* 0: holds nothing */
    int more;     /* links of a chain that follow */
};
static struct sharer sharers[4];

static int share_body(void *argument)
{
    struct sharer *own = argument;
    prctl(PR_SET_NAME, "something", 0, 0, 0);
    if (own->more) {
        own[1] = (struct sharer){.bytes = own->bytes, .more = own->more - 1};
        _exit(clone(share_body, own[1].stack + sizeof(own->stack), CLONE_VM | CLONE_FILES,
                    own + 1) < 0);
    }
    int file = own->procs ? open(own->procs, O_WRONLY) : -1;
    if (file >= 0 && write(file, "0", 1) != 1)
        _exit(1);
    if (own->bytes) {
        usleep(300000); /* the first process has ended by then, if it does */
        hold(own->bytes);
    }
    for (;;)
        pause();
}

static int start_sharer(size_t bytes, int more, const char *procs)
{
    *sharers = (struct sharer){.bytes = bytes, .more = more, .procs = procs};
    return clone(share_body, sharers->stack + sizeof(sharers->stack), CLONE_VM, sharers) < 0;
}

static int idle_body(void *argument)
{
    (void)argument;
    for (;;)
        pause();
    return 0;
}

#define CROWD 1400

static int start_crowd(void)
{
    static char stacks[CROWD][1024] __attribute__((aligned(16)));
    for (int n = 0; n < CROWD; n++)
        if (clone(idle_body, stacks[n] + sizeof(stacks[n]), CLONE_VM, NULL) < 0)
            return 1;
    return 0;
}

static int hold_in_vfork(size_t bytes)
{
    if (vfork() == 0) {
        hold(bytes);
        _exit(0);
    }
    return 0;
}

static void wake(pid_t process)
{
    for (;;)
        kill(process, SIGCONT);
}

static int hold_and_resume(size_t bytes)
{
    pid_t self = getpid();
    for (int n = 0; n < 3; n++)
        if (fork() == 0) {
            prctl(PR_SET_NAME, "helper", 0, 0, 0);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            wake(self);
        }
    return hold(bytes);
}

/* A child that this process traces, and that stops before it holds its memory. */
static pid_t traced_holder(size_t bytes)
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGUSR1);
        _exit(hold(bytes));
    }
    return child;
}

static int hold_under_tracer(size_t bytes)
{
    pid_t child = traced_holder(bytes);
    for (int status; waitpid(child, &status, 0) == child && WIFSTOPPED(status);)
        ptrace(PTRACE_CONT, child, NULL, NULL); /* no signal: the stop is suppressed */
    return 0;
}

static _Noreturn void hold_after_death(size_t bytes)
{
    pid_t child = traced_holder(bytes);
    prctl(PR_SET_NAME, "debugger", 0, 0, 0);
    int status;
    waitpid(child, &status, 0);
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXIT);
    do
        ptrace(PTRACE_CONT, child, NULL, WSTOPSIG(status) == SIGSTOP ? SIGSTOP : 0);
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
           status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8));
    for (;;)
        pause(); /* it has not ended, and its memory is not freed */
}

static const char *refuge;

static void move(const char *procs)
{
    int file = open(procs, O_WRONLY);
    if (file < 0)
        _exit(1);
    while (write(file, "0", 1) != 1)
        ;
    close(file);
}

static void dodge(int number)
{
    (void)number;
    move(refuge);
}

static int hold_and_dodge(size_t bytes, const char *procs)
{
    refuge = procs;
    signal(SIGTERM, dodge);
    return hold(bytes);
}

static int hold_and_hop(size_t bytes, const char *here, const char *there)
{
    signal(SIGTERM, SIG_IGN);
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    for (size_t page = 0;; page = page + 4096 < bytes ? page + 4096 : page) {
        at[page] = 1;
        if (page / 4096 % 64 == 0 || page + 4096 >= bytes) {
            move(there);
            move(here);
        }
    }
}

static void *rename_itself(void *process)
{
    int file = open("/proc/self/comm", O_WRONLY); /* of the first thread */
    char name[16];
    (void)process;
    for (unsigned n = 0;; n++) {
        snprintf(name, sizeof(name), "evade-%u", n);
        if (write(file, name, strlen(name)) < 0)
            return NULL;
    }
}

static int hold_and_rename(size_t bytes)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, rename_itself, NULL) || hold(bytes);
}

static size_t left_bytes;
static pthread_t first_thread;

/* The kernel opens this file only for root once the first thread has ended. */
static void *rename_and_hold(void *comm)
{
    int file = *(int *)comm;
    pthread_join(first_thread, NULL);
    if (write(file, "evade-left", 10) != 10)
        _exit(1);
    hold(left_bytes);
    return NULL;
}

static int hold_in_thread_and_rename(size_t bytes)
{
    static int file;
    pthread_t thread;
    file = open("/proc/self/comm", O_WRONLY);
    left_bytes = bytes;
    first_thread = pthread_self();
    if (file < 0 || pthread_create(&thread, NULL, rename_and_hold, &file))
        return 1;
    pthread_exit(NULL);
}

static int relay(size_t bytes)
{
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    for (size_t page = 0; page < bytes; page += 4096)
        at[page] = 1;
    for (;;) {
        pid_t child = fork();
        if (child)
            return child < 0; /* the child has it all now */
        usleep(500000);
    }
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
             prctl(PR_SET_DUMPABLE, 1) || getchar() == EOF)
        return 2; /* dumpable as what a user has executed: else its files in /proc are root's */
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
    if (!strcmp(mode, "runs"))
        return claim_in_runs(program, bytes);
    if (!strcmp(mode, "forks"))
        return claim_in_child(program, "parts", mib);
    if (!strcmp(mode, "parts"))
        return share_out(bytes);
    if (!strcmp(mode, "idle") || !strcmp(mode, "chain"))
        return start_sharer(0, !strcmp(mode, "chain") ? 3 : 0, NULL) || hold(bytes);
    if (!strcmp(mode, "crowd"))
        return start_crowd() || hold(bytes);
    if (!strcmp(mode, "orphan"))
        return start_sharer(bytes, 0, NULL);
    if (!strcmp(mode, "moved") && argc > 3)
        return start_sharer(bytes, 0, argv[3]);
    if (!strcmp(mode, "share"))
        return start_sharer(bytes, 0, NULL) || pause();
    if (!strcmp(mode, "vfork"))
        return hold_in_vfork(bytes);
    if (!strcmp(mode, "resume"))
        return hold_and_resume(bytes);
    if (!strcmp(mode, "trace"))
        return hold_under_tracer(bytes);
    if (!strcmp(mode, "linger"))
        hold_after_death(bytes);
    if (!strncmp(mode, "chain-", 6))
        return hand_on(mode + 6, bytes);
    if (!strncmp(mode, "fill-", 5))
        return fill(mode + 5, bytes);
    if (!strcmp(mode, "relay"))
        return relay(bytes);
    if (!strcmp(mode, "rename"))
        return hold_and_rename(bytes);
    if (!strcmp(mode, "rename-thread"))
        return hold_in_thread_and_rename(bytes);
    if (!strcmp(mode, "dodge") && argc > 3)
        return hold_and_dodge(bytes, argv[3]);
    if (!strncmp(mode, "dodge-", 6))
        return dodge_by(mode + 6, bytes);
    if (!strcmp(mode, "hop") && argc > 4)
        return hold_and_hop(bytes, argv[3], argv[4]);
    if (!strcmp(mode, "wake"))
        wake(atoi(mib));
    if (!strcmp(mode, "late") && argc > 3) {
        memset(argv[1], 0, argv[3] + strlen(argv[3]) - argv[1]);
        strcpy(argv[1], CLAIM);
        return hold(bytes);
    }
    return 2;
}
