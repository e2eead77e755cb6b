/* SPDX-License-Identifier: Apache-2.0 */
/* world: nodes, Redis servers, one PostgreSQL, clients and what befalls them, in simulated time. All chance comes from
 * one seed; events happen in the order of their times, and of their making where those are equal. So a seed is a
 * history. */
#ifndef VAXEL_TESTS_SIM_WORLD_H
#define VAXEL_TESTS_SIM_WORLD_H

#include "checker/checker.h"
#include "limits/limits.h"
#include "sim/postgres.h"
#include "sim/redis.h"
#include "switch/audit.h"
#include "switch/switch.h"

#define MS INT64_C(1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

#define NODES 3
#define REDISES_MAX 64
#define CREDITS 10
#define DEPARTMENTS 5 /* 1 to 4 are used */
#define CLIENTS 6
#define SLOTS 96 /* requests in a node */
#define ITEMS 256
#define JOURNAL_MAX 4096

struct world;
struct node;

/* ---- events.c ---- */

typedef void event_happens(struct world *world, void *owner, uint64_t word);
void event_at(struct world *world, int64_t at_us, event_happens *happens, void *owner, uint64_t word);
void event_in(struct world *world, int64_t delay_us, event_happens *happens, void *owner, uint64_t word);
/* Lets everything happen up to a time. */
void events_run(struct world *world, int64_t until_us);

uint64_t chance_word(struct world *world);
uint32_t chance_below(struct world *world, uint32_t end);
bool chance_is(struct world *world, uint32_t percent);
/* Between two times, mostly near the lower one. */
int64_t chance_delay(struct world *world, int64_t least_us, int64_t most_us);

/* Adds a line to the trace, and its text to the run's fingerprint. */
__attribute__((format(printf, 2, 3))) void trace(struct world *world, const char *format, ...);

/* ---- the directory ---- */

struct holder {
    struct credential credential;
    struct account account;
};

/* ---- node.c: one process ---- */

enum item_kind { ITEM_APPEND, ITEM_CHECK, ITEM_UNDO, ITEM_SETTLE };

/* What the record has been asked and has not answered. */
struct item {
    enum item_kind kind;
    uint32_t owner;
    bool is_short; /* an append that did not go in: to be looked at by a second transaction */
    struct outcome outcome;
    union {
        struct entry entry;
        struct check check;
        struct undo undo;
        struct settlement settlement;
    };
};

struct journaled {
    struct entry entry;
    uint32_t owner;
    bool is_safe, is_told, is_drained, is_draining;
};

struct node {
    struct world *world;
    uint32_t index;
    bool is_alive;
    uint64_t life; /* events of an earlier one find that it is over */
    int64_t skew_us;
    struct switch_core *core;

    /* Redis */
    struct limits *limits;
    int server; /* -1: not connected */
    uint64_t server_link;
    struct buffer output, replies;

    /* PostgreSQL */
    bool is_record_up;
    uint64_t record_link;
    uint64_t resent_link;     /* what connections up to this one had carried was sent again */
    struct item items[ITEMS]; /* the first `taken` are under way */
    uint32_t item_count, taken;
    bool is_under_way;
    struct rebuild_asked {
        int32_t organisation;
        struct month month;
        int32_t epoch;
    } rebuilds[SLOTS];
    uint32_t rebuild_count;
    bool is_rebuilding;

    /* The journal outlives a crash. */
    struct journaled journal[JOURNAL_MAX];
    uint32_t journal_count, journal_drained;
    bool is_writing, is_journal_told;

    struct audit *audit;
    int64_t tick_at_us;
};

void node_start(struct node *node);
void node_crash(struct node *node);
struct moment node_now(const struct node *node);
/* Sends what the last call has made, and sees to its timers. */
void node_turn(struct node *node);
void node_redis_lost(struct node *node);
void node_postgres_lost(struct node *node);

/* ---- node_redis.c, node_record.c, node_journal.c: the node's shell ---- */
void redis_link_start(struct node *node);
void redis_link_flush(struct node *node);
bool record_link_append(void *shell, const struct entry *entry, uint32_t owner);
bool record_link_check(void *shell, const struct check *check, uint32_t owner);
bool record_link_undo(void *shell, const struct undo *undo, uint32_t owner);
bool record_link_settle(void *shell, const struct settlement *settlement, uint32_t owner);
bool record_link_read_sums(void *shell, int32_t organisation, struct month month, bool from_rows);
void record_link_note(void *shell, const struct refusal_note *refusal);
void record_link_start(struct node *node);
void record_link_flush(struct node *node);
bool journal_link_append(void *shell, const struct entry *entry, uint32_t owner);
void journal_link_drained(void *shell, uint64_t ticket);
void journal_link_start(struct node *node);
void journal_link_flush(struct node *node);
bool journal_link_is_open(const struct node *node);
bool journal_link_is_empty(const struct node *node);
void audit_link_start(struct node *node);
void audit_link_tick(struct node *node);
void audit_link_rebuild(void *shell, int32_t organisation, struct month month);

/* ---- world.c ---- */

struct world_options {
    uint64_t seed;
    int64_t length_us; /* of the time in which things happen */
    bool is_traced;
};

struct world {
    struct world_options options;
    uint64_t chance;
    uint64_t fingerprint;
    int64_t now_us;
    int64_t now_ms; /* the same, for Redis */
    struct event *events;
    size_t event_count, event_capacity;
    uint64_t event_number;
    /* What a journal vouches for while Redis is lost or divided as well may pass limits, and two copies of a request
     * may each find a journal (docs/guarantees.md): seeds have either the one or the other. */
    bool has_journals;
    bool has_crashes; /* of nodes: without them counters must come right without an audit */
    bool keeps_redis; /* it is neither lost nor divided: no rebuild heals what was miscounted */
    uint32_t lost_replies_percent, lost_commits_percent; /* connections that break when all was done and not yet told */
    int64_t slow_commits_us;
    bool refuses_ids; /* PostgreSQL can write nothing of some ids; what stays counted then is the audit's */
    bool is_quiet;    /* nothing bad happens any more */

    struct holder holders[CREDITS];
    int32_t parents[DEPARTMENTS];
    struct ceiling ceilings[64];
    size_t ceiling_count;

    struct redis *redises[REDISES_MAX];
    int redis_count, primary;
    struct redis *snapshot;
    bool was_redis_lost, was_node_lost;

    struct postgres *postgres;
    bool is_postgres_away;
    int64_t postgres_frozen_until_us;
    struct node nodes[NODES];

    struct operation *operations;
    size_t operation_count, operation_capacity;
    struct shadow *shadows; /* what clients remember of each operation */
    uint64_t ids_made;
};

/* Lives through a seed, and judges it. */
void world_live(const struct world_options *options, struct verdict_of_checker *verdict, uint64_t *fingerprint,
                size_t *operations);

/* ---- clients.c ---- */
void clients_start(struct world *world);
void client_answered(struct world *world, struct node *node, uint64_t reply_to, const struct answer *answer);
void clients_finish(struct world *world);

/* ---- faults.c ---- */
void faults_start(struct world *world);
void faults_end(struct world *world);

/* ---- judge.c ---- */
void judge(struct world *world, struct verdict_of_checker *verdict);

#endif
