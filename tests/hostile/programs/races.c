/* Races that an unprivileged user can provoke between the programs of the watch, COUNT times:
 *
 *   races end COUNT              the threads of a process end at once
 *   races rename COUNT NAME      two threads give the process NAME at once
 *   races twins COUNT NAME       two processes that share their memory take NAME at once
 *   races exec COUNT             a thread executes a program while the others end
 *   races share COUNT            two processes that share their memory end at once
 *   races heir COUNT             the second one grows and ends after the first one ended
 *   races vfork COUNT            a process ends while its threads are in vfork
 *   races hop COUNT A B          a process is moved between two cgroups by two of its threads,
 *                                by their files, while it forks, grows and ends
 *   races enter COUNT DIR        two processes enter a new cgroup below DIR at once, then it goes
 *
 * It is started as root and becomes another user first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNPRIVILEGED 65534
#define PAGES 64
#define STACK (64 << 10)

static atomic_int arrived;

/* Returns in all of the threads, or processes, at the same moment. */
static void meet(int all)
{
    arrived++;
    for (long spins = 0; arrived < all; spins++)
        if (spins % 10000 == 9999)
            sched_yield();
}

static void end_thread(void) { syscall(SYS_exit, 0); }

static void start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument))
        _exit(1);
}

static void touch_pages(void)
{
    char *at = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        _exit(1);
    for (int page = 0; page < PAGES; page++)
        at[page * 4096] = 1;
}

static void *end_body(void *unused)
{
    meet(3);
    end_thread();
    return unused;
}

static void end_at_once(void)
{
    start(end_body, NULL);
    start(end_body, NULL);
    end_body(NULL);
}

static char comm_file[64];

static void *rename_body(void *name)
{
    int file = open(comm_file, O_WRONLY);
    meet(2);
    if (file < 0 || write(file, name, strlen(name)) < 0)
        _exit(1);
    meet(4);
    end_thread();
    return NULL;
}

static void rename_at_once(char *name)
{
    prctl(PR_SET_NAME, "something", 0, 0, 0);
    snprintf(comm_file, sizeof(comm_file), "/proc/self/task/%d/comm", getpid());
    start(rename_body, name);
    meet(2);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    meet(4);
    end_thread();
}

static void execute(void)
{
    execl("/proc/thread-self/exe", "races", "quit", (char *)NULL);
    _exit(1);
}

static void *execute_body(void *unused)
{
    meet(3);
    execute();
    return unused;
}

static void execute_while_ending(int turn)
{
    start(end_body, NULL);
    start(turn % 2 ? execute_body : end_body, NULL);
    meet(3);
    if (turn % 2)
        end_thread();
    execute();
}

static char stack[STACK];

static int share_body(void *grows)
{
    meet(2);
    if (grows)
        touch_pages();
    _exit(0);
}

static void share(void *grows)
{
    if (clone(share_body, stack + STACK, CLONE_VM, grows) < 0)
        _exit(1);
    touch_pages();
    meet(2);
    _exit(0);
}

static int twin_body(void *name)
{
    meet(2);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    meet(4);
    _exit(0);
}

static void rename_twins(char *name)
{
    prctl(PR_SET_NAME, "something", 0, 0, 0);
    if (clone(twin_body, stack + STACK, CLONE_VM, name) < 0)
        _exit(1);
    twin_body(name);
}

static void *vfork_body(void *unused)
{
    meet(3);
    for (int n = 0; n < 3; n++)
        if (vfork() == 0)
            _exit(0);
    return unused;
}

static void vfork_while_ending(int turn)
{
    start(vfork_body, NULL);
    start(vfork_body, NULL);
    meet(3);
    for (volatile int n = 0; n < turn % 64 * 1000; n++)
        ;
    _exit(0);
}

static void move(const char *file_name)
{
    char self[16];
    int file = open(file_name, O_WRONLY);
    snprintf(self, sizeof(self), "%d", getpid());
    if (file < 0)
        _exit(1);
    for (int n = 0; n < 3; n++)
        if (write(file, n % 2 ? "0" : self, n % 2 ? 1 : strlen(self)) < 0)
            return; /* the main thread has ended */
}

static void *hop_body(void *file)
{
    meet(3);
    move(file);
    end_thread();
    return NULL;
}

static void hop(char **files, int turn)
{
    start(hop_body, files[0]);
    start(hop_body, files[1]);
    meet(3);
    touch_pages();
    if (fork() == 0) {
        touch_pages();
        _exit(0);
    }
    if (turn % 2)
        end_thread();
    _exit(0);
}

static void enter(const char *folder, int turn)
{
    char path[4096], below[4160], self[16];
    snprintf(path, sizeof(path), "%s/%d", folder, turn);
    snprintf(below, sizeof(below), "%s/cgroup.procs", path);
    atomic_int *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (there == MAP_FAILED || mkdir(path, 0755))
        _exit(1);
    for (int n = 0; n < 2; n++)
        if (fork() == 0) {
            int file = open(below, O_WRONLY);
            snprintf(self, sizeof(self), "%d", getpid());
            ++*there;
            for (long spins = 0; *there < 2; spins++)
                if (spins % 10000 == 9999)
                    sched_yield();
            _exit(write(file, self, strlen(self)) < 0);
        }
    for (int status, n = 0; n < 2; n++)
        if (wait(&status) < 0 || status)
            _exit(1);
    while (rmdir(path))
        sched_yield(); /* the kernel is not done with the two yet */
    _exit(0);
}

static void race(const char *mode, char **names, int turn)
{
    if (!strcmp(mode, "end"))
        end_at_once();
    else if (!strcmp(mode, "rename"))
        rename_at_once(names[0]);
    else if (!strcmp(mode, "twins"))
        rename_twins(names[0]);
    else if (!strcmp(mode, "exec"))
        execute_while_ending(turn);
    else if (!strcmp(mode, "share"))
        share(NULL);
    else if (!strcmp(mode, "heir"))
        share(&arrived);
    else if (!strcmp(mode, "vfork"))
        vfork_while_ending(turn);
    else if (!strcmp(mode, "enter"))
        enter(names[0], turn);
    else
        hop(names, turn);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return 0; /* quit */
    if (argc < 3 || (getuid() == 0 && (setgroups(0, NULL) || setgid(UNPRIVILEGED) ||
                                       setuid(UNPRIVILEGED))))
        return 1;
    prctl(PR_SET_DUMPABLE, 1); /* its files in /proc are the user's */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int turn = 0; turn < atoi(argv[2]); turn++) {
        pid_t child = fork();
        if (child == 0)
            race(argv[1], argv + 3, turn);
        int status;
        for (pid_t ended; (ended = waitpid(-1, &status, 0)) > 0;)
            if (ended == child && status)
                return 1;
        if (child < 0)
            return 1;
    }
    return 0;
}
