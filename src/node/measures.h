/* SPDX-License-Identifier: Apache-2.0 */
/* measures: the numbers a node tells of itself (base/metrics.h): those of each worker, which it alone writes, and those
 * of the process, which are looked up when somebody asks. */
#ifndef VAXEL_NODE_MEASURES_H
#define VAXEL_NODE_MEASURES_H

#include "base/metrics.h"
#include "directory/directory.h"
#include "switch/ports.h"

/* Sizes of the dimensions: an enum's largest value and one more. */
#define MEASURED_CALLS CALL_COUNT
#define MEASURED_CLIENTS (CLIENT_OPS + 1)
#define MEASURED_CHANNELS (CREDENTIAL_APP + 1) /* 0: the request names no credential */
#define MEASURED_DECISIONS (DECISION_FAILED + 1)
#define MEASURED_REASONS (REASON_AMOUNT_EXCEEDED + 1)
#define MEASURED_SAFETIES (SAFETY_JOURNALED + 1)

/* The way of a purchase. */
enum measured_stage {
    MEASURED_ASK,     /* read, and what it needs before the limits are asked: the directory, counters that are warm */
    MEASURED_COUNT,   /* Redis, with the wait for the write before */
    MEASURED_RECORD,  /* PostgreSQL, with the wait for the batches before */
    MEASURED_JOURNAL, /* or the node's own journal */
    MEASURED_ANSWER,  /* until it is handed on to be sent */
    MEASURED_STAGES,
};

enum measured_face { FACE_FRAMES, FACE_GRPC, FACES };
enum measured_refusal { REFUSED_FULL, REFUSED_UNKNOWN, REFUSED_BLOCKED, REFUSED_CLIENT_FULL, REFUSED_KINDS };
enum measured_handshake { HANDSHAKE_DONE, HANDSHAKE_FAILED, HANDSHAKE_KINDS };

/* A worker's. */
struct measures {
    /* On cache lines of its own, for each worker writes its own. */
    _Alignas(64) struct metric_count
        answers[MEASURED_CALLS][MEASURED_CLIENTS][MEASURED_CHANNELS][MEASURED_DECISIONS][MEASURED_REASONS];
    struct metric_count faults[MEASURED_REASONS];
    struct metric_count repeats;
    struct metric_count approvals[MEASURED_SAFETIES];
    struct metric_spread answer_us[MEASURED_CALLS];
    struct metric_spread stage_us[MEASURED_STAGES];

    struct metric_level requests, requests_capacity;
    struct metric_count cpu_us;

    struct metric_level connections[FACES], connections_capacity;
    struct metric_count connections_accepted;
    struct metric_count connections_refused[REFUSED_KINDS];
    struct metric_count handshakes[HANDSHAKE_KINDS];

    struct metric_level redis_up;
    struct metric_spread redis_round_trip_us;
    struct metric_spread redis_call_questions;
    struct metric_count redis_losses, redis_other_primaries;
    struct metric_count rebuilds, failed_rebuilds;

    struct metric_level postgres_up;
    struct metric_spread postgres_transaction_us;
    struct metric_spread postgres_transaction_rows;
    struct metric_level postgres_waiting, postgres_capacity;
    struct metric_count postgres_losses, quarantined, notes_dropped;

    struct metric_level stands_in, journal_open, journal_broken;
    struct metric_level journal_entries, journal_bytes, journal_minor, journal_age_us;
    struct metric_level journal_capacity_bytes, journal_capacity_minor, journal_capacity_age_us;
    struct metric_spread journal_write_us;

    struct metric_level audit_suspects, audit_drift_minor, audit_swept_us;
    struct metric_count audit_looks, audit_sweeps, audit_rebuilds, audit_freed_minor, audit_restored_minor;

    struct metric_level turned_at_us; /* a tick, for whoever asks whether it turns still */
};
extern const struct metrics_table measures_of_worker;

enum measured_rows {
    ROWS_ORGANISATIONS,
    ROWS_DEPARTMENTS,
    ROWS_TRAVELLERS,
    ROWS_CREDITS,
    ROWS_CLIENTS,
    ROWS_KINDS,
};

enum measured_certificate { CERTIFICATE_OWN, CERTIFICATE_AUTHORITY, CERTIFICATES };

/* The process's. */
struct process_measures {
    struct metric_level build, ready, draining, workers, turn_age_us;
    struct metric_level directory_rows[ROWS_KINDS];
    struct metric_level directory_bytes, directory_lag_us;
    struct metric_level certificate_end_us[CERTIFICATES];
    struct metric_level start_us, resident_bytes, descriptors;
    struct metric_count cpu_us;
};
extern const struct metrics_table measures_of_process;

/* ---- what a worker counts ---- */

void measures_count_answer(struct measures *measures, enum call call, enum client_kind client,
                           enum credential_kind channel, const struct answer *answer);
/* The latency of an answered request, read at `read_at`, by stages if it went through them; `woken_at`: when the worker
 * learned of what made the answer. */
void measures_time_answer(struct measures *measures, enum call call, struct tick read_at, struct tick woken_at,
                          const struct answer *answer);

/* ---- what the process looks up ---- */

void measures_take_directory(struct process_measures *measures, const struct directory_facts *facts);
/* Memory, processor time and descriptors, by the system's word. */
void measures_take_process(struct process_measures *measures);

#endif
