/* enter CGROUP_FOLDER PROGRAM [ARG…]: move into the cgroup, then become the program.
 * So a process is in its cgroup from its first instruction on, as a job's process is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char path[4096];
    if (argc < 3)
        return 125;
    snprintf(path, sizeof(path), "%s/cgroup.procs", argv[1]);
    int procs = open(path, O_WRONLY | O_CLOEXEC);
    if (procs < 0 || write(procs, "0", 1) != 1) {
        dprintf(STDERR_FILENO, "enter: %s: %s\n", path, strerror(errno));
        return 125;
    }
    execvp(argv[2], argv + 2);
    dprintf(STDERR_FILENO, "enter: %s: %s\n", argv[2], strerror(errno));
    return 127;
}
