/*
 * The hook of the latency bench: says when it began, CLOCK_MONOTONIC, and for which process.
 *
 *   hook FIFO [PID]    without PID: the process that ebpftrace names in EBPFTRACE_PID
 *
 * It has no C library, whose own start takes as long on a virtual machine as the kernel's
 * exec does: its first act is its first instruction. Build it with -nostdlib.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call began\n");

static long call(long number, long a, long b, long c, long d)
{
    register long fourth __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0, sp\n bl began\n");

static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
#endif

static long number(const char *text)
{
    long value = 0;
    while (*text >= '0' && *text <= '9')
        value = value * 10 + (*text++ - '0');
    return value;
}

static const char *after(const char *text, const char *start)
{
    while (*start)
        if (*text++ != *start++)
            return 0;
    return text;
}

/* `stack` is as the kernel leaves it: argc, argv, NULL, envp, NULL. */
void began(long *stack)
{
    struct __kernel_timespec now;
    call(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0);
    long argc = stack[0];
    const char **argv = (const char **)(stack + 1);
    long times[2] = {now.tv_sec * 1000000000L + now.tv_nsec, 0};
    if (argc > 2)
        times[1] = number(argv[2]);
    for (const char **one = argv + argc + 1; argc == 2 && *one; one++) {
        const char *pid = after(*one, "EBPFTRACE_PID=");
        if (pid)
            times[1] = number(pid);
    }
    long fd = -1;
    if (argc > 1)
        fd = call(__NR_openat, AT_FDCWD, (long)argv[1], O_WRONLY | O_NONBLOCK, 0);
    long written = fd < 0 ? -1 : call(__NR_write, fd, (long)times, sizeof(times), 0);
    call(__NR_exit_group, written != sizeof(times), 0, 0, 0);
}
