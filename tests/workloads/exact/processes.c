/* Commands that make, name and end processes and threads. */
#define _GNU_SOURCE
#include "exact.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_us(size_t us)
{
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

/* fork; COMMAND; COMMAND …: a child runs the script, then waits to be killed. Answers
 * with its pid once the script is done, or has ended or executed the child. */
static bool do_fork(struct words *w)
{
    int done[2];
    char byte;
    if (w->count || pipe2(done, O_CLOEXEC))
        return false;
    pid_t child = fork();
    if (child < 0)
        return false;
    if (!child) {
        quiet = true;
        close(done[0]);
        if (script_pipe >= 0)
            close(script_pipe);
        script_pipe = done[1];
        run_script(w->rest);
    }
    close(done[1]);
    while (read(done[0], &byte, 1) < 0 && errno == EINTR)
        ;
    close(done[0]);
    return answer("ok %d", child);
}

static pid_t spawn_one(char *path, char *script, size_t hold_us)
{
    char *argv[] = {path, "--do", script ? script : "", NULL};
    pid_t child = vfork();
    if (!child) {
        if (hold_us)
            sleep_us(hold_us);
        execve(path, argv, environment);
        _exit(127);
    }
    return child;
}

/* spawn PATH [HOLD_MS]; COMMAND; …: vfork, linger in the parent's memory, then execute
 * PATH (this program under any name), which runs the script */
static bool spawn(struct words *w)
{
    size_t hold_ms = 0;
    if (access(w->at[0], X_OK) || (w->count > 1 && !bytes_of(w->at[1], &hold_ms)))
        return false;
    pid_t child = spawn_one(w->at[0], w->rest, hold_ms * 1000);
    return child > 0 && answer("ok %d", child);
}

/* burst TIMES GAP_US; COMMAND; …: that many short lives of this program, each begun
 * GAP_US after the one before; waits for all and answers with their pids */
static bool burst(struct words *w)
{
    static char pids[1 << 15];
    size_t times, gap_us, length = 0;
    if (!bytes_of(w->at[0], &times) || !bytes_of(w->at[1], &gap_us) || times > 4000)
        return false;
    for (size_t i = 0; i < times; i++) {
        pid_t child = spawn_one(program, w->rest, 0);
        if (child < 0)
            return false;
        length += snprintf(pids + length, sizeof(pids) - length, " %d", child);
        sleep_us(gap_us);
    }
    for (size_t i = 0; i < times; i++)
        wait(NULL);
    return answer("ok%s", pids);
}

/* reap: wait for one child; answers with its pid and raw status */
static bool reap(struct words *w)
{
    int status;
    pid_t child = wait(&status);
    (void)w;
    return child > 0 && answer("ok %d %d", child, status);
}

/* exec PATH: become PATH (this program under any name); in a script with what follows */
static bool do_exec(struct words *w)
{
    char *path = w->at[0], *talking[] = {path, NULL};
    char *scripted[] = {path, "--do", w->rest ? w->rest : "", NULL};
    execve(path, quiet ? scripted : talking, environment);
    return false;
}

/* lend IDX: a vfork child touches this process's mapping, and ends */
static bool lend(struct words *w)
{
    size_t length;
    char *at = mapping_of(w->at[0], &length);
    if (!at)
        return false;
    pid_t child = vfork();
    if (!child) {
        touch_pages(at, length);
        _exit(0);
    }
    return child > 0 && waitpid(child, NULL, 0) == child && answer("ok %d", child);
}

struct link {
    char stack[16 * 1024];
    char *at;
    size_t length, hold_us;
    bool forks;
    size_t more; /* further links of the chain: each but the last ends at once */
};
static struct link chain[8];

static int share_body(void *argument)
{
    struct link *own = argument;
    if (own->more) {
        own[1] = (struct link){.at = own->at, .length = own->length,
                               .hold_us = own->hold_us, .forks = own->forks,
                               .more = own->more - 1};
        int child = clone(share_body, own[1].stack + sizeof(own->stack), CLONE_VM | SIGCHLD,
                          own + 1);
        _exit(child < 0);
    }
    prctl(PR_SET_NAME, "sharer", 0, 0, 0);
    sleep_us(own->hold_us);
    /* glibc's fork keeps locks in the shared memory, and not every architecture has fork(2). */
    if (own->forks && syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
        for (;;)
            pause();
    touch_pages(own->at, own->length);
    for (;;)
        pause();
}

/* share IDX HOLD_MS [LINKS [fork]]: a process with all memory of this one, called `sharer`,
 * waits, touches the mapping, then waits to be killed. With links, it is no child of this one;
 * with `fork` it is a forked child of it that touches the mapping. */
static bool share(struct words *w)
{
    size_t length, hold_ms = 0, links = 0;
    char *at = mapping_of(w->at[0], &length);
    if (!at || !bytes_of(w->at[1], &hold_ms) || (w->count > 2 && !bytes_of(w->at[2], &links)) ||
        links >= sizeof(chain) / sizeof(*chain))
        return false;
    *chain = (struct link){.at = at, .length = length, .hold_us = hold_ms * 1000,
                           .forks = w->count > 3, .more = links};
    pid_t child = clone(share_body, chain->stack + sizeof(chain->stack), CLONE_VM | SIGCHLD,
                        chain);
    return child > 0 && answer("ok %d", child);
}

/* execat IDX PATH: exec, with the path in a page of that mapping, which has to be shared:
 * the kernel takes the page again within the system call */
static bool execat_page(struct words *w)
{
    size_t length;
    char *at = mapping_of(w->at[0], &length), *talking[] = {program, NULL};
    if (!at)
        return false;
    strncpy(at, w->at[1], length - 1);
    if (madvise(at, length, MADV_DONTNEED))
        return false;
    execve(at, talking, environment);
    return false;
}

/* name COMM: as prctl(PR_SET_NAME); `\e` stands for escape, `\s` for a space */
static bool name(struct words *w)
{
    char out[16] = {0};
    size_t length = 0;
    for (char *c = w->at[0]; *c && length < sizeof(out) - 1; c++) {
        bool escaped = *c == '\\' && (c[1] == 'e' || c[1] == 's');
        out[length++] = !escaped ? *c : *++c == 'e' ? '\033' : ' ';
    }
    return !prctl(PR_SET_NAME, out, 0, 0, 0) && answer("ok");
}

struct crew {
    char *stack;
    size_t length;
};
static int settled;

static int thread_body(void *argument)
{
    struct crew *own = argument;
    /* Its own frame is in the top page; the rest of the mapping is touched below it. */
    touch_pages(own->stack, own->length);
    __atomic_add_fetch(&settled, 1, __ATOMIC_SEQ_CST);
    for (;;)
        pause();
    return 0;
}

/* threads N BYTES: each has a mapping of BYTES (16 KiB at least) as its stack, touched.
 * Raw clone: the library's own threads would allocate besides. */
static bool threads(struct words *w)
{
    static struct crew crews[256];
    static int hired;
    size_t count, length;
    if (!bytes_of(w->at[0], &count) || !bytes_of(w->at[1], &length) || length < 4 * PAGE ||
        hired + count > sizeof(crews) / sizeof(*crews)) {
        errno = EINVAL;
        return false;
    }
    while (count--) {
        struct crew *own = &crews[hired++];
        own->length = length;
        own->stack = anonymous(NULL, length);
        if (own->stack == MAP_FAILED)
            return false;
        int shared = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM;
        if (clone(thread_body, own->stack + length, shared | CLONE_THREAD, own) < 0)
            return false;
    }
    while (__atomic_load_n(&settled, __ATOMIC_SEQ_CST) < hired)
        sleep_us(1000);
    return answer("ok %d", hired);
}

/* sleep MS */
static bool do_sleep(struct words *w)
{
    size_t ms;
    if (!bytes_of(w->at[0], &ms))
        return false;
    sleep_us(ms * 1000);
    return answer("ok");
}

/* exit CODE */
static bool do_exit(struct words *w)
{
    _exit(atoi(w->at[0]));
}

/* raise SIGNAL: by number, at itself */
static bool do_raise(struct words *w)
{
    return !kill(getpid(), atoi(w->at[0])) && answer("ok");
}

const struct entry process_commands[] = {
    {"fork", 0, do_fork},       {"spawn", 1, spawn},     {"burst", 2, burst},
    {"reap", 0, reap},          {"exec", 1, do_exec},    {"execat", 2, execat_page},
    {"lend", 1, lend},          {"threads", 2, threads}, {"name", 1, name},
    {"share", 2, share},
    {"sleep", 1, do_sleep},     {"exit", 1, do_exit},    {"raise", 1, do_raise},
    {0},
};
