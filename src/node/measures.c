/* SPDX-License-Identifier: Apache-2.0 */
#include "node/measures.h"

/* ---- labels ---- */

static const char *call_value(uint32_t index) {
    return call_name((enum call)index);
}

static const char *client_value(uint32_t index) {
    static const char *const names[MEASURED_CLIENTS] = {
        [CLIENT_VALIDATOR] = "validator",
        [CLIENT_APP_BACKEND] = "app_backend",
        [CLIENT_OFFICE] = "office",
        [CLIENT_OPS] = "ops",
    };
    return names[index];
}

static const char *channel_value(uint32_t index) {
    static const char *const names[MEASURED_CHANNELS] = {"none", "card", "app"};
    return names[index];
}

static const char *decision_value(uint32_t index) {
    static const char *const names[MEASURED_DECISIONS] = {NULL, "approved", "declined", "failed"};
    return names[index];
}

static const char *reason_value(uint32_t index) {
    return reason_name((enum reason)index);
}

static const char *safety_value(uint32_t index) {
    static const char *const names[MEASURED_SAFETIES] = {NULL, "committed", "journaled"};
    return names[index];
}

static const char *stage_value(uint32_t index) {
    static const char *const names[MEASURED_STAGES] = {"ask", "count", "record", "journal", "answer"};
    return names[index];
}

static const char *face_value(uint32_t index) {
    static const char *const names[FACES] = {"frames", "grpc"};
    return names[index];
}

static const char *refused_value(uint32_t index) {
    static const char *const names[REFUSED_KINDS] = {"full", "unknown", "blocked", "client_full"};
    return names[index];
}

static const char *handshake_value(uint32_t index) {
    static const char *const names[HANDSHAKE_KINDS] = {"done", "failed"};
    return names[index];
}

static const char *rows_value(uint32_t index) {
    static const char *const names[ROWS_KINDS] = {"organisation", "department", "traveller", "credit", "client"};
    return names[index];
}

static const char *certificate_value(uint32_t index) {
    static const char *const names[CERTIFICATES] = {"certificate", "authority"};
    return names[index];
}

static const char *version_value(uint32_t index) {
    (void)index;
    return VAXEL_VERSION;
}

#define CALL_LABEL                                                                                                     \
    { "call", MEASURED_CALLS, call_value }
#define REASON_LABEL                                                                                                   \
    { "reason", MEASURED_REASONS, reason_value }

/* ---- the tables ---- */

#define METRIC(name_, type_, unit_, field_, help_)                                                                     \
    .name = (name_), .type = (type_), .unit = (unit_), .offset = offsetof(struct measures, field_), .help = (help_)
#define COUNTER(name_, field_, help_) METRIC(name_, METRIC_COUNTER, METRIC_NUMBER, field_, help_)
#define GAUGE(name_, field_, help_) METRIC(name_, METRIC_GAUGE, METRIC_NUMBER, field_, help_)
#define SECONDS(name_, field_, help_) METRIC(name_, METRIC_HISTOGRAM, METRIC_SECONDS, field_, help_)
#define SIZES(name_, field_, help_) METRIC(name_, METRIC_HISTOGRAM, METRIC_NUMBER, field_, help_)

static const struct metric of_worker[] = {
    {COUNTER("vaxel_answers", answers,
             "Answers that bear a decision: approved, declined (a business no) or failed (nobody's fault, nothing was "
             "bought)."),
     .is_sparse = true,
     .labels = {CALL_LABEL,
                {"client", MEASURED_CLIENTS, client_value},
                {"channel", MEASURED_CHANNELS, channel_value},
                {"decision", MEASURED_DECISIONS, decision_value},
                REASON_LABEL}},
    {COUNTER("vaxel_faults", faults,
             "Requests answered by a fault, without a decision: rejected as malformed (UNSPECIFIED names no other "
             "reason), not allowed, or what could not be looked up."),
     .is_sparse = true, .labels = {REASON_LABEL}},
    {COUNTER("vaxel_repeats", repeats, "Answers to a request that had been decided before.")},
    {COUNTER("vaxel_approvals", approvals,
             "Approvals by how safe they were when they were told: committed in PostgreSQL, or in the node's journal."),
     .labels = {{"safety", MEASURED_SAFETIES, safety_value}}},
    {SECONDS("vaxel_answer_seconds", answer_us,
             "From a request being read until its answer is handed on to be sent, by call."),
     .is_sparse = true, .labels = {CALL_LABEL}},
    {SECONDS("vaxel_stage_seconds", stage_us,
             "The stages of a purchase: until the limits are asked, until Redis has counted, until it is recorded (or "
             "in the journal), until the answer is handed on."),
     .labels = {{"stage", MEASURED_STAGES, stage_value}}},

    {GAUGE("vaxel_requests", requests, "Requests in the house: what is asked of Redis, PostgreSQL or the journal.")},
    {GAUGE("vaxel_requests_capacity", requests_capacity, "Most requests in the house at once; past that BUSY.")},
    {METRIC("vaxel_worker_cpu_seconds", METRIC_COUNTER, METRIC_SECONDS, cpu_us,
            "Processor time of the workers; one that is never idle makes a second each second.")},

    {GAUGE("vaxel_connections", connections, "Connections of clients that have shaken hands."),
     .labels = {{"face", FACES, face_value}}},
    {GAUGE("vaxel_connections_capacity", connections_capacity, "Most connections at once; past that they are closed.")},
    {COUNTER("vaxel_connections_accepted", connections_accepted, "Connections that came, with or without handshake.")},
    {COUNTER("vaxel_connections_refused", connections_refused,
             "Connections turned away: all that may stand stood, no row in table client bears the certificate's name, "
             "the client is blocked, or all that it may have stood."),
     .labels = {{"why", REFUSED_KINDS, refused_value}}},
    {COUNTER("vaxel_tls_handshakes", handshakes,
             "TLS handshakes of clients; failed ones were broken off or timed out."),
     .labels = {{"result", HANDSHAKE_KINDS, handshake_value}}},

    {GAUGE("vaxel_redis_up", redis_up, "1 when every worker has a Redis that counts."), .fold = METRIC_LEAST},
    {SECONDS("vaxel_redis_round_trip_seconds", redis_round_trip_us,
             "From a write to Redis until all it asked is answered.")},
    {SIZES("vaxel_redis_call_questions", redis_call_questions, "Questions decided together in one call of Redis.")},
    {COUNTER("vaxel_redis_losses", redis_losses, "Connections to Redis that were lost or could not be made.")},
    {COUNTER("vaxel_redis_identity_changes", redis_other_primaries,
             "Times a worker found another Redis than before: restarted, promoted or emptied. Its counters are built "
             "anew as they are asked for.")},
    {COUNTER("vaxel_rebuilds", rebuilds, "Counters of an organisation's month that were read anew from PostgreSQL.")},
    {COUNTER("vaxel_rebuild_failures", failed_rebuilds, "Rebuilds that could not be read; they are tried again.")},

    {GAUGE("vaxel_postgres_up", postgres_up, "1 when every worker has a PostgreSQL that records."),
     .fold = METRIC_LEAST},
    {SECONDS("vaxel_postgres_transaction_seconds", postgres_transaction_us,
             "From a batch being sent to PostgreSQL until its commit is known.")},
    {SIZES("vaxel_postgres_transaction_rows", postgres_transaction_rows, "Rows and checks in one transaction.")},
    {GAUGE("vaxel_postgres_waiting", postgres_waiting, "Rows and checks that wait for a batch.")},
    {GAUGE("vaxel_postgres_waiting_capacity", postgres_capacity, "Most of them at once.")},
    {COUNTER("vaxel_postgres_losses", postgres_losses, "Times a worker lost PostgreSQL.")},
    {COUNTER("vaxel_quarantined", quarantined,
             "Rows that PostgreSQL would not take; they are in table quarantine, and each needs a person.")},
    {COUNTER("vaxel_refusal_notes_dropped", notes_dropped, "Declines that were told and not kept for statistics.")},

    {GAUGE("vaxel_stand_in", stands_in,
           "1 while a worker gives purchases to its journal, for PostgreSQL is away or slow."),
     .fold = METRIC_MOST},
    {GAUGE("vaxel_journal_open", journal_open, "1 when every worker has a journal that would take purchases."),
     .fold = METRIC_LEAST},
    {GAUGE("vaxel_journal_broken", journal_broken, "1 when a journal takes nothing until the node starts anew."),
     .fold = METRIC_MOST},
    {GAUGE("vaxel_journal_entries", journal_entries, "Entries in journals that PostgreSQL has to get.")},
    {METRIC("vaxel_journal_bytes", METRIC_GAUGE, METRIC_BYTES, journal_bytes, "What those use on disk.")},
    {GAUGE("vaxel_journal_amount_minor", journal_minor, "What they add up to, in the currency's minor unit.")},
    {METRIC("vaxel_journal_oldest_age_seconds", METRIC_GAUGE, METRIC_SECONDS, journal_age_us,
            "The age of the oldest of them; 0 when there is none."),
     .fold = METRIC_MOST},
    {METRIC("vaxel_journal_capacity_bytes", METRIC_GAUGE, METRIC_BYTES, journal_capacity_bytes,
            "Most bytes that journals may use (stand_in.size); 0: the node has none.")},
    {GAUGE("vaxel_journal_capacity_minor", journal_capacity_minor, "Most that they vouch for (stand_in.amount).")},
    {METRIC("vaxel_journal_capacity_age_seconds", METRIC_GAUGE, METRIC_SECONDS, journal_capacity_age_us,
            "The age of an entry past which they take no more (stand_in.age)."),
     .fold = METRIC_MOST},
    {SECONDS("vaxel_journal_write_seconds", journal_write_us, "One write of a journal, with its fdatasync.")},

    {COUNTER("vaxel_audit_looks", audit_looks, "Comparisons of an organisation's month: counters against records.")},
    {COUNTER("vaxel_audit_sweeps", audit_sweeps, "Rounds of the audit over all organisations' months.")},
    {METRIC("vaxel_audit_last_sweep_timestamp_seconds", METRIC_GAUGE, METRIC_SECONDS, audit_swept_us,
            "When the last round was over; 0 when none is yet."),
     .fold = METRIC_MOST},
    {GAUGE("vaxel_audit_suspects", audit_suspects, "Organisations' months whose counters differ, for now.")},
    {GAUGE("vaxel_audit_drift_minor", audit_drift_minor,
           "By how much they differ, in the minor unit; purchases in flight are among it.")},
    {COUNTER("vaxel_audit_rebuilds", audit_rebuilds, "Rebuilds because a difference lasted.")},
    {COUNTER("vaxel_audit_freed_minor", audit_freed_minor, "Orphans freed by them: what was counted too much.")},
    {COUNTER("vaxel_audit_restored_minor", audit_restored_minor, "What was counted too little.")},
};

const struct metrics_table measures_of_worker = {of_worker, sizeof of_worker / sizeof *of_worker,
                                                 sizeof(struct measures)};

#define OF_PROCESS(name_, type_, unit_, field_, help_)                                                                 \
    {                                                                                                                  \
        .name = (name_), .type = (type_), .unit = (unit_), .offset = offsetof(struct process_measures, field_),        \
        .help = (help_)                                                                                                \
    }

static const struct metric of_process[] = {
    {.name = "vaxel_build_info",
     .type = METRIC_GAUGE,
     .offset = offsetof(struct process_measures, build),
     .help = "Always 1; the version stands in the label.",
     .labels = {{"version", 1, version_value}}},
    OF_PROCESS("vaxel_workers", METRIC_GAUGE, METRIC_NUMBER, workers, "Workers that turn; 0 until the node serves."),
    OF_PROCESS("vaxel_worker_turn_age_seconds", METRIC_GAUGE, METRIC_SECONDS, turn_age_us,
               "How long ago the slowest worker last turned its loop: a tenth of a second at most when all is well."),
    OF_PROCESS("vaxel_ready", METRIC_GAUGE, METRIC_NUMBER, ready,
               "1 while /readyz says so: the node can serve purchases."),
    OF_PROCESS("vaxel_draining", METRIC_GAUGE, METRIC_NUMBER, draining, "1 when the node was told to end."),
    {.name = "vaxel_directory_rows",
     .type = METRIC_GAUGE,
     .offset = offsetof(struct process_measures, directory_rows),
     .help = "What the node knows of who may buy.",
     .labels = {{"kind", ROWS_KINDS, rows_value}}},
    OF_PROCESS("vaxel_directory_bytes", METRIC_GAUGE, METRIC_BYTES, directory_bytes, "The memory that takes."),
    OF_PROCESS("vaxel_directory_lag_seconds", METRIC_GAUGE, METRIC_SECONDS, directory_lag_us,
               "How long ago it was last looked whether PostgreSQL says otherwise."),
    {.name = "vaxel_tls_end_timestamp_seconds",
     .type = METRIC_GAUGE,
     .unit = METRIC_SECONDS,
     .offset = offsetof(struct process_measures, certificate_end_us),
     .help = "When the node's certificate, or the authority that it trusts, ceases to be valid: of several in a file "
             "the first that does. As they were read last.",
     .labels = {{"file", CERTIFICATES, certificate_value}}},
    OF_PROCESS("process_start_time_seconds", METRIC_GAUGE, METRIC_SECONDS, start_us, "When the process started."),
    OF_PROCESS("process_cpu_seconds", METRIC_COUNTER, METRIC_SECONDS, cpu_us, "Processor time, the kernel's included."),
    OF_PROCESS("process_resident_memory_bytes", METRIC_GAUGE, METRIC_BYTES, resident_bytes, "Memory in use."),
    OF_PROCESS("process_open_fds", METRIC_GAUGE, METRIC_NUMBER, descriptors, "Open file descriptors."),
};

const struct metrics_table measures_of_process = {of_process, sizeof of_process / sizeof *of_process,
                                                  sizeof(struct process_measures)};
