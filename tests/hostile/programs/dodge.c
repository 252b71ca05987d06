/* A process that holds memory and has something to do when it gets SIGTERM:
 *
 *   exec   executes another program, which has SIGTERM blocked
 *   fork   forks, and ends itself: its child has the memory
 *   forks  the same for some generations, the last of which forks two children
 *   copy   forks, and remains as well: its child has the memory, and another name
 *   shared the same with memory that is mapped shared, which the child does not touch
 *   memfd  the same, and the child has only the file of that memory
 *   poured at the signal it pours its own memory into such a file, which it never maps
 *   endless  the same, and each child forks and ends itself at once
 *   start  starts a program that remains, and ends itself
 *   share  a process that shares the memory, by another name, remains
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dodge.h"

static void execute(int number)
{
    (void)number; /* blocked while this runs, and in the program */
    execl("/bin/sleep", "evade-sleep", "600", NULL);
    _exit(1);
}

static void fork_once(int number)
{
    (void)number;
    if (fork() > 0)
        _exit(0);
}

static void fork_on(int number)
{
    for (int generation = 0; generation < 4; generation++)
        fork_once(number);
    fork();
    prctl(PR_SET_NAME, "something", 0, 0, 0);
}

static void copy(int number)
{
    (void)number;
    if (fork() == 0)
        prctl(PR_SET_NAME, "something", 0, 0, 0);
}

static void fork_for_ever(int number)
{
    for (;;)
        fork_once(number);
}

static int file = -1;
static char *memory;
static size_t size;

static void keep_mapping(int number)
{
    fork_once(number);
    for (;;)
        pause(); /* it touches nothing */
}

static void keep_file(int number)
{
    fork_once(number);
    munmap(memory, size);
    for (;;)
        pause();
}

static void pour(int number)
{
    size_t part = 1 << 20;
    for (size_t at = 0; at < size; at += part) {
        if (write(file, memory + at, part) != (ssize_t)part)
            _exit(1);
        madvise(memory + at, part, MADV_DONTNEED);
    }
    keep_file(number);
}

static void start(int number)
{
    (void)number;
    int ends[2];
    char none;
    if (pipe2(ends, O_CLOEXEC))
        _exit(1);
    if (fork() == 0) {
        execl("/bin/sleep", "sleep", "600", NULL);
        _exit(1);
    }
    close(ends[1]);
    _exit(read(ends[0], &none, 1) != 0); /* until the child has executed it */
}

static _Noreturn int wait_for_ever(void *argument)
{
    (void)argument;
    prctl(PR_SET_NAME, "something", 0, 0, 0);
    for (;;)
        pause();
}

static void share(int number)
{
    static char stack[64 << 10] __attribute__((aligned(16)));
    (void)number;
    _exit(clone(wait_for_ever, stack + sizeof(stack), CLONE_VM, NULL) < 0);
}

int dodge_by(const char *how, size_t bytes)
{
    if (!strcmp(how, "exec"))
        signal(SIGTERM, execute);
    else if (!strcmp(how, "fork"))
        signal(SIGTERM, fork_once);
    else if (!strcmp(how, "forks"))
        signal(SIGTERM, fork_on);
    else if (!strcmp(how, "copy"))
        signal(SIGTERM, copy);
    else if (!strcmp(how, "shared"))
        signal(SIGTERM, keep_mapping);
    else if (!strcmp(how, "endless"))
        signal(SIGTERM, fork_for_ever);
    else if (!strcmp(how, "memfd"))
        signal(SIGTERM, keep_file);
    else if (!strcmp(how, "poured"))
        signal(SIGTERM, pour);
    else if (!strcmp(how, "start"))
        signal(SIGTERM, start);
    else if (!strcmp(how, "share"))
        signal(SIGTERM, share);
    else
        return 2;
    int is_file = !strcmp(how, "memfd") || !strcmp(how, "poured");
    int is_shared = !strcmp(how, "memfd") || !strcmp(how, "shared") || !strcmp(how, "endless");
    if (is_file && (file = memfd_create(how, 0)) < 0)
        return 1;
    if (!strcmp(how, "memfd") && ftruncate(file, bytes))
        return 1;
    size = bytes;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  (is_shared ? MAP_SHARED : MAP_PRIVATE) |
                      (!strcmp(how, "memfd") ? 0 : MAP_ANONYMOUS),
                  !strcmp(how, "memfd") ? file : -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    for (size_t page = 0; page < bytes; page += 4096)
        memory[page] = 1;
    for (;;)
        pause();
}
