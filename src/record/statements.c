/* SPDX-License-Identifier: Apache-2.0 */
/* The plans are made once, without knowing the parameters (plan_cache_mode), and an array's length is unknown to the
 * planner; so the recorder forbids the plans that are wrong for batches, such as a scan of a partition that was empty
 * when the plan was made. A LATERAL subquery with OFFSET 0 is an index probe a row, whatever the planner believes. */
#include "record/statements.h"
#include "base/check.h"
#include "record/rows.h"

/* The kinds stand in the texts as numbers. */
_Static_assert(ENTRY_PURCHASE == 1 && ENTRY_REVERSAL == 6 && ENTRY_CONFIRMATION == 9, "kinds in statements.c");
_Static_assert(LIMIT_CREDIT == 1 && LIMIT_TRAVELLER == 2 && LIMIT_DEPARTMENT == 3 && LIMIT_ORGANISATION == 4 &&
                   DEPARTMENTS_CAPACITY == 8,
               "limits in statements.c");

#define INSERT_ENTRY                                                                                                   \
    "INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, "    \
    "client, kind, product, place) "

#define FENCE_EPOCH                                                                                                    \
    "coalesce((SELECT f.epoch FROM fence f WHERE f.organisation = q.organisation AND f.month = q.month), 0)"

#define ENTRY_OF(id_column)                                                                                            \
    "LATERAL (SELECT * FROM entry WHERE month = q.month AND organisation = q.organisation AND id = " id_column         \
    " OFFSET 0)"

/* The fence. tests/ builds the switch once without it, to show that a test notices. */
#ifdef VAXEL_PLANT_WITHOUT_FENCE
#define EPOCH_IN_FORCE "q.epoch <= " FENCE_EPOCH
#else
#define EPOCH_IN_FORCE "q.epoch = " FENCE_EPOCH
#endif

/* $1 the row's group; $12.. the groups: an organisation's month and epoch, looked up in the fence once each. */
#define APPEND                                                                                                         \
    INSERT_ENTRY                                                                                                       \
    "SELECT q.id, q.amount_minor, q.recorded_at, g.month, g.organisation, g.epoch, q.traveller, q.credit, "            \
    "q.department, q.client, q.kind, q.product, q.place "                                                              \
    "FROM unnest($1::int4[], $2::uuid[], $3::int8[], $4::timestamptz[], $5::int4[], $6::int4[], $7::int4[], "          \
    "$8::int4[], $9::int2[], $10::text[], $11::text[]) AS q(n, id, amount_minor, recorded_at, traveller, credit, "     \
    "department, client, kind, product, place) "                                                                       \
    "JOIN (SELECT * FROM unnest($12::int4[], $13::int4[], $14::int4[]) WITH ORDINALITY AS q(organisation, month, "     \
    "epoch, n) WHERE " EPOCH_IN_FORCE ") g ON g.n = q.n"

static const struct {
    const char *name;
    const char *text;
} statements[STATEMENT_COUNT] = {
    /* Not a row comes back: a void is never NULL. */
    [STATEMENT_LOCK_SHARED] = {"lock_shared", "SELECT FROM unnest($1::int4[]) AS stripe "
                                              "WHERE pg_advisory_xact_lock_shared(" LOCK_CLASS ", stripe) IS NULL"},
    /* A batch is appended in the belief that none of its ids has a row, which saves a third of the work. */
    [STATEMENT_APPEND] = {"append", APPEND},
    [STATEMENT_APPEND_CAREFULLY] = {"append_carefully", APPEND " ON CONFLICT DO NOTHING"},
    /* For each id: the fence, the row, and the reversal or confirmation that follows it. */
    [STATEMENT_LOOK] = {"look",
                        "SELECT q.n::int4, " FENCE_EPOCH ", e.kind, e.amount_minor, e.client, e.credit, e.product, "
                        "e.place, e.epoch, e.recorded_at, m.kind, m.epoch "
                        "FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[]) WITH ORDINALITY "
                        "AS q(id, mark, month, organisation, n) "
                        "LEFT JOIN " ENTRY_OF("q.id") " e ON true LEFT JOIN " ENTRY_OF("q.mark") " m ON true"},
    [STATEMENT_ENTOMB] = {"entomb",
                          INSERT_ENTRY "SELECT q.id, 0, clock_timestamp(), q.month, q.organisation, " FENCE_EPOCH
                                       ", 0, 0, 0, q.client, 6, '', '' "
                                       "FROM unnest($1::uuid[], $2::int4[], $3::int4[], $4::int4[]) "
                                       "AS q(id, month, organisation, client) ON CONFLICT DO NOTHING"},
    /* Of one's own purchase, unless it is reversed or confirmed already. */
    [STATEMENT_REVERSE] =
        {"reverse",
         INSERT_ENTRY "SELECT q.mark, -e.amount_minor, clock_timestamp(), e.month, e.organisation, " FENCE_EPOCH
                      ", e.traveller, e.credit, e.department, e.client, 6, e.product, e.place "
                      "FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[], $5::int4[], $6::timestamptz[]) "
                      "AS q(id, mark, month, organisation, client, recorded_at) JOIN " ENTRY_OF(
                          "q.id") " e ON e.kind = 1 "
                                  "AND e.client = q.client AND e.recorded_at = q.recorded_at ON CONFLICT DO NOTHING"},
    /* Of another's row that says the same: from its commit on nobody undoes it. */
    [STATEMENT_CONFIRM] =
        {"confirm", INSERT_ENTRY
         "SELECT q.mark, 0, clock_timestamp(), e.month, e.organisation, " FENCE_EPOCH
         ", e.traveller, e.credit, e.department, e.client, 9, '', '' "
         "FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[], $5::int4[], $6::timestamptz[], $7::int8[], "
         "$8::int4[], $9::int2[], $10::text[], $11::text[]) AS q(id, mark, month, organisation, client, recorded_at, "
         "amount_minor, credit, kind, product, place) JOIN " ENTRY_OF(
             "q.id") " e ON e.recorded_at <> q.recorded_at "
                     "AND (e.kind, e.amount_minor, e.client, e.credit, e.product, e.place) = "
                     "(q.kind, q.amount_minor, q.client, q.credit, q.product, q.place) ON CONFLICT DO NOTHING"},

    [STATEMENT_LOCK_EXCLUSIVE] = {"lock_exclusive", "SELECT FROM unnest($1::int4[]) AS stripe "
                                                    "WHERE pg_advisory_xact_lock(" LOCK_CLASS ", stripe) IS NULL"},
    [STATEMENT_RAISE] = {"raise", "INSERT INTO fence (organisation, month, epoch) "
                                  "SELECT organisation, month, 1 FROM unnest($1::int4[], $2::int4[]) "
                                  "AS q(organisation, month) ORDER BY organisation, month "
                                  "ON CONFLICT (organisation, month) DO UPDATE SET epoch = fence.epoch + 1 "
                                  "RETURNING organisation, month, epoch"},
    /* One pass over the rows, then sums of those sums. A row counts for its paying department and all above it. */
    [STATEMENT_SUMS] =
        {"sums",
         "WITH RECURSIVE spent AS MATERIALIZED ("
         "SELECT credit, traveller, department, sum(amount_minor) AS amount FROM entry "
         "WHERE month = $1::int4 AND organisation = $2::int4 AND epoch < $3::int4 GROUP BY 1, 2, 3), "
         "upward(department, amount, level) AS ("
         "SELECT department, sum(amount), 1 FROM spent WHERE department <> 0 GROUP BY department "
         "UNION ALL SELECT parent, amount, level + 1 FROM (SELECT (SELECT d.parent FROM department d "
         "WHERE d.id = u.department) AS parent, u.amount, u.level FROM upward u WHERE u.level < 8 OFFSET 0) p "
         "WHERE parent IS NOT NULL) "
         "SELECT 4::int2, $2::int4, coalesce(sum(amount), 0)::int8 FROM spent "
         "UNION ALL SELECT 3::int2, department, sum(amount)::int8 FROM upward GROUP BY department "
         "UNION ALL SELECT 2::int2, traveller, sum(amount)::int8 FROM spent WHERE traveller <> 0 GROUP BY traveller "
         "UNION ALL SELECT 1::int2, credit, sum(amount)::int8 FROM spent WHERE credit <> 0 GROUP BY credit"},
    [STATEMENT_RECENT] = {"recent", "SELECT id, kind, amount_minor, client, credit, product, place FROM entry "
                                    "WHERE month = $1::int4 AND organisation = $2::int4 AND epoch < $3::int4 "
                                    "AND id >= $4::uuid AND kind <> 9 ORDER BY id"},
    [STATEMENT_REFUSALS] = {"refusals", "SELECT id, day, reason, refusing, content FROM refusal "
                                        "WHERE month = $1::int4 AND organisation = $2::int4 AND id >= $3::uuid"},
    [STATEMENT_FIND] = {"find", "SELECT " COLUMNS_ENTRY ", EXISTS (SELECT FROM entry m WHERE m.month = e.month "
                                "AND m.organisation = e.organisation AND m.id = $2::uuid AND m.kind = 6) FROM entry e "
                                "WHERE e.month = $3::int4 AND e.organisation = $4::int4 AND e.id = $1::uuid"},
    [STATEMENT_FIND_ANYWHERE] = {"find_anywhere",
                                 "SELECT " COLUMNS_ENTRY ", EXISTS (SELECT FROM entry m WHERE m.month = e.month "
                                 "AND m.organisation = e.organisation AND m.id = $2::uuid AND m.kind = 6) "
                                 "FROM organisation o CROSS JOIN LATERAL (SELECT * FROM entry WHERE month = $3::int4 "
                                 "AND organisation = o.id AND id = $1::uuid OFFSET 0) e LIMIT 1"},
    [STATEMENT_NOTE] =
        {"note", "INSERT INTO refusal (id, amount_minor, month, day, organisation, traveller, credit, client, reason, "
                 "refusing, product, content) SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int4[], "
                 "$5::int4[], $6::int4[], $7::int4[], $8::int4[], $9::int2[], $10::int2[], $11::text[], $12::bytea[]) "
                 "ON CONFLICT DO NOTHING"},
    [STATEMENT_QUARANTINE] = {"quarantine", "INSERT INTO quarantine (id, organisation, month, what, why) "
                                            "VALUES ($1::uuid, $2::int4, $3::int4, $4::text, $5::text)"},
    [STATEMENT_PARTITIONS] = {"partitions", "SELECT make_partitions(month) FROM unnest($1::int4[]) AS month"},
};

const char *statement_name(enum statement statement) {
    CHECK(statement < STATEMENT_COUNT);
    return statements[statement].name;
}

const char *statement_text(enum statement statement) {
    CHECK(statement < STATEMENT_COUNT);
    return statements[statement].text;
}

/* Whatever the server's defaults: a commit is awaited on disk (I1), and each statement sees what was committed before
 * it began, which is what the locks are worth. */
#define SETTINGS_BOTH                                                                                                  \
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "         \
    "WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END, false), "                                  \
    "set_config('default_transaction_isolation', 'read committed', false), "                                           \
    "set_config('client_encoding', 'UTF8', false), "                                                                   \
    "set_config('plan_cache_mode', 'force_generic_plan', false), "                                                     \
    "set_config('jit', 'off', false), set_config('max_parallel_workers_per_gather', '0', false), "                     \
    "set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false), "                            \
    "set_config('enable_seqscan', 'off', false), "

const char settings_recorder[] = SETTINGS_BOTH
    "set_config('enable_nestloop', 'off', false), set_config('enable_mergejoin', 'off', false), "
    "set_config('enable_bitmapscan', 'off', false), set_config('application_name', 'vaxel recorder', false)";

const char settings_reader[] = SETTINGS_BOTH "set_config('work_mem', '64MB', false), set_config('enable_sort', 'off', "
                                             "false), set_config('application_name', 'vaxel reader', false)";
