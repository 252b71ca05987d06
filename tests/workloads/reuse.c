/* reuse PID PROGRAM [ARG…]: start the program under this very pid, as soon as it is free,
 * and wait for its end. Of clone3(2): set_tid, Linux 5.5; it needs CAP_SYS_ADMIN. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 125;
    pid_t wanted = atoi(argv[1]);
    struct clone_args asked = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
    struct timespec pause = {0, 1000000};
    long child;
    for (int left = 20000; (child = syscall(SYS_clone3, &asked, sizeof(asked))) < 0;) {
        if (errno != EEXIST || !left--) {
            dprintf(STDERR_FILENO, "reuse: %s: %s\n", argv[1], strerror(errno));
            return 125;
        }
        nanosleep(&pause, NULL); /* it has not been reaped yet */
    }
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(argv[2], argv + 2);
        dprintf(STDERR_FILENO, "reuse: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    waitpid(child, NULL, 0);
    return 0;
}
