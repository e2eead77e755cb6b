/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/address.h"

#include "base/check.h"

#include <string.h>

void endpoint_copy(char into[ENDPOINT_SIZE], const char *endpoint) {
    size_t size = strlen(endpoint) + 1;
    CHECK(size <= ENDPOINT_SIZE);
    memcpy(into, endpoint, size);
}

/* A part of the text that is being read. */
struct part_of_text {
    const char *at;
    size_t size;
};

static bool begins_with(struct part_of_text part, const char *prefix) {
    return part.size >= strlen(prefix) && memcmp(part.at, prefix, strlen(prefix)) == 0;
}

static struct part_of_text rest_after(struct part_of_text part, size_t size) {
    return (struct part_of_text){part.at + size, part.size - size};
}

static bool copy(char *into, size_t capacity, struct part_of_text part) {
    if (part.size >= capacity)
        return false;
    memcpy(into, part.at, part.size);
    into[part.size] = '\0';
    return true;
}

static int digit_of(char character) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = character == '\0' ? NULL : strchr(digits, character);
    return at == NULL ? -1 : (int)(at - digits) % 16;
}

static bool copy_decoded(char into[CREDENTIAL_SIZE], struct part_of_text part) {
    size_t size = 0;
    for (size_t i = 0; i < part.size; i++) {
        char character = part.at[i];
        if (character == '%') {
            int high = i + 2 < part.size ? digit_of(part.at[i + 1]) : -1;
            int low = high < 0 ? -1 : digit_of(part.at[i + 2]);
            if (low < 0 || high + low == 0)
                return false;
            character = (char)(16 * high + low);
            i += 2;
        }
        if (size == CREDENTIAL_SIZE - 1)
            return false;
        into[size++] = character;
    }
    into[size] = '\0';
    return true;
}

/* "user:password" */
static bool take_credentials(struct address *address, struct part_of_text part) {
    const char *colon = memchr(part.at, ':', part.size);
    if (colon == NULL)
        return false;
    size_t user_size = (size_t)(colon - part.at);
    return copy_decoded(address->user, (struct part_of_text){part.at, user_size}) &&
           copy_decoded(address->password, rest_after(part, user_size + 1)) && address->password[0] != '\0';
}

static bool take_endpoint(struct address *address, struct part_of_text part, struct failure *failure) {
    static const char scheme[] = "redis://";
    if (begins_with(part, scheme)) {
        part = rest_after(part, sizeof scheme - 1);
        const char *at = memchr(part.at, '@', part.size);
        if (at != NULL) {
            size_t size = (size_t)(at - part.at);
            if (!take_credentials(address, (struct part_of_text){part.at, size}))
                return failure_set(failure,
                                   "redis.address: what is before \"@\" is no user:password; write other signs "
                                   "than letters and digits as %%40 and the like");
            part = rest_after(part, size + 1);
        }
    }
    if (memchr(part.at, '@', part.size) != NULL)
        return failure_set(failure, "redis.address: a user and password have redis:// before them");
    if (address->endpoint_count == ENDPOINTS_CAPACITY)
        return failure_set(failure, "redis.address names more than %d hosts: a few are enough to learn of the others",
                           ENDPOINTS_CAPACITY);
    if (part.size == 0 || !copy(address->endpoints[address->endpoint_count], ENDPOINT_SIZE, part))
        return failure_set(failure, "redis.address has an empty or too long host");
    address->endpoint_count++;
    return true;
}

static struct part_of_text trimmed(struct part_of_text part) {
    while (part.size > 0 && part.at[0] == ' ')
        part = rest_after(part, 1);
    while (part.size > 0 && part.at[part.size - 1] == ' ')
        part.size--;
    return part;
}

static bool take_endpoints(struct address *address, struct part_of_text rest, struct failure *failure) {
    for (;;) {
        const char *comma = memchr(rest.at, ',', rest.size);
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.at);
        if (!take_endpoint(address, trimmed((struct part_of_text){rest.at, size}), failure))
            return false;
        if (comma == NULL)
            return true;
        rest = rest_after(rest, size + 1);
    }
}

bool address_parse(const char *text, struct address *address, struct failure *failure) {
    static const char sentinels[] = "sentinel:";
    struct part_of_text rest = {text, strlen(text)};
    *address = (struct address){.kind = ADDRESS_ONE};
    if (begins_with(rest, sentinels)) {
        rest = rest_after(rest, sizeof sentinels - 1);
        const char *at = memchr(rest.at, '@', rest.size);
        size_t size = at == NULL ? 0 : (size_t)(at - rest.at);
        address->kind = ADDRESS_SENTINELS;
        if (size == 0 || !copy(address->name, sizeof address->name, (struct part_of_text){rest.at, size}))
            return failure_set(failure, "redis.address: sentinel:NAME@host:port is wanted");
        rest = rest_after(rest, size + 1);
    }
    if (!take_endpoints(address, rest, failure))
        return false;
    bool has_socket = strncmp(address->endpoints[0], "unix:", 5) == 0;
    if (address->kind == ADDRESS_ONE && address->endpoint_count > 1)
        address->kind = ADDRESS_CLUSTER;
    return address->kind != ADDRESS_CLUSTER || !has_socket ||
           failure_set(failure, "redis.address: the nodes of a cluster are found by host:port, not by a socket");
}
