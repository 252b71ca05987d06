/* Processes of one cgroup that each say they are another run of a CI job:
 *
 *   pretend ended    one after the other, as fast as the machine allows
 *   pretend live N   N of them, which stay
 *   pretend spill N  N at a time, without end: each holds 8 MiB for 0.3 s
 *   pretend long DIR N  N of them, which stay, each in a cgroup of its own far below DIR, with
 *                       names as long as can be
 *
 * It is started as root and becomes another user first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNPRIVILEGED 65534

#define WIDE "\xf0\x9f\x98\x80" /* with it, Python keeps four bytes for each character */
#define DEPTH 15
#define LONG 240 /* a cgroup's name has 255 bytes at most, an argument is kept to 256 */
#define ARGUMENTS 64
#define SPILLED (8 << 20)

/* The name with a number, filled up to this length. */
static char *fill(const char *name, int number, int length)
{
    char *made = malloc(length + 1);
    int used = snprintf(made, length, "%s%d-" WIDE, name, number);
    memset(made + used, 'x', length - used);
    made[length] = 0;
    return made;
}

static pid_t pretend(int run, const char *what)
{
    char id[32];
    char *variables[] = {"GITLAB_CI=true", "CI_PROJECT_PATH=group/project", "CI_JOB_NAME=test",
                         "CI_SERVER_URL=https://gitlab.example", id, NULL};
    char *arguments[ARGUMENTS + 1] = {"exe", (char *)what, NULL};

    snprintf(id, sizeof id, "CI_JOB_ID=%d", run);
    if (!strcmp(what, "long")) {
        variables[1] = fill("CI_PROJECT_PATH=group/", run, 1000);
        variables[2] = fill("CI_JOB_NAME=", run, 1000);
        for (int n = 2; n < ARGUMENTS; n++)
            arguments[n] = fill("", run, LONG);
    }
    pid_t child = fork();
    if (child == 0) {
        execve("/proc/self/exe", arguments, variables);
        _exit(1);
    }
    return child;
}

/* Makes a cgroup below the working directory and enters it. */
static int enter(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/cgroup.procs", name);
    int file = mkdir(name, 0755) ? -1 : open(path, O_WRONLY);
    if (file < 0 || write(file, "0", 1) != 1)
        return 1;
    return close(file);
}

static int descend(const char *folder)
{
    const char *name = fill("", 0, LONG);
    if (chdir(folder))
        return 1;
    for (int level = 0; level < DEPTH; level++)
        if (mkdir(name, 0755) || chdir(name))
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == ARGUMENTS || (argc == 2 && !strcmp(argv[1], "stay")))
        for (;;)
            pause();
    if (argc == 2 && !strcmp(argv[1], "end")) {
        usleep(5000);
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "hold")) {
        char *memory = malloc(SPILLED);
        for (int at = 0; memory && at < SPILLED; at += 4096)
            memory[at] = 1;
        usleep(300000);
        return 0;
    }
    if (argc < 2 || setgroups(0, NULL) || setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED))
        return 2;
    if (!strcmp(argv[1], "live") && argc == 3)
        for (int run = 0; run < atoi(argv[2]); run++)
            if (pretend(run, "stay") < 0)
                return 1;
    if (!strcmp(argv[1], "long") && argc == 4 && descend(argv[2]))
        return 1;
    for (int run = 0; !strcmp(argv[1], "long") && argc == 4 && run < atoi(argv[3]); run++)
        if (enter(fill("", run, LONG)) || pretend(run, "long") < 0)
            return 1;
    for (int run = 0; !strcmp(argv[1], "ended"); run++)
        if (pretend(run, "end") < 0 || (run >= 8 && wait(NULL) < 0))
            return 1;
    for (int run = 0; !strcmp(argv[1], "spill") && argc == 3; run++)
        if (pretend(run, "hold") < 0 || (run >= atoi(argv[2]) && wait(NULL) < 0))
            return 1;
    while (wait(NULL) > 0)
        ;
    return 2;
}
