/* Processes of one cgroup that each say they are another run of a CI job:
 *
 *   pretend ended    one after the other, as fast as the machine allows
 *   pretend live N   N of them, which stay
 *
 * It is started as root and becomes another user first. */
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNPRIVILEGED 65534

static pid_t pretend(int run, const char *what)
{
    char id[32];
    char *variables[] = {"GITLAB_CI=true", "CI_PROJECT_PATH=group/project", "CI_JOB_NAME=test",
                         "CI_SERVER_URL=https://gitlab.example", id, NULL};
    char *arguments[] = {"exe", (char *)what, NULL};

    snprintf(id, sizeof id, "CI_JOB_ID=%d", run);
    pid_t child = fork();
    if (child == 0) {
        execve("/proc/self/exe", arguments, variables);
        _exit(1);
    }
    return child;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "stay"))
        for (;;)
            pause();
    if (argc == 2 && !strcmp(argv[1], "end")) {
        usleep(5000);
        return 0;
    }
    if (argc < 2 || setgroups(0, NULL) || setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED))
        return 2;
    if (!strcmp(argv[1], "live") && argc == 3)
        for (int run = 0; run < atoi(argv[2]); run++)
            if (pretend(run, "stay") < 0)
                return 1;
    for (int run = 0; !strcmp(argv[1], "ended"); run++)
        if (pretend(run, "end") < 0 || (run >= 8 && wait(NULL) < 0))
            return 1;
    while (wait(NULL) > 0)
        ;
    return 2;
}
