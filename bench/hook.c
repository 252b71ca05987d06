/*
 * The hook of the latency bench: says when it began, CLOCK_MONOTONIC, and for which process.
 *
 *   hook FIFO [PID]    without PID: the process that ebpftrace names in EBPFTRACE_PID
 *
 * Static, and the clock is read first: what lies before is the kernel's exec and the C
 * library's own start.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const char *pid = argc > 2 ? argv[2] : getenv("EBPFTRACE_PID");
    if (argc < 2 || !pid)
        return 2;
    long told[2] = {now.tv_sec * 1000000000L + now.tv_nsec, atol(pid)};
    int fd = open(argv[1], O_WRONLY | O_NONBLOCK);
    return fd < 0 || write(fd, told, sizeof(told)) != sizeof(told);
}
