/* One thread takes memory as fast as it can; DELAY_US later another becomes PROGRAM, which
 * is asked to do nothing: crossing PROGRAM DELAY_US */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (1UL << 30)
#define PAGE 4096UL

static void *grow(void *unused)
{
    char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        abort();
    for (size_t offset = 0; offset < SIZE; offset += PAGE)
        *(volatile char *)(at + offset) = 1;
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (argc != 3 || pthread_create(&thread, NULL, grow, NULL))
        return 1;
    usleep(atoi(argv[2]));
    execl(argv[1], argv[1], "--do", "", NULL);
    return 1;
}
