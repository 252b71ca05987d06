/* Forks COUNT children in turn, of which two threads end at the same moment: ending COUNT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int ready;

static void *end(void *unused)
{
    ready++;
    while (ready < 2)
        ;
    syscall(SYS_exit, 0); /* of this thread alone */
    return unused;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 1;
    for (int left = atoi(argv[1]); left; left--) {
        pthread_t thread;
        pid_t child = fork();
        if (child < 0)
            return 1;
        if (!child) {
            if (pthread_create(&thread, NULL, end, NULL))
                _exit(1);
            end(NULL);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status)
            return 1;
    }
    return 0;
}
