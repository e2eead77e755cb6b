/* SPDX-License-Identifier: Apache-2.0 */
/* directory: who may buy, and against which limits: organisations, departments, travellers, credits, clients.
 *
 * Loaded from PostgreSQL at start, kept fresh by a thread of its own: every row carries the transaction that changed
 * it, a notification says when to look, and a look every half second catches what a notification missed. Readers on any
 * thread take a copy; nobody keeps a pointer inside. When PostgreSQL is away the last state stands and its age is
 * known. */
#ifndef VAXEL_DIRECTORY_DIRECTORY_H
#define VAXEL_DIRECTORY_DIRECTORY_H

#include "base/failure.h"
#include "switch/ports.h"

struct directory;

struct directory_options {
    const char *conninfo;
    int64_t traveller_cap_minor; /* DOMAIN S6, where a traveller has none of their own */
};

/* Who a certificate speaks for. */
#define CLIENT_NAME_SIZE 64
struct client {
    int32_t id;
    enum client_kind kind;
    bool is_blocked;
    uint32_t calls;      /* bits 1u << enum call */
    uint32_t channels;   /* bits 1u << enum channel */
    uint32_t rate_per_s; /* requests; 0: no limit */
    /* DOMAIN F4: two equal purchases nearer than this are a double tap; 0: they are not looked at. */
    int64_t tap_window_us;
    char name[CLIENT_NAME_SIZE]; /* of a row that was just read: "" when it is too long */
};

/* Loads everything before it returns. NULL with a reason when it can't. */
struct directory *directory_open(const struct directory_options *options, struct failure *failure);
void directory_close(struct directory *directory);

/* Starts, and ends, the thread that keeps it fresh. */
bool directory_follow(struct directory *directory, struct failure *failure);

bool directory_find_account(struct directory *directory, const struct credential *credential, struct account *account);

/* Which counters an entry on record counts in now, and how high each may get: those of the credit, the traveller, the
 * department that paid then with all now above it, the organisation. False: one of them is not known (yet). */
bool directory_find_payer(struct directory *directory, const struct payer *payer, struct account *account);

bool directory_find_client(struct directory *directory, const char *name, struct client *client);

/* Counts up with every change to any client, so that a node looks at its connections again only then. */
uint64_t directory_client_generation(const struct directory *directory);

/* Counts up with every department that gets another parent while the directory runs; an account says up to which of
 * them it knows. */
uint64_t directory_moves(const struct directory *directory);

/* The organisations in which that has happened since the count was `since`: one a call, 0 after the last. `place`
 * starts as 0. */
int32_t directory_next_moved(struct directory *directory, uint64_t since, uint32_t *place);

struct directory_facts {
    size_t organisations, departments, travellers, credits, clients;
    size_t memory_bytes;
    int64_t age_us; /* since the last successful look */
};
void directory_facts(struct directory *directory, struct directory_facts *facts);

#endif
