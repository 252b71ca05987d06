/* Commands that grow: by brk, by the stack, at a rate, or over and over. */
#define _GNU_SOURCE
#include "exact.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* brk +BYTES | -BYTES */
static bool move_brk(struct words *w)
{
    size_t length;
    if (!strchr("+-", *w->at[0]) || !bytes_of(w->at[0] + 1, &length))
        return false;
    char *before = sbrk(*w->at[0] == '-' ? -(intptr_t)length : (intptr_t)length);
    if (before == (void *)-1)
        return false;
    if (*w->at[0] == '+')
        touch_pages(before, length);
    return answer("ok %p", sbrk(0));
}

/* stack BYTES: use that much of the stack, once; it keeps what it grew to */
static bool stack(struct words *w)
{
    size_t length;
    if (!bytes_of(w->at[0], &length))
        return false;
    volatile char *top = (char *)__builtin_frame_address(0) - 2 * PAGE;
    for (size_t at = 0; at < length; at += PAGE)
        *(top - at) = 1;
    return answer("ok");
}

/* churn TIMES BYTES: map, touch and unmap, again and again */
static bool churn(struct words *w)
{
    size_t times, length;
    if (!bytes_of(w->at[0], &times) || !bytes_of(w->at[1], &length))
        return false;
    while (times--) {
        char *at = anonymous(NULL, length);
        if (at == MAP_FAILED)
            return false;
        touch_pages(at, length);
        munmap(at, length);
    }
    return answer("ok");
}

/* grow BYTES_PER_SECOND BYTES: one mapping, touched at that rate until it is full or
 * another command waits; answers with what was touched */
static bool grow(struct words *w)
{
    size_t rate, length, touched = 0;
    if (!bytes_of(w->at[0], &rate) || !bytes_of(w->at[1], &length))
        return false;
    char *at = anonymous(NULL, length);
    if (!note(at, length))
        return false;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (touched < length && !(quiet ? usleep(10000) : stdin_waits(10))) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        double seconds = (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9;
        size_t due = (size_t)(rate * seconds) & ~(PAGE - 1);
        due = due < length ? due : length;
        touch_pages(at + touched, due - touched);
        touched = due;
    }
    return answer("ok %d %zu", used - 1, touched);
}

/* thp on|off: transparent huge pages, off from the start */
static bool thp(struct words *w)
{
    return !prctl(PR_SET_THP_DISABLE, strcmp(w->at[0], "on") != 0, 0, 0, 0) && answer("ok");
}

const struct entry growth_commands[] = {
    {"brk", 1, move_brk}, {"stack", 1, stack}, {"churn", 2, churn},
    {"grow", 2, grow},    {"thp", 1, thp},     {0},
};
