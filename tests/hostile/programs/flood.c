/* Floods of events that an unprivileged user can cause:
 *
 *   flood rename          changes its own name
 *   flood renames N       N processes that do so, a hundred times a second each
 *   flood fork            forks children that end at once
 *   flood hop PROCS PROCS moves between two cgroups, by their files cgroup.procs
 *   flood shells          four shells, each of which runs /bin/true again and again
 *   flood grow N          N processes, each of which takes a page every 50 ms, up to 4 MiB
 *   flood stops N         N processes that take 4 MiB, killed and started anew one by one
 *   flood ooms N          N times, one after the other, a child that the OOM killer kills
 *   flood crowd N         N processes that sleep
 *   flood map N           N threads that map and unmap a page again and again
 *   flood family N        the same, and their parent holds 4 MiB; they ignore SIGHUP
 *   flood tour DIR N      one process that goes through N new cgroups below DIR, and back
 *   flood spread DIR N    N processes that sleep, each in a new cgroup below DIR
 *   flood spill DIR N     the same, and each holds 8 MiB
 *   flood churn DIR       makes cgroups below DIR, enters them, and removes them
 *
 * It is started as root and becomes another user first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNPRIVILEGED 65534
#define GROWTH (4 << 20)

static void rename_itself(void)
{
    for (;;) {
        prctl(PR_SET_NAME, "flood-one");
        prctl(PR_SET_NAME, "flood-another");
    }
}

static int rename_all(int processes)
{
    for (int n = 0; n < processes; n++)
        if (fork() == 0)
            for (;;) {
                prctl(PR_SET_NAME, "flood-one");
                prctl(PR_SET_NAME, "flood-another");
                usleep(20000);
            }
    return waitpid(-1, NULL, 0) < 0;
}

static int fork_children(void)
{
    for (;;) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) < 0)
            return 1;
    }
}

static int hop(const char *here, const char *there)
{
    int files[2] = {open(here, O_WRONLY), open(there, O_WRONLY)};
    for (int turn = 0;; turn = !turn)
        if (write(files[turn], "0", 1) != 1)
            return 1;
}

static int run_shells(void)
{
    for (int n = 0; n < 4; n++)
        if (fork() == 0)
            execl("/bin/sh", "sh", "-c", "while :; do /bin/true; done", NULL);
    return waitpid(-1, NULL, 0) < 0;
}

static int grow(int processes)
{
    for (int n = 0; n < processes; n++)
        if (fork() == 0) {
            char *memory = malloc(GROWTH);
            for (int at = 0; memory && at < GROWTH; at += 4096) {
                memory[at] = 1;
                usleep(50000);
            }
            for (;;)
                pause();
        }
    return waitpid(-1, NULL, 0) < 0;
}

static pid_t grown(void)
{
    pid_t child = fork();
    if (child == 0) {
        char *memory = malloc(GROWTH);
        for (int at = 0; memory && at < GROWTH; at += 4096)
            memory[at] = 1;
        for (;;)
            pause();
    }
    return child;
}

static int stops(int processes)
{
    pid_t *children = calloc(processes, sizeof(*children));
    if (!children)
        return 1;
    for (int n = 0;; n = (n + 1) % processes) {
        if (children[n]) {
            kill(children[n], SIGKILL);
            waitpid(children[n], NULL, 0);
        }
        children[n] = grown();
        if (children[n] < 0)
            return 1;
    }
}

/* In a cgroup with a limit below GROWTH. */
/* The OOM killer is to choose the child, and not its parent, of the same size at first. */
static void be_chosen(void)
{
    prctl(PR_SET_DUMPABLE, 1); /* else its files in /proc are root's, since it was root */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd < 0 || write(fd, "1000", 4) != 4)
        _exit(1);
    close(fd);
}

static int ooms(int children)
{
    for (int n = 0; n < children; n++) {
        pid_t child = fork();
        if (child < 0 && errno == ENOMEM) { /* what the one before had is not given back yet */
            n--;
            usleep(100);
            continue;
        }
        if (child == 0) {
            be_chosen();
            char *memory = malloc(16 * GROWTH);
            for (int at = 0; memory && at < 16 * GROWTH; at += 4096)
                memory[at] = 1;
            _exit(1);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSIGNALED(status))
            return 1;
    }
    return 0;
}

static int crowd(int processes)
{
    for (int n = 0; n < processes; n++) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                pause();
        if (child < 0)
            return 1;
    }
    return waitpid(-1, NULL, 0) < 0;
}

static int family(int processes)
{
    signal(SIGHUP, SIG_IGN);
    for (int n = 0; n < processes; n++)
        if (fork() == 0)
            for (;;)
                pause();
    char *memory = malloc(GROWTH);
    for (int at = 0; memory && at < GROWTH; at += 4096)
        memory[at] = 1;
    return waitpid(-1, NULL, 0) < 0;
}

static int enter(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
    int file = open(path, O_WRONLY);
    if (file < 0)
        return 1;
    int failed = write(file, "0", 1) != 1;
    close(file);
    return failed;
}

static int make_and_enter(const char *folder, int n)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%d", folder, n);
    return (mkdir(path, 0755) && errno != EEXIST) || enter(path);
}

static int tour(const char *folder, int cgroups)
{
    for (int n = 0; n < cgroups; n++)
        if (make_and_enter(folder, n))
            return 1;
    if (make_and_enter(folder, 0))
        return 1;
    for (;;)
        pause();
}

static int spread(const char *folder, int cgroups, int bytes)
{
    for (int n = 0; n < cgroups; n++) {
        pid_t child = fork();
        if (child == 0) {
            char *memory = malloc(bytes);
            if (make_and_enter(folder, n) || !memory)
                return 1;
            for (int at = 0; at < bytes; at += 4096)
                memory[at] = 1;
            for (;;)
                pause();
        }
        if (child < 0)
            return 1;
    }
    return waitpid(-1, NULL, 0) < 0;
}

static void *map_and_unmap(void *unused)
{
    for (;;)
        munmap(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
    return unused;
}

static int map(int threads)
{
    pthread_t made;
    for (int n = 0; n < threads; n++)
        if (pthread_create(&made, NULL, map_and_unmap, NULL))
            return 1;
    return pause();
}

static int churn(const char *folder)
{
    char path[PATH_MAX], home[PATH_MAX];
    snprintf(home, sizeof(home), "%s/home", folder);
    if (mkdir(home, 0755))
        return 1;
    for (int n = 0;; n++) {
        snprintf(path, sizeof(path), "%s/%d", folder, n);
        if (make_and_enter(folder, n) || enter(home))
            return 1;
        while (rmdir(path))
            if (errno != EBUSY)
                return 1;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || setgroups(0, NULL) || setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED))
        return 2;
    if (!strcmp(argv[1], "rename"))
        rename_itself();
    if (!strcmp(argv[1], "renames") && argc == 3)
        return rename_all(atoi(argv[2]));
    if (!strcmp(argv[1], "fork"))
        return fork_children();
    if (!strcmp(argv[1], "hop") && argc == 4)
        return hop(argv[2], argv[3]);
    if (!strcmp(argv[1], "shells"))
        return run_shells();
    if (!strcmp(argv[1], "grow") && argc == 3)
        return grow(atoi(argv[2]));
    if (!strcmp(argv[1], "stops") && argc == 3)
        return stops(atoi(argv[2]));
    if (!strcmp(argv[1], "ooms") && argc == 3)
        return ooms(atoi(argv[2]));
    if (!strcmp(argv[1], "crowd") && argc == 3)
        return crowd(atoi(argv[2]));
    if (!strcmp(argv[1], "map") && argc == 3)
        return map(atoi(argv[2]));
    if (!strcmp(argv[1], "family") && argc == 3)
        return family(atoi(argv[2]));
    if (!strcmp(argv[1], "tour") && argc == 4)
        return tour(argv[2], atoi(argv[3]));
    if (!strcmp(argv[1], "spread") && argc == 4)
        return spread(argv[2], atoi(argv[3]), 1);
    if (!strcmp(argv[1], "spill") && argc == 4)
        return spread(argv[2], atoi(argv[3]), 2 * GROWTH);
    if (!strcmp(argv[1], "churn") && argc == 3)
        return churn(argv[2]);
    return 2;
}
