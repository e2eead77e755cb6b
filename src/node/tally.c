/* SPDX-License-Identifier: Apache-2.0 */
#include "node/tally.h"

#include "base/check.h"

#include <stdlib.h>

/* A client that is here; one that is not has none. */
struct guest {
    int32_t client;
    uint32_t connections;
    struct guest *next; /* in its chain, or of those that are free */
};

struct tally {
    uint32_t chain_count; /* a power of two */
    struct guest **chains;
    struct guest *guests;
    struct guest *free;
};

struct tally *tally_create(uint32_t capacity) {
    struct tally *tally = calloc(1, sizeof *tally);
    CHECK(tally != NULL);
    tally->chain_count = 1;
    while (tally->chain_count < capacity)
        tally->chain_count *= 2;
    tally->chains = calloc(tally->chain_count, sizeof *tally->chains);
    tally->guests = calloc(capacity, sizeof *tally->guests);
    CHECK(tally->chains != NULL && tally->guests != NULL);
    for (uint32_t i = 0; i < capacity; i++) {
        tally->guests[i].next = tally->free;
        tally->free = &tally->guests[i];
    }
    return tally;
}

void tally_destroy(struct tally *tally) {
    if (tally == NULL)
        return;
    free(tally->chains);
    free(tally->guests);
    free(tally);
}

/* Where the guest hangs; where one would be hung when there is none. */
static struct guest **find(const struct tally *tally, int32_t client) {
    struct guest **place = &tally->chains[(uint32_t)client & (tally->chain_count - 1)];
    while (*place != NULL && (*place)->client != client)
        place = &(*place)->next;
    return place;
}

uint32_t tally_of(const struct tally *tally, int32_t client) {
    const struct guest *guest = *find(tally, client);
    return guest != NULL ? guest->connections : 0;
}

void tally_add(struct tally *tally, int32_t client) {
    struct guest **place = find(tally, client);
    if (*place == NULL) {
        struct guest *guest = tally->free;
        CHECK(guest != NULL);
        tally->free = guest->next;
        *guest = (struct guest){.client = client};
        *place = guest;
    }
    (*place)->connections++;
}

void tally_remove(struct tally *tally, int32_t client) {
    struct guest **place = find(tally, client);
    struct guest *guest = *place;
    CHECK(guest != NULL);
    if (--guest->connections > 0)
        return;
    *place = guest->next;
    guest->next = tally->free;
    tally->free = guest;
}
