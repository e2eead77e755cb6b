/* SPDX-License-Identifier: Apache-2.0 */
/* postgres: a server of one test's own, that it may kill, stop and start again. Its data directory is a copy of the one
 * that deploy/dev/with-postgres made for the run, for initdb takes a second. */
#include "support/support.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void server_program(char path[TEST_TEXT]) {
    const char *directory = getenv("VAXEL_POSTGRES_BIN");
    support_format(path, "%s/postgres", directory ? directory : "/usr/lib/postgresql/15/bin");
}

static void start(struct test_postgres *postgres) {
    char program[TEST_TEXT];
    char data[TEST_TEXT];
    char log[TEST_TEXT];
    char conninfo[TEST_TEXT];
    server_program(program);
    support_format(data, "%s/data", postgres->directory);
    support_format(log, "%s/postgres.log", postgres->directory);
    support_format(conninfo, "host=%s user=postgres dbname=postgres", postgres->directory);
    const char *arguments[] = {program, "-D", data, "-k", postgres->directory, "-c", "fsync=on", NULL};
    postgres->pid = support_start(SUPPORT_DATABASE, SIGQUIT, log, arguments);
    for (int waited_ms = 0; PQping(conninfo) != PQPING_OK; waited_ms += 10) {
        support_expect_alive(postgres->pid, "postgres", log);
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("postgres does not answer in %s", postgres->directory);
        }
        support_sleep_ms(10);
    }
}

void test_postgres_start(struct test_postgres *postgres) {
    const char *template = getenv("VAXEL_TEST_POSTGRES_TEMPLATE");
    if (!template) {
        cr_fatal("this test needs PostgreSQL: run it by ./dev test NAME, or by deploy/dev/with-postgres PROGRAM");
    }
    char data[TEST_TEXT];
    char conninfo[TEST_TEXT];
    support_directory(SUPPORT_DATABASE, postgres->directory);
    support_format(data, "%s/data", postgres->directory);
    const char *copy[] = {"/bin/cp", "-a", "--", template, data, NULL};
    support_run(SUPPORT_DATABASE, copy);
    start(postgres);
    support_format(conninfo, "host=%s user=postgres dbname=postgres", postgres->directory);
    test_sql(conninfo, "CREATE DATABASE vaxel");
    support_format(postgres->conninfo, "host=%s user=postgres dbname=vaxel", postgres->directory);
    support_migrate(postgres->conninfo);
}

struct process {
    pid_t parent;
    bool is_running; /* false when it is gone, or has let go of all it had and waits for its parent to ask */
};

static struct process process_of(long pid) {
    char path[64];
    char line[512];
    struct process process = {0};
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return process;
    }
    /* "PID (NAME) STATE PARENT …", and a name may hold anything. */
    if (fgets(line, sizeof line, file)) {
        const char *name_end = strrchr(line, ')');
        if (name_end && strlen(name_end) > 4) {
            process.parent = (pid_t)strtol(name_end + 4, NULL, 10);
            process.is_running = name_end[2] != 'Z' && name_end[2] != 'X';
        }
    }
    fclose(file);
    return process;
}

size_t test_children(pid_t parent, pid_t children[TEST_CHILDREN]) {
    size_t count = 0;
    DIR *processes = opendir("/proc");
    if (!processes) {
        cr_fatal("can't read /proc");
    }
    for (struct dirent *entry = readdir(processes); entry; entry = readdir(processes)) {
        char *end = NULL;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && *end == '\0' && count < TEST_CHILDREN && process_of(pid).parent == parent) {
            children[count++] = (pid_t)pid;
        }
    }
    closedir(processes);
    return count;
}

static void signal_children(pid_t parent, int signal) {
    pid_t children[TEST_CHILDREN];
    size_t count = test_children(parent, children);
    for (size_t i = 0; i < count; i++) {
        kill(children[i], signal);
    }
}

void test_postgres_pause(struct test_postgres *postgres) {
    /* The postmaster first: it can't make another while the others are stopped. */
    kill(postgres->pid, SIGSTOP);
    signal_children(postgres->pid, SIGSTOP);
}

void test_postgres_resume(struct test_postgres *postgres) {
    signal_children(postgres->pid, SIGCONT);
    kill(postgres->pid, SIGCONT);
}

void test_postgres_kill(struct test_postgres *postgres) {
    test_postgres_resume(postgres);
    test_process_end(postgres->pid, SIGQUIT);
    postgres->pid = 0;
}

void test_postgres_kill_all(struct test_postgres *postgres) {
    /* Stopped, none of them can do anything between the others' deaths. */
    test_postgres_pause(postgres);
    pid_t children[TEST_CHILDREN];
    size_t count = test_children(postgres->pid, children);
    for (size_t i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
    }
    test_process_end(postgres->pid, SIGKILL);
    postgres->pid = 0;
    /* One that still dies has the shared memory, and no server starts beside it. */
    for (size_t i = 0, waited_ms = 0; i < count; waited_ms += 2) {
        if (!process_of(children[i]).is_running) {
            i++;
            continue;
        }
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("process %d does not end in a minute after a SIGKILL", (int)children[i]);
        }
        support_sleep_ms(2);
    }
}

void test_postgres_restart(struct test_postgres *postgres) {
    if (postgres->pid) {
        test_postgres_kill(postgres);
    }
    start(postgres);
}

void test_postgres_stop(struct test_postgres *postgres) {
    if (postgres->pid) {
        test_postgres_kill(postgres);
    }
    support_remove(postgres->directory);
}
