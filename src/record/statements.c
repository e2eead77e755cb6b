/* SPDX-License-Identifier: Apache-2.0 */
/* The plans are made once, without knowing the parameters (plan_cache_mode), and an array's length is unknown to the
 * planner; so the recorder forbids the plans that are wrong for batches, such as a scan of a partition that was empty
 * when the plan was made. A LATERAL subquery with OFFSET 0 is an index probe a row, whatever the planner believes. */
#include "record/statements.h"
#include "base/check.h"
#include "record/rows.h"

/* The kinds stand in the texts as numbers. */
_Static_assert(ENTRY_PURCHASE == 1 && ENTRY_HOLD == 2 && ENTRY_CAPTURE == 3 && ENTRY_VOID == 4 && ENTRY_EXPIRY == 5 &&
                   ENTRY_REVERSAL == 6 && ENTRY_ADVICE == 7 && ENTRY_REFUND == 8 && ENTRY_CONFIRMATION == 9,
               "kinds in statements.c and sql/");
_Static_assert(FIELD_AMOUNT == 1 && FIELD_CLIENT == 2 && FIELD_KIND == 6 && FIELD_ORIGINAL == 7 && FIELD_FINAL == 8,
               "fields in sql/");
_Static_assert(REASON_APPROVED == 1 && REASON_ID_REUSED == 15 && REASON_REVERSED == 16 && REASON_NOT_FOUND == 23 &&
                   REASON_WRONG_KIND == 24 && REASON_HOLD_CLOSED == 25 && REASON_HOLD_EXPIRED == 26 &&
                   REASON_AMOUNT_EXCEEDED == 27,
               "reasons in sql/");
_Static_assert(BLOCK_LIFTED == 1 && BLOCK_STOPPED == 2 && BLOCK_USED_UP == 3, "kinds of blocks in sql/");
_Static_assert(LIMIT_CREDIT == 1 && LIMIT_TRAVELLER == 2 && LIMIT_DEPARTMENT == 3 && LIMIT_ORGANISATION == 4 &&
                   DEPARTMENTS_CAPACITY == 8,
               "limits in statements.c");

#define ENTRY_COLUMNS                                                                                                  \
    "id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind, "         \
    "product, place"
/* Whoever inserts stamps the era, read once a statement and under the shared lock: sql/0008_roll_up.sql. */
#define INSERT_ENTRY "INSERT INTO entry (" ENTRY_COLUMNS ", era) "
#define INSERT_ENTRY_WITH_FLAGS "INSERT INTO entry (" ENTRY_COLUMNS ", flags, era) "
#define ERA "(SELECT number FROM era)"

#define FENCE_EPOCH                                                                                                    \
    "coalesce((SELECT f.epoch FROM fence f WHERE f.organisation = q.organisation AND f.month = q.month), 0)"

#define ENTRY_OF(id_column)                                                                                            \
    "LATERAL (SELECT * FROM entry WHERE month = q.month AND organisation = q.organisation AND id = " id_column         \
    " OFFSET 0)"

/* The fence; 0 asks for none. tests/ builds the switch once without it, to show that a test notices. */
#ifdef VAXEL_PLANT_WITHOUT_FENCE
#define EPOCH_IN_FORCE "q.epoch <= q.fence"
#else
#define EPOCH_IN_FORCE "(q.epoch = 0 OR q.epoch = q.fence)"
#endif

/* Under which epoch each group is recorded, looked up in the fence once each; -1: under none. */
#define EPOCHS_OF_GROUPS                                                                                               \
    "ARRAY(SELECT CASE WHEN " EPOCH_IN_FORCE " THEN CASE q.epoch WHEN 0 THEN q.fence ELSE q.epoch END ELSE -1 END "    \
    "FROM (SELECT q.epoch, " FENCE_EPOCH " AS fence FROM (SELECT unnest($13::int4[]) AS organisation, "                \
    "unnest($14::int4[]) AS month, unnest($15::int4[]) AS epoch) q OFFSET 0) q)"

/* $1 the row's group; $13.. the groups: an organisation's month and epoch. Arrays are unnested side by side in a
 * SELECT's list, a row at a time: in FROM each is stored first, as if it were a table. And a row finds its group by its
 * number in the arrays: a join would store the rows once more, and hand them over in another order than the index's. */
#define APPEND(more_columns)                                                                                           \
    INSERT_ENTRY_WITH_FLAGS                                                                                            \
    "SELECT q.id, q.amount_minor, q.recorded_at, q.month, q.organisation, q.epoch, q.traveller, q.credit, "            \
    "q.department, q.client, q.kind, q.product, q.place, q.flags, " ERA " "                                            \
    "FROM (SELECT q.*, ($13::int4[])[q.n] AS organisation, ($14::int4[])[q.n] AS month, g.epochs[q.n] AS epoch "       \
    "FROM (SELECT " EPOCHS_OF_GROUPS " AS epochs OFFSET 0) g CROSS JOIN "                                              \
    "(SELECT unnest($1::int4[]) AS n, unnest($2::uuid[]) AS id, unnest($3::int8[]) AS amount_minor, "                  \
    "unnest($4::timestamptz[]) AS recorded_at, unnest($5::int4[]) AS traveller, unnest($6::int4[]) AS credit, "        \
    "unnest($7::int4[]) AS department, unnest($8::int4[]) AS client, unnest($9::int2[]) AS kind, "                     \
    "unnest($10::text[]) AS product, unnest($11::text[]) AS place, unnest($12::int2[]) AS flags" more_columns          \
    ") q) q WHERE q.epoch >= 0"

/* Where rows of ids are looked for: in the month that is named, or, when there may be late ones, where they are. */
#define KEYS_IN_THEIR_MONTH                                                                                            \
    "unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[]) WITH ORDINALITY AS q(id, mark, month, organisation, n)"
#define KEYS_WHEREVER                                                                                                  \
    "(SELECT id, mark, coalesce(month_of_row(own_month, organisation, id), month) AS month, organisation, n "          \
    "FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[], $5::int4[]) WITH ORDINALITY "                         \
    "AS k(id, mark, month, organisation, own_month, n) OFFSET 0) q"

/* For each id: the fence, the row, and the reversal or confirmation that follows it; or the reversal of what was
 * confirmed. */
#define LOOK(keys)                                                                                                     \
    "SELECT q.n::int4, " FENCE_EPOCH ", e.kind, e.amount_minor, e.client, e.credit, e.product, e.place, e.epoch, "     \
    "e.recorded_at, e.flags, coalesce(c.kind, m.kind), coalesce(c.epoch, m.epoch), "                                   \
    "coalesce(c.amount_minor, m.amount_minor), q.month, "                                                              \
    "coalesce(c.recorded_at, m.recorded_at) < now() - interval '1 day' FROM " keys                                     \
    " LEFT JOIN " ENTRY_OF("q.id") " e ON true LEFT JOIN " ENTRY_OF(                                                   \
        "q.mark") " m ON true "                                                                                        \
                  "LEFT JOIN LATERAL (SELECT * FROM entry WHERE m.kind = 9 AND month = q.month "                       \
                  "AND organisation = q.organisation AND id = derived_id(q.mark, 9) OFFSET 0) c ON true"

/* Of another's row that says the same: from its commit on nobody undoes it. An advice is never undone. */
#define CONFIRM_COLUMNS "$5::int4[], $6::timestamptz[], $7::int8[], $8::int4[], $9::int2[], $10::text[], $11::text[]"
#define CONFIRM_NAMES "client, recorded_at, amount_minor, credit, kind, product, place"
#define CONFIRM(rows)                                                                                                  \
    INSERT_ENTRY                                                                                                       \
    "SELECT q.mark, 0, clock_timestamp(), e.month, e.organisation, " FENCE_EPOCH                                       \
    ", e.traveller, e.credit, e.department, e.client, 9, '', '', " ERA " FROM " rows " JOIN " ENTRY_OF(                \
        "q.id") " e ON e.recorded_at <> q.recorded_at AND (e.kind = q.kind OR (e.kind = 1 AND q.kind = 7)) "           \
                "AND e.kind <> 7 AND (e.amount_minor, e.client, e.credit, e.product, e.place) = "                      \
                "(q.amount_minor, q.client, q.credit, q.product, q.place) ON CONFLICT DO NOTHING"

#define COLUMNS_SETTLED                                                                                                \
    "s.reason, s.differs, s.is_repeat, s.is_tombstone, s.amount_minor, s.remaining_minor, s.effect_id, "               \
    "s.usage_minor, s.epoch, s.entry_month, s.organisation, s.department, s.traveller, s.credit, "                     \
    "s.recorded_at"

/* What followed an entry, and until when it may be captured; one that has expired may be on the list for a moment yet.
 */
#define FOLLOWED_BY                                                                                                    \
    " CROSS JOIN LATERAL (SELECT coalesce(sum(charged_minor) FILTER (WHERE kind = 3), 0)::int8 AS captured, "          \
    "coalesce(-sum(charged_minor) FILTER (WHERE kind = 8), 0)::int8 AS refunded, "                                     \
    "coalesce(bool_or(kind = 6), false) AS is_reversed FROM effect WHERE month = e.month "                             \
    "AND organisation = e.organisation AND original = e.id) f "                                                        \
    "LEFT JOIN hold h ON h.month = e.month AND h.organisation = e.organisation AND h.id = e.id "                       \
    "AND h.expires_at > clock_timestamp()"

static const struct {
    const char *name;
    const char *text;
} statements[STATEMENT_COUNT] = {
    /* Not a row comes back: a void is never NULL. */
    [STATEMENT_LOCK_SHARED] = {"lock_shared", "SELECT FROM unnest($1::int4[]) AS stripe "
                                              "WHERE pg_advisory_xact_lock_shared(" LOCK_CLASS ", stripe) IS NULL"},
    /* A batch is appended in the belief that none of its ids has a row, which saves a third of the work. */
    [STATEMENT_LOCK_IDS] = {"lock_ids", "SELECT FROM unnest($1::int4[]) AS stripe "
                                        "WHERE pg_advisory_xact_lock(" LOCK_CLASS_IDS ", stripe) IS NULL"},
    [STATEMENT_APPEND] = {"append", APPEND("")},
    [STATEMENT_APPEND_CAREFULLY] = {"append_carefully", APPEND("") " ON CONFLICT DO NOTHING"},
    /* The function sees what this very statement has put in before. */
    [STATEMENT_APPEND_OLD] =
        {"append_old",
         APPEND(", unnest($16::int4[]) AS own_month") " AND (q.own_month = 0 OR month_of_row(q.own_month, "
                                                      "q.organisation, q.id) IS NULL) ON CONFLICT DO NOTHING"},
    /* Those that this transaction has put in: one sent again may have been settled meanwhile. */
    [STATEMENT_HOLD] = {"hold", "INSERT INTO hold (month, organisation, id, expires_at) "
                                "SELECT q.month, q.organisation, q.id, q.expires_at "
                                "FROM unnest($1::uuid[], $2::int4[], $3::int4[], $4::timestamptz[]) "
                                "AS q(id, month, organisation, expires_at) JOIN LATERAL (SELECT kind, xmin FROM entry "
                                "WHERE month = q.month AND organisation = q.organisation AND id = q.id OFFSET 0) e "
                                "ON e.kind = 2 AND e.xmin = pg_current_xact_id()::xid ON CONFLICT DO NOTHING"},
    [STATEMENT_FENCES] = {"fences", "SELECT q.n::int4, " FENCE_EPOCH " FROM unnest($1::int4[], $2::int4[]) "
                                    "WITH ORDINALITY AS q(organisation, month, n)"},
    [STATEMENT_LOOK] = {"look", LOOK(KEYS_IN_THEIR_MONTH)},
    [STATEMENT_LOOK_OLD] = {"look_old", LOOK(KEYS_WHEREVER)},
    /* A kind of 0 is an undo. */
    [STATEMENT_SETTLE] = {"settle",
                          "SELECT q.n::int4, " COLUMNS_SETTLED " FROM unnest($1::int2[], $2::uuid[], $3::int4[], "
                          "$4::uuid[], $5::int4[], $6::int4[], $7::int4[], $8::bool[], $9::int8[], $10::bool[], "
                          "$11::int4[], $12::int4[], $13::timestamptz[]) WITH ORDINALITY AS q(kind, id, own_month, "
                          "original, month, organisation, client, is_any_clients, amount_minor, is_final, open_month, "
                          "charged_month, at, n), "
                          "LATERAL settle(q.kind, q.id, q.own_month, q.original, q.month, q.organisation, q.client, "
                          "q.is_any_clients, q.amount_minor, q.is_final, q.open_month, q.charged_month, q.at) s"},
    [STATEMENT_CONFIRM] = {"confirm", CONFIRM("unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[], " CONFIRM_COLUMNS
                                              ") AS q(id, mark, month, organisation, " CONFIRM_NAMES ")")},
    [STATEMENT_CONFIRM_OLD] =
        {"confirm_old",
         CONFIRM("(SELECT id, mark, coalesce(month_of_row(own_month, organisation, id), month) AS month, "
                 "organisation, " CONFIRM_NAMES
                 " FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[], " CONFIRM_COLUMNS
                 ", $12::int4[]) AS k(id, mark, month, organisation, " CONFIRM_NAMES ", own_month) OFFSET 0) q")},

    [STATEMENT_LOCK_EXCLUSIVE] = {"lock_exclusive", "SELECT FROM unnest($1::int4[]) AS stripe "
                                                    "WHERE pg_advisory_xact_lock(" LOCK_CLASS ", stripe) IS NULL"},
    [STATEMENT_RAISE] = {"raise", "INSERT INTO fence (organisation, month, epoch) "
                                  "SELECT organisation, $1::int4, 1 FROM unnest($2::int4[]) AS q(organisation) "
                                  "ORDER BY organisation "
                                  "ON CONFLICT (organisation, month) DO UPDATE SET epoch = fence.epoch + 1 "
                                  "RETURNING organisation, epoch"},
    /* For the organisations in their order: the sums of rows of epochs below theirs. */
    [STATEMENT_SUMS] = {"sums", "SELECT organisation, kind, id, spent_minor "
                                "FROM sums_of($1::int4, $2::int4[], $3::int4[], $4::bool)"},
    [STATEMENT_MEND] = {"mend", "SELECT FROM mend_rollup($1::int4, $2::int4[])"},
    /* And what is remembered of each, first what was recorded by its id, then refusals: the LATERAL makes the plan a
     * walk through the organisations as they stand. */
    [STATEMENT_MEMORIES] =
        {"memories",
         "SELECT q.n::int4, m.* FROM unnest($2::int4[], $3::int4[]) WITH ORDINALITY AS q(organisation, epoch, n) "
         "CROSS JOIN LATERAL (SELECT * FROM (SELECT false AS is_refusal, id, kind, amount_minor, client, credit, "
         "product, place, flags, 0 AS day, NULL::bytea AS content FROM entry WHERE month = $1::int4 "
         "AND organisation = q.organisation AND epoch < q.epoch AND id >= $4::uuid AND kind IN (1, 2, 6, 7) "
         "ORDER BY id OFFSET 0) e UNION ALL SELECT * FROM (SELECT true, id, reason, 0::int8, 0, 0, '', '', "
         "refusing, day, content FROM refusal WHERE month = $1::int4 AND organisation = q.organisation "
         "AND id >= $4::uuid OFFSET 0) r) m"},
    [STATEMENT_AHEAD] = {"ahead", "SELECT take_ahead($1::int4, $2::int4, $3::int4)"},
    [STATEMENT_FIND] =
        {"find", "SELECT " COLUMNS_FOUND " FROM (SELECT CASE $3::int4 WHEN 0 THEN organisation_of_row($2::int4, "
                 "$1::uuid) ELSE $3::int4 END AS organisation OFFSET 0) o "
                 "CROSS JOIN LATERAL (SELECT month_of_row($2::int4, o.organisation, $1::uuid) AS month OFFSET 0) q "
                 "CROSS JOIN LATERAL (SELECT * FROM entry WHERE month = q.month "
                 "AND organisation = o.organisation AND id = $1::uuid OFFSET 0) e" FOLLOWED_BY},
    [STATEMENT_PAGE] = {"page", "SELECT number, kind, card, app, ends_at FROM block WHERE number > $1::int8 "
                                "ORDER BY number LIMIT $2::int4"},
    [STATEMENT_EXPIRE] = {"expire", "SELECT 0::int4, " COLUMNS_SETTLED " FROM expire_holds($1::int4) s"},
    [STATEMENT_FIND_MONTH] = {"find_month", "SELECT organisation, month FROM fence "
                                            "WHERE (organisation, month) > ($1::int4, $2::int4) "
                                            "ORDER BY organisation, month LIMIT 1"},
    /* And with them, in the same snapshot, the fence's epoch as the sum of a limit of kind 0. */
    [STATEMENT_READ_MONTH] =
        {"read_month", "SELECT kind, id, spent_minor FROM sums_of($1::int4, ARRAY[$2::int4], ARRAY[2147483647], true) "
                       "UNION ALL SELECT 0::int2, 0, coalesce((SELECT epoch FROM fence "
                       "WHERE month = $1::int4 AND organisation = $2::int4), 0)::int8"},
    [STATEMENT_USED_UP] = {"used_up", "SELECT note_used_up($1::int4, $2::int4, $3::timestamptz, $4::bool)"},
    [STATEMENT_NOTE] =
        {"note", "INSERT INTO refusal (id, amount_minor, month, day, organisation, traveller, credit, client, reason, "
                 "refusing, product, content) SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int4[], "
                 "$5::int4[], $6::int4[], $7::int4[], $8::int4[], $9::int2[], $10::int2[], $11::text[], $12::bytea[]) "
                 "ON CONFLICT DO NOTHING"},
    [STATEMENT_QUARANTINE] = {"quarantine", "INSERT INTO quarantine (id, organisation, month, what, why) "
                                            "VALUES ($1::uuid, $2::int4, $3::int4, $4::text, $5::text)"},
    [STATEMENT_PARTITIONS] = {"partitions", "SELECT make_partitions(month) FROM unnest($1::int4[]) AS month"},

    [STATEMENT_ROLL_UP] = {"roll_up", "CALL roll_up($1::int8)"},
};

const char *statement_name(enum statement statement) {
    CHECK(statement < STATEMENT_COUNT);
    return statements[statement].name;
}

const char *statement_text(enum statement statement) {
    CHECK(statement < STATEMENT_COUNT);
    return statements[statement].text;
}

/* Whatever the server's defaults: a commit is awaited on disk, also the standby's (I1), and each statement sees what
 * was committed before it began, which is what the locks are worth. */
#define SETTINGS_BOTH                                                                                                  \
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') "                              \
    "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), "                                                  \
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

const char settings_roller[] = SETTINGS_BOTH "set_config('work_mem', '64MB', false), set_config('enable_sort', 'off', "
                                             "false), set_config('application_name', 'vaxel roller', false)";
