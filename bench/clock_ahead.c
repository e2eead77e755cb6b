/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded (LD_PRELOAD) into the programs of one measurement, so that the month turns while it lasts: their civil
 * clock is VAXEL_CLOCK_AHEAD_S seconds ahead. The monotonic clock, by which everything waits and is timed, is the
 * machine's. A call costs what it cost before: it still is the kernel's own, without a system call. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

typedef int clock_reader(clockid_t clock, struct timespec *now);

static clock_reader *machine_clock;
static time_t ahead_s;

/* Before main(), and before the first thread. */
__attribute__((constructor)) static void clock_learn(void) {
    const char *told = getenv("VAXEL_CLOCK_AHEAD_S");
    ahead_s = told != NULL ? strtol(told, NULL, 10) : 0;
    *(void **)&machine_clock = dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (machine_clock == NULL) /* another library's constructor came first */
        clock_learn();
    int status = machine_clock(clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead_s;
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    *now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *now) {
    struct timespec coarse;
    clock_gettime(CLOCK_REALTIME_COARSE, &coarse);
    if (now != NULL)
        *now = coarse.tv_sec;
    return coarse.tv_sec;
}
