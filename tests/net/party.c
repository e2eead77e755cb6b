/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

uint8_t pattern(size_t index) {
    return (uint8_t)(index * 31 + index / 251);
}

static bool party_on_open(void *owner, struct net_stream *stream) {
    struct party *party = owner;
    if (party->turns_away) {
        return false;
    }
    CHECK(party->opened < TALLIES);
    net_set_user(stream, &party->tallies[party->opened++]);
    party->stream = stream;
    snprintf(party->name, sizeof(party->name), "%s", net_peer_name(stream));
    return true;
}

static bool party_on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct party *party = owner;
    struct tally *tally = net_user(stream);
    for (size_t i = 0; i < received.size; i++) {
        if (received.data[i] != pattern(tally->received + i)) {
            tally->wrong++;
            party->wrong++;
        }
    }
    tally->received += received.size;
    party->received += received.size;
    if (party->echoes) {
        (void)net_send(stream, received);
    }
    return !party->hangs_up;
}

static void party_on_sent(void *owner, struct net_stream *stream) {
    (void)stream;
    ((struct party *)owner)->sent++;
}

static void party_on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)stream;
    struct party *party = owner;
    party->closed++;
    snprintf(party->why, sizeof(party->why), "%s", why);
}

const struct net_handler party_handler = {party_on_open, party_on_bytes, party_on_sent, party_on_closed};

struct net_options party_options(void) {
    return (struct net_options){
        .streams_capacity = 1024,
        .receive_buffers = 256,
        .unread_capacity_bytes = 64u << 20,
        .handshake_timeout_us = 60000000,
    };
}

void party_start(struct party *party, const struct net_options *options) {
    struct failure failure = {""};
    struct net_options usual = party_options();
    party->net = net_create(options != NULL ? options : &usual, &failure);
    if (party->net == NULL) {
        cr_assert_fail("%s", failure.text); /* and nothing of Criterion otherwise: it may be called by any thread */
    }
}

void party_end(struct party *party) {
    net_destroy(party->net);
    party->net = NULL;
}

void party_listen(struct party *party, struct net_tls *tls, char address[64]) {
    struct failure failure = {""};
    if (!net_listen(party->net, "127.0.0.1:0", tls, &party_handler, party, &failure)) {
        cr_assert_fail("%s", failure.text);
    }
    snprintf(address, 64, "127.0.0.1:%u", net_port(party->net));
}

struct net_stream *party_dial(struct party *party, const char *address, struct net_tls *tls) {
    struct failure failure = {""};
    struct net_stream *stream = net_dial(party->net, address, tls, &party_handler, party, &failure);
    cr_assert(stream != NULL, "%s", failure.text);
    return stream;
}

bool party_send(struct net_stream *stream, size_t index, size_t size) {
    uint8_t bytes[4096];
    while (size > 0) {
        size_t part = size < sizeof(bytes) ? size : sizeof(bytes);
        for (size_t i = 0; i < part; i++) {
            bytes[i] = pattern(index + i);
        }
        if (!net_send(stream, bytes_of(bytes, part))) {
            return false;
        }
        index += part;
        size -= part;
    }
    return true;
}

void party_turn(struct party *party) {
    if (party != NULL) {
        net_turn(party->net, (struct tick){tick_now().us + 1000});
    }
}

/* ---- certificates ---- */

static const char certificates_script[] =
    "set -e; cd \"$1\"\n"
    "authority() {\n"
    "  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \"$1.key\" -out \"$1.pem\" \\\n"
    "    -days 2 -subj \"/CN=$1\" -addext basicConstraints=critical,CA:TRUE\n"
    "}\n"
    "issue() {\n"
    "  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \"$1.key\" -out \"$1.csr\" -subj "
    "\"/CN=$1\"\n"
    "  printf 'subjectAltName=%s\\n' \"$3\" >\"$1.ext\"\n"
    "  openssl x509 -req -in \"$1.csr\" -CA \"$2.pem\" -CAkey \"$2.key\" -CAcreateserial -extfile \"$1.ext\" \\\n"
    "    -out \"$1.pem\" -days \"$4\"\n"
    "}\n"
    "authority authority; authority other\n"
    "issue server authority DNS:localhost,IP:127.0.0.1 2\n"
    "issue elsewhere authority DNS:elsewhere.example,IP:127.0.0.9 2\n"
    "issue client authority DNS:localhost 2\n"
    "issue stranger other DNS:localhost,IP:127.0.0.1 2\n"
    "issue expired authority DNS:localhost,IP:127.0.0.1 -1\n"; /* ended yesterday */

void certificates_make(struct certificates *certificates) {
    test_directory(certificates->directory);
    char script[TEST_TEXT + 16];
    snprintf(script, sizeof(script), "%s/make", certificates->directory);
    FILE *file = fopen(script, "w");
    cr_assert(file != NULL && fputs(certificates_script, file) >= 0 && fclose(file) == 0);
    char command[4 * TEST_TEXT];
    snprintf(command, sizeof(command), "sh '%s' '%s' >'%s/log' 2>&1", script, certificates->directory,
             certificates->directory);
    cr_assert(system(command) == 0, "see %s/log", certificates->directory);
}

struct net_tls *certificates_tls(const struct certificates *certificates, bool is_server, const char *name,
                                 const char *authority, const char *protocol) {
    char certificate[2 * TEST_TEXT], key[2 * TEST_TEXT], authorities[2 * TEST_TEXT];
    snprintf(certificate, sizeof(certificate), "%s/%s.pem", certificates->directory, name);
    snprintf(key, sizeof(key), "%s/%s.key", certificates->directory, name);
    snprintf(authorities, sizeof(authorities), "%s/%s.pem", certificates->directory, authority);
    struct net_tls_files files = {.certificate = certificate, .key = key, .authority = authorities};
    struct failure failure = {""};
    struct net_tls *tls = net_tls_create(is_server, &files, protocol, &failure);
    cr_assert(tls != NULL, "%s", failure.text);
    return tls;
}

/* ---- raw sockets ---- */

static struct sockaddr_in raw_address(const char *address) {
    const char *colon = strchr(address, ':');
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

int raw_connect(const char *address) {
    struct sockaddr_in name = raw_address(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    cr_assert(fd >= 0);
    cr_assert(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    cr_assert(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
    return fd;
}

void raw_write(int fd, const void *data, size_t size) {
    const char *next = data;
    while (size > 0) {
        ssize_t written = send(fd, next, size, MSG_NOSIGNAL);
        cr_assert(written > 0);
        next += written;
        size -= (size_t)written;
    }
}

size_t raw_drain(int fd) {
    char bytes[65536];
    size_t total = 0;
    ssize_t part;
    while ((part = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        total += (size_t)part;
    }
    return total;
}

bool raw_is_ended(int fd) {
    char byte;
    ssize_t part = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return part == 0 || (part < 0 && errno != EAGAIN && errno != EINTR);
}

bool raw_is_answered(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) > 0;
}

int raw_listen(char address[64]) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, 1024) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    snprintf(address, 64, "127.0.0.1:%u", ntohs(name.sin_port));
    return fd;
}

int raw_listen_unix(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    cr_assert(strlen(path) < sizeof(name.sun_path));
    memcpy(name.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 16) == 0);
    return fd;
}

static bool forward_chunk(int from, int to, size_t chunk) {
    char bytes[4096];
    ssize_t size = recv(from, bytes, sizeof(bytes), 0);
    for (ssize_t at = 0; at < size; at += (ssize_t)chunk) {
        size_t part = (size_t)(size - at) < chunk ? (size_t)(size - at) : chunk;
        if (send(to, bytes + at, part, MSG_NOSIGNAL) != (ssize_t)part) {
            return false;
        }
    }
    return size > 0;
}

static void forward(int one, int other, size_t chunk) {
    struct pollfd ready[2] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    bool goes_on = true;
    while (goes_on && poll(ready, 2, -1) > 0) {
        goes_on = (ready[0].revents == 0 || forward_chunk(one, other, chunk)) &&
                  (ready[1].revents == 0 || forward_chunk(other, one, chunk));
    }
}

pid_t forwarder_start(const char *target, size_t chunk, char address[64]) {
    int listener = raw_listen(address);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int one = accept(listener, NULL, NULL);
        int on = 1;
        setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        forward(one, raw_connect(target), chunk);
        _exit(0);
    }
    close(listener);
    return pid;
}

void run_beside(struct party *server, char *output, size_t capacity, const char *format, ...) {
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    int pipes[2];
    cr_assert(pipe(pipes) == 0);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        dup2(pipes[1], 1);
        dup2(pipes[1], 2);
        close(pipes[0]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    size_t size = 0;
    struct pollfd ready = {.fd = pipes[0], .events = POLLIN};
    struct tick give_up = {tick_now().us + PATIENCE_US};
    for (ssize_t part = 1; part > 0;) {
        cr_assert(tick_now().us < give_up.us, "%s does not end", command);
        party_turn(server);
        if (poll(&ready, 1, 0) > 0) {
            part = read(pipes[0], output + size, capacity - 1 - size);
            size += part > 0 ? (size_t)part : 0;
        }
    }
    output[size] = '\0';
    close(pipes[0]);
    waitpid(pid, NULL, 0);
}
