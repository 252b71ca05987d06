/* A process whose main thread ends, while another one waits. */
#include <pthread.h>
#include <unistd.h>

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL))
        return 1;
    pthread_exit(NULL);
}
