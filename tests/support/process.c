/* SPDX-License-Identifier: Apache-2.0 */
/* process: programs that a test starts, and that never outlive it: the kernel signals them when the test's process
 * ends, however it ends. */
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void support_sleep_ms(int ms) {
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&pause, NULL);
}

/* Writes the last part of a file to the test's output. */
static void show_end(const char *name, const char *path) {
    char text[4096];
    FILE *file = fopen(path, "re");
    if (!file) {
        return;
    }
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        fseek(file, size > (long)sizeof text - 1 ? size - ((long)sizeof text - 1) : 0, SEEK_SET);
        size_t got = fread(text, 1, sizeof text - 1, file);
        text[got] = '\0';
        fprintf(stderr, "---- %s said, in %s:\n%s----\n", name, path, text);
    }
    fclose(file);
}

/* In the child: nothing but what is safe between fork and exec. */
static _Noreturn void become(const struct passwd *user, pid_t parent, int death_signal, int output, int trouble,
                             const char *const *arguments) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    bool is_ready = dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0;
    if (is_ready && user) {
        is_ready = setgroups(0, NULL) == 0 && setgid(user->pw_gid) == 0 && setuid(user->pw_uid) == 0;
    }
    /* After setuid(2), which forgets it. */
    is_ready = is_ready && prctl(PR_SET_PDEATHSIG, death_signal) == 0;
    if (is_ready && getppid() == parent) {
        execve(arguments[0], (char *const *)arguments, environ);
    }
    int why = errno;
    ssize_t written = write(trouble, &why, sizeof why);
    _exit(written > 0 ? 127 : 126);
}

pid_t support_start(enum support_user user, int death_signal, const char *log, const char *const *arguments) {
    const struct passwd *other = NULL;
    if (user == SUPPORT_DATABASE && geteuid() == 0) {
        other = getpwnam("postgres");
        if (!other) {
            cr_fatal("PostgreSQL refuses to run as root, and there is no user postgres to run it as");
        }
    }
    int output = open(log ? log : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int trouble[2];
    if (output < 0 || pipe2(trouble, O_CLOEXEC) != 0) {
        cr_fatal("can't prepare to start %s: %s", arguments[0], strerror(errno));
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(other, parent, death_signal, output, trouble[1], arguments);
    }
    close(output);
    close(trouble[1]);
    int why = 0;
    ssize_t got = pid > 0 ? read(trouble[0], &why, sizeof why) : 0;
    close(trouble[0]);
    if (pid < 0 || got > 0) {
        cr_fatal("can't start %s: %s", arguments[0], strerror(pid < 0 ? errno : why));
    }
    return pid;
}

bool support_wait(pid_t pid, int patience_ms, int *status) {
    for (int waited_ms = 0;; waited_ms += 2) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid) {
            return true;
        }
        if (ended < 0 && errno != EINTR) {
            cr_fatal("process %d is none of this test's: %s", (int)pid, strerror(errno));
        }
        if (waited_ms >= patience_ms) {
            return false;
        }
        support_sleep_ms(2);
    }
}

void support_run(enum support_user user, const char *const *arguments) {
    char log[] = "/tmp/vaxel-test-run.XXXXXX";
    int descriptor = mkostemp(log, O_CLOEXEC);
    if (descriptor < 0) {
        cr_fatal("can't make a file in /tmp: %s", strerror(errno));
    }
    close(descriptor);
    pid_t pid = support_start(user, SIGKILL, log, arguments);
    int status = 0;
    bool is_over = support_wait(pid, SUPPORT_PATIENCE_MS, &status);
    bool is_well = is_over && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!is_well) {
        show_end(arguments[0], log);
    }
    unlink(log);
    if (!is_over) {
        kill(pid, SIGKILL);
    }
    if (!is_well) {
        cr_fatal("%s %s (wait status %d)", arguments[0], is_over ? "failed" : "did not end in a minute", status);
    }
}

void support_expect_alive(pid_t pid, const char *name, const char *log) {
    int status = 0;
    if (support_wait(pid, 0, &status)) {
        show_end(name, log);
        cr_fatal("%s ended while it was started (wait status %d)", name, status);
    }
}

pid_t test_process_start(const char *log, const char *const *arguments) {
    return support_start(SUPPORT_SELF, SIGKILL, log, arguments);
}

int test_process_end(pid_t pid, int signal) {
    int status = 0;
    kill(pid, signal);
    if (!support_wait(pid, SUPPORT_PATIENCE_MS, &status)) {
        kill(pid, SIGKILL);
        support_wait(pid, SUPPORT_PATIENCE_MS, &status);
        cr_fatal("process %d did not end in a minute after signal %d", (int)pid, signal);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void test_program(const char *name, char path[TEST_TEXT]) {
    support_format(path, "%s/%s", VAXEL_PROGRAMS_DIRECTORY, name);
    if (access(path, X_OK) != 0) {
        cr_fatal("there is no %s: build it first", path);
    }
}
