/* SPDX-License-Identifier: Apache-2.0 */
/* redirects: what a node of a Redis Cluster says to a call whose slot is not its own, or not only. Nothing was done.
 *
 *   MOVED slot host:port       it is theirs
 *   ASK slot host:port         it is on its way there, and this organisation's keys are there already
 *   TRYAGAIN                   some of the keys are here, some are there
 *   CLUSTERDOWN                nobody has it, or too many nodes are missing */
#include "limits/internal.h"

#include <stdio.h>
#include <string.h>

enum redirect_kind { REDIRECT_NONE, REDIRECT_MOVED, REDIRECT_ASK, REDIRECT_AGAIN, REDIRECT_DOWN };

struct redirect {
    enum redirect_kind kind;
    uint32_t slot;
    char endpoint[ENDPOINT_SIZE]; /* "" when it names none */
};

static bool begins_with(struct bytes text, const char *word) {
    return text.size >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

/* "3999 127.0.0.1:6381"; an IPv6 address comes without brackets. */
static bool parse_place(struct bytes text, struct redirect *redirect) {
    const char *begin = (const char *)text.data;
    const char *space = memchr(begin, ' ', text.size);
    int64_t slot;
    if (space == NULL || !name_parse_number(bytes_of(begin, (size_t)(space - begin)), &slot) || slot < 0 ||
        slot >= SLOT_COUNT)
        return false;
    redirect->slot = (uint32_t)slot;
    const char *host = space + 1;
    int size = (int)(text.size - (size_t)(host - begin));
    const char *colon = memrchr(host, ':', (size_t)size);
    if (colon == NULL || size >= ENDPOINT_SIZE - 2)
        return false;
    int host_size = (int)(colon - host);
    bool has_colons = host[0] != '[' && memchr(host, ':', (size_t)host_size) != NULL;
    if (host_size > 0)
        snprintf(redirect->endpoint, ENDPOINT_SIZE, "%s%.*s%s%.*s", has_colons ? "[" : "", host_size, host,
                 has_colons ? "]" : "", size - host_size, colon);
    return true;
}

static struct redirect parse(struct bytes text) {
    static const char *const words[] = {[REDIRECT_MOVED] = "MOVED ",
                                        [REDIRECT_ASK] = "ASK ",
                                        [REDIRECT_AGAIN] = "TRYAGAIN ",
                                        [REDIRECT_DOWN] = "CLUSTERDOWN "};
    struct redirect redirect = {.kind = REDIRECT_MOVED};
    while (redirect.kind <= REDIRECT_DOWN && !begins_with(text, words[redirect.kind]))
        redirect.kind++;
    if (redirect.kind > REDIRECT_DOWN)
        return (struct redirect){.kind = REDIRECT_NONE};
    bool has_place = redirect.kind == REDIRECT_MOVED || redirect.kind == REDIRECT_ASK;
    size_t size = strlen(words[redirect.kind]);
    if (has_place && !parse_place(bytes_of(text.data + size, text.size - size), &redirect))
        redirect.kind = REDIRECT_NONE;
    return redirect;
}

void redirect_names(struct bytes error, char endpoint[ENDPOINT_SIZE]) {
    struct redirect redirect = parse(error);
    if (redirect.kind == REDIRECT_MOVED)
        endpoint_copy(endpoint, redirect.endpoint);
}

static void tell_moved(const struct limits *limits, const struct redirect *redirect) {
    bool is_known = redirect->kind == REDIRECT_MOVED && redirect->endpoint[0] != '\0';
    if (redirect->kind == REDIRECT_MOVED || redirect->kind == REDIRECT_DOWN)
        limits->place.on_moved(limits->place.router, redirect->slot, is_known ? redirect->endpoint : NULL);
}

bool redirect_take(struct limits *limits, struct call_in_flight call) {
    if (limits->place.on_moved == NULL || call.kind == CALL_ASKING)
        return false;
    struct redirect redirect = parse(limits->reply.parts[0].text);
    if (redirect.kind == REDIRECT_NONE)
        return false;
    const char *endpoint = redirect.kind == REDIRECT_ASK && redirect.endpoint[0] != '\0' ? redirect.endpoint : NULL;
    tell_moved(limits, &redirect);
    if (call.kind == CALL_GROUPS)
        verdicts_redirect(limits, call.first_group, endpoint);
    else if (call.kind == CALL_SUMS)
        sums_redirect(limits, call.job, endpoint);
    else
        reading_lose(limits);
    return true;
}
