/* Floods of events that an unprivileged user can cause:
 *
 *   flood rename          changes its own name
 *   flood fork            forks children that end at once
 *   flood hop PROCS PROCS moves between two cgroups, by their files cgroup.procs
 *   flood shells          four shells, each of which runs /bin/true again and again
 *   flood grow N          N processes, each of which takes a page every 50 ms, up to 4 MiB
 *
 * It is started as root and becomes another user first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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

int main(int argc, char **argv)
{
    if (argc < 2 || setgroups(0, NULL) || setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED))
        return 2;
    if (!strcmp(argv[1], "rename"))
        rename_itself();
    if (!strcmp(argv[1], "fork"))
        return fork_children();
    if (!strcmp(argv[1], "hop") && argc == 4)
        return hop(argv[2], argv[3]);
    if (!strcmp(argv[1], "shells"))
        return run_shells();
    if (!strcmp(argv[1], "grow") && argc == 3)
        return grow(atoi(argv[2]));
    return 2;
}
