#define _GNU_SOURCE
#include "fill.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

static int watch_faults(char *at, size_t bytes)
{
    int file = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (file < 0)
        file = syscall(SYS_userfaultfd, O_CLOEXEC); /* before Linux 5.11 */
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register region = {
        .range = {(size_t)at, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (file < 0 || ioctl(file, UFFDIO_API, &api) || ioctl(file, UFFDIO_REGISTER, &region))
        return -1;
    return file;
}

static int by_call(pid_t whose, char *at, size_t bytes)
{
    for (size_t page = 0; page < bytes; page += PAGE) {
        struct iovec from = {"x", 1}, to = {at + page, 1};
        if (process_vm_writev(whose, &from, 1, &to, 1, 0) != 1)
            return 1;
    }
    return 0;
}

static int by_file(pid_t whose, char *at, size_t bytes)
{
    char name[32];
    snprintf(name, sizeof(name), "/proc/%d/mem", whose);
    int file = open(name, O_RDWR);
    for (size_t page = 0; page < bytes; page += PAGE)
        if (pwrite(file, "x", 1, (off_t)(at + page)) != 1)
            return 1;
    return 0;
}

static int by_poke(pid_t whose, char *at, size_t bytes)
{
    if (ptrace(PTRACE_SEIZE, whose, NULL, NULL) || ptrace(PTRACE_INTERRUPT, whose, NULL, NULL) ||
        waitpid(whose, NULL, __WALL) != whose)
        return 1;
    for (size_t page = 0; page < bytes; page += PAGE)
        if (ptrace(PTRACE_POKEDATA, whose, at + page, (void *)1))
            return 1;
    return 0;
}

static int by_uffd(int file, char *at, size_t bytes)
{
    static char source[PAGE] __attribute__((aligned(PAGE)));
    for (size_t page = 0; page < bytes; page += PAGE) {
        struct uffdio_copy copy = {
            .dst = (size_t)(at + page), .src = (size_t)source, .len = PAGE};
        if (ioctl(file, UFFDIO_COPY, &copy))
            return 1;
    }
    return 0;
}

static int write_there(const char *mode, pid_t whose, int file, char *at, size_t bytes)
{
    prctl(PR_SET_NAME, "writer", 0, 0, 0);
    if (!strcmp(mode, "poke"))
        return by_poke(whose, at, bytes);
    if (!strcmp(mode, "uffd"))
        return by_uffd(file, at, bytes);
    if (!strcmp(mode, "mem") || !strcmp(mode, "shared"))
        return by_file(whose, at, bytes);
    while (!strcmp(mode, "halted")) {
        char name[32], line[512] = {};
        snprintf(name, sizeof(name), "/proc/%d/stat", whose);
        int stat = open(name, O_RDONLY);
        if (read(stat, line, sizeof(line) - 1) > 0 && strstr(line, ") T "))
            break;
        close(stat);
    }
    return by_call(whose, at, bytes);
}

int fill(const char *mode, size_t bytes)
{
    int shared = strcmp(mode, "shared") ? MAP_PRIVATE : MAP_SHARED;
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, shared | MAP_ANONYMOUS, -1, 0);
    pid_t self = getpid();
    int file = strcmp(mode, "uffd") ? -1 : watch_faults(at, bytes);
    if (at == MAP_FAILED || (!strcmp(mode, "uffd") && file < 0))
        return 1;
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as any process that has not changed its user */
    prctl(PR_SET_PTRACER, -1, 0, 0, 0);
    if (fork() == 0)
        return write_there(mode, self, file, at, bytes);
    if (!strcmp(mode, "halted"))
        raise(SIGSTOP);
    for (;;)
        pause();
}
