/* SPDX-License-Identifier: Apache-2.0 */
/* place: directories, ports and certificates of a test's own. */
#include "support/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void support_format(char text[TEST_TEXT], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, TEST_TEXT, format, arguments);
    va_end(arguments);
    if (size < 0 || size >= TEST_TEXT) {
        cr_fatal("too long for TEST_TEXT: %s", text);
    }
}

void support_directory(enum support_user user, char directory[TEST_TEXT]) {
    const char *run = getenv("VAXEL_TEST_DIRECTORY");
    support_format(directory, "%s/vaxel-XXXXXX", run ? run : "/tmp");
    if (!mkdtemp(directory)) {
        cr_fatal("can't make a directory %s: %s", directory, strerror(errno));
    }
    if (user == SUPPORT_DATABASE && geteuid() == 0) {
        const struct passwd *postgres = getpwnam("postgres");
        if (!postgres || chown(directory, postgres->pw_uid, postgres->pw_gid) != 0) {
            cr_fatal("can't give %s to the user postgres: %s", directory, strerror(errno));
        }
    }
}

void support_remove(const char *directory) {
    const char *arguments[] = {"/bin/rm", "-rf", "--", directory, NULL};
    support_run(SUPPORT_SELF, arguments);
}

static struct {
    pid_t owner;
    int count;
    char directories[16][TEST_TEXT];
} to_remove;

static void remove_directories(void) {
    for (int i = 0; to_remove.owner == getpid() && i < to_remove.count; i++) {
        support_remove(to_remove.directories[i]);
    }
}

void test_directory(char directory[TEST_TEXT]) {
    support_directory(SUPPORT_SELF, directory);
    if (to_remove.owner != getpid()) {
        to_remove.owner = getpid();
        to_remove.count = 0;
        atexit(remove_directories);
    }
    if (to_remove.count == 16) {
        cr_fatal("more than 16 directories in one test");
    }
    memcpy(to_remove.directories[to_remove.count++], directory, TEST_TEXT);
}

/* Takes a port for good: it is free until its taker listens, and would else be another's by then. Without a directory
 * of the whole run there is nobody to tell. */
static bool take_port(int port) {
    char mark[TEST_TEXT];
    const char *run = getenv("VAXEL_TEST_DIRECTORY");
    if (!run) {
        return true;
    }
    support_format(mark, "%s/port-%d", run, port);
    int descriptor = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0 && errno != EEXIST) {
        cr_fatal("can't make %s: %s", mark, strerror(errno));
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return descriptor >= 0;
}

/* Below those that the kernel gives to who connects (from 32768 on): a client that dials a server which is being
 * restarted must not be given that server's port. tests/support/house.js draws from the same. */
#define FIRST_PORT 12000
#define PORTS 20000

static bool is_free(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound = descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    if (!is_bound && errno != EADDRINUSE) {
        cr_fatal("can't find a free port: %s", strerror(errno));
    }
    close(descriptor);
    return is_bound;
}

static int find_port(void) {
    int port;
    do {
        uint32_t random;
        cr_assert_eq(getrandom(&random, sizeof random, 0), (ssize_t)sizeof random);
        port = FIRST_PORT + (int)(random % PORTS);
    } while (!is_free(port));
    return port;
}

int test_free_port(void) {
    int port;
    do {
        port = find_port();
    } while (!take_port(port));
    return port;
}

void test_certificates(const char *directory, const char *const *names, int count) {
    const char *arguments[40] = {VAXEL_SOURCE_DIRECTORY "/deploy/dev/certificates", directory};
    if (count > 32) {
        cr_fatal("more than 32 certificates at once");
    }
    for (int i = 0; i < count; i++) {
        arguments[2 + i] = names[i];
    }
    support_run(SUPPORT_SELF, arguments);
}

/* Whoever is first puts a whole directory in its place; who comes second at the same time throws its own away. */
void test_shared_certificates(const char *directory, const char *const *names, int count) {
    char shared[TEST_TEXT];
    char mine[TEST_TEXT];
    const char *run = getenv("VAXEL_TEST_DIRECTORY");
    if (!run) {
        test_certificates(directory, names, count);
        return;
    }
    support_format(shared, "%s/certificates", run);
    if (access(shared, F_OK) != 0) {
        support_directory(SUPPORT_SELF, mine);
        test_certificates(mine, names, count);
        if (rename(mine, shared) != 0) {
            support_remove(mine);
        }
    }
    support_format(mine, "%s/.", shared);
    const char *arguments[] = {"/bin/cp", "-a", mine, directory, NULL};
    support_run(SUPPORT_SELF, arguments);
}
