/* SPDX-License-Identifier: Apache-2.0 */
#include "net/internal.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static bool address_is_port(const char *port) {
    size_t size = strlen(port);
    return size >= 1 && size <= 5 && strspn(port, "0123456789") == size;
}

bool address_split(const char *address, char host[HOST_SIZE], char port[8], struct failure *failure) {
    const char *colon = strrchr(address, ':');
    const char *begin = address;
    const char *end = colon;
    if (address[0] == '[' && colon != NULL && colon > address && colon[-1] == ']') {
        begin++;
        end--;
    } else if (colon != NULL && memchr(address, ':', (size_t)(colon - address)) != NULL) {
        colon = NULL; /* an IPv6 address without brackets: which colon starts the port? */
    }
    if (colon == NULL || !address_is_port(colon + 1) || end - begin < 1 || end - begin >= HOST_SIZE) {
        return failure_set(failure, "\"%s\" is no address: \"host:port\" or \"[::1]:port\" is wanted", address);
    }
    snprintf(host, HOST_SIZE, "%.*s", (int)(end - begin), begin);
    snprintf(port, 8, "%s", colon + 1);
    return true;
}

/* Numbers are taken as they are; only a name is looked up, which may wait for a name server. */
struct addrinfo *address_resolve(const char *address, bool is_to_listen, char host[HOST_SIZE],
                                 struct failure *failure) {
    char port[8];
    if (!address_split(address, host, port, failure)) {
        return NULL;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | (is_to_listen ? AI_PASSIVE : 0);
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, port, &hints, &found);
    if (status == EAI_NONAME) {
        hints.ai_flags &= ~AI_NUMERICHOST;
        status = getaddrinfo(host, port, &hints, &found);
    }
    if (status != 0) {
        failure_set(failure, "cannot find the address of \"%s\": %s", address, gai_strerror(status));
        return NULL;
    }
    return found;
}

void address_format(const struct sockaddr *address, char text[ADDRESS_SIZE]) {
    char host[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof(four));
        inet_ntop(AF_INET, &four.sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_SIZE, "%s:%u", host, ntohs(four.sin_port));
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof(six));
        inet_ntop(AF_INET6, &six.sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_SIZE, "[%s]:%u", host, ntohs(six.sin6_port));
    } else {
        snprintf(text, ADDRESS_SIZE, "unix");
    }
}
