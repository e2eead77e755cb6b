/* SPDX-License-Identifier: Apache-2.0 */
/* riders: two hundred clients that buy, hold, advise, settle and take back, on a thread of their own, over TLS to both
 * nodes at once, through whatever happens; and all that they asked and were told, for the checker.
 *
 * Like devices in the field they ask again under the same id when nothing was heard, at whichever node can be reached;
 * some give up and reverse, some give up and say nothing, some ask both nodes at once. */
#ifndef VAXEL_TESTS_BREAK_RIDERS_H
#define VAXEL_TESTS_BREAK_RIDERS_H

#include "base/histogram.h"
#include "checker/checker.h"
#include "system/cluster.h"
#include "trips.h"

#include <pthread.h>
#include <stdatomic.h>

#define RIDERS_NODES CLUSTER_NODES
/* How long a rider waits for an answer after the deadline it asked for, before it hangs up. */
#define PATIENCE_US (4 * SECOND_US)

struct riders;
struct rider;

struct link {
    struct rider *rider;
    struct net_stream *stream; /* NULL: to be dialled again at `retry_at_us` */
    bool is_up;
    int64_t retry_at_us;
    struct wire_reader reader;
};

/* What was asked and not answered yet. */
#define WAITING_CAPACITY 8
struct waiting {
    size_t operation; /* its index in riders.operations */
    struct link *link;
    int64_t give_up_us;
};

struct rider {
    struct riders *riders;
    struct link links[RIDERS_NODES];
    struct trip trip;
    size_t waiting_count;
    struct waiting waiting[WAITING_CAPACITY];
    int64_t next_us; /* when the next thing is done */
};

/* When this thread itself did not get to run for long: then nobody on the machine may have. */
#define STALL_US (SECOND_US / 5)
#define STALLS_CAPACITY 4096
struct stall {
    int64_t from_us, until_us;
};

enum riders_phase { RIDERS_RIDING, RIDERS_COMING_HOME, RIDERS_STOPPED };

struct riders {
    struct cluster *cluster;
    const struct fares *fares;
    uint64_t random; /* what they do */
    int32_t client;  /* the number of the client they all are */
    int64_t pace_us; /* between two trips of one rider, on average */
    _Atomic int phase;
    _Atomic uint64_t answered;
    _Atomic uint64_t journaled;
    pthread_t thread;

    struct net *net;
    struct net_tls *tls;
    struct wire_codec *codec;
    struct wire_reply reply;
    struct advices *advices;
    struct buffer frame;
    int64_t now_us;
    _Atomic bool is_aboard; /* all links stood once */

    size_t count;
    struct rider *each;
    size_t operation_count, operation_capacity;
    struct operation *operations; /* in the order they were sent */
    uint8_t *nodes;               /* beside `operations`: which node was asked */
    struct histogram latencies;   /* of decisions */
    size_t stall_count;
    struct stall stalls[STALLS_CAPACITY];
    uint64_t faults;
    char first_fault[320];
};

/* Starts them, and waits until all are connected to both nodes. `client` is the certificate's name. */
void riders_start(struct riders *riders, struct cluster *cluster, const struct fares *fares, const char *client,
                  size_t count, int64_t pace_us, uint64_t seed);
/* They finish what they are at, begin nothing new, and stop; false: some had not finished after a while. */
void riders_stop(struct riders *riders);
void riders_finish(struct riders *riders);

/* For trips.c: sends a request over the link to a node, and notes it. Up to WAITING_CAPACITY in all. */
void rider_ask(struct rider *rider, int node, const struct wanted *wanted);
/* Advices of one frame, each noted by itself. */
void rider_advise(struct rider *rider, int node, const struct wanted *wanted, size_t count);
/* A node that can be reached; the preferred one if it can. -1: none. */
int rider_node(const struct rider *rider, int preferred);

#endif
