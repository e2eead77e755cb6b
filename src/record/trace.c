/* SPDX-License-Identifier: Apache-2.0 */
/* All rows about one request, in one statement, and so of one snapshot. Each is found by its whole key, which names the
 * month and the organisation; where the organisation is not known, each of them is asked for. */
#include "record/reading.h"

#include "base/check.h"

#include <stdlib.h>

#define NOBODY "0::int4, 0::int4, 0::int4, 0::int4"
#define NO_TEXT "''::text"

/* Columns: see row_trace(). The ids are those that derived_id() makes of it: its reversal or confirmation, the reversal
 * of what was confirmed, its expiry. */
static const char trace_text[] =
    "WITH asked AS MATERIALIZED (SELECT unnest(ARRAY[$1::uuid, derived_id($1::uuid, 8), derived_id($1::uuid, 9), "
    "derived_id($1::uuid, 10)]) AS id), "
    "places AS MATERIALIZED (SELECT m.month, o.id AS organisation FROM recorded_month m CROSS JOIN organisation o "
    "WHERE m.month >= $2::int4 AND $3::int4 IN (0, o.id)), "
    "effects AS MATERIALIZED (SELECT f.* FROM places p CROSS JOIN LATERAL (SELECT * FROM effect "
    "WHERE month = p.month AND organisation = p.organisation AND original = $1::uuid OFFSET 0) f), "
    "entries AS MATERIALIZED (SELECT e.* FROM places p CROSS JOIN asked a CROSS JOIN LATERAL (SELECT * FROM entry "
    "WHERE month = p.month AND organisation = p.organisation AND id = a.id OFFSET 0) e "
    "UNION SELECT e.* FROM effects f CROSS JOIN LATERAL (SELECT * FROM entry "
    "WHERE month = f.entry_month AND organisation = f.organisation AND id = f.id OFFSET 0) e), "
    "refusals AS MATERIALIZED (SELECT r.* FROM places p CROSS JOIN LATERAL (SELECT * FROM refusal "
    "WHERE month = p.month AND organisation = p.organisation AND id = $1::uuid OFFSET 0) r), "
    "met AS (SELECT month, organisation FROM entries UNION SELECT month, organisation FROM refusals), "
    "found AS ("
    "SELECT 0::int2 AS what, e.id, e.month, e.organisation, e.traveller, e.credit, e.department, e.epoch, e.kind, "
    "e.flags, e.amount_minor, 0::int8 AS charged, 0::int8 AS remaining, e.recorded_at AS at, e.client, e.product, "
    "e.place AS words FROM entries e UNION ALL "
    "SELECT 1::int2, f.id, f.entry_month, f.organisation, 0, 0, 0, f.epoch, f.kind, 0::int2, f.usage_minor, "
    "f.charged_minor, f.remaining_minor, f.recorded_at, f.client, " NO_TEXT ", " NO_TEXT " FROM effects f UNION ALL "
    "SELECT 2::int2, h.id, h.month, h.organisation, " NOBODY ", 0::int2, 0::int2, 0::int8, 0::int8, 0::int8, "
    "h.expires_at, 0, " NO_TEXT ", " NO_TEXT " FROM hold h WHERE h.id = $1::uuid UNION ALL "
    "SELECT 3::int2, r.id, r.month, r.organisation, r.traveller, r.credit, 0, 0, r.reason, r.refusing, "
    "r.amount_minor, 0::int8, 0::int8, NULL, r.client, r.product, " NO_TEXT " FROM refusals r UNION ALL "
    "SELECT 4::int2, q.id, q.month, q.organisation, " NOBODY
    ", 0::int2, 0::int2, 0::int8, 0::int8, 0::int8, q.at, 0, " NO_TEXT
    ", q.what || ': ' || q.why FROM quarantine q JOIN asked a ON a.id = q.id UNION ALL "
    "SELECT 5::int2, $1::uuid, n.month, n.organisation, 0, 0, 0, n.epoch, 0::int2, 0::int2, 0::int8, 0::int8, 0::int8, "
    "NULL, 0, " NO_TEXT ", " NO_TEXT " FROM fence n JOIN met USING (month, organisation)) "
    "SELECT found.what, found.id, found.month, found.organisation, found.traveller, found.credit, found.department, "
    "found.epoch, found.kind, found.flags, found.amount_minor, found.charged, found.remaining, found.at, "
    "coalesce(c.name, ''), found.product, found.words FROM found LEFT JOIN client c ON c.id = found.client "
    "ORDER BY found.at NULLS FIRST, found.what, found.id";

static struct trace_row row_trace(const PGresult *rows, int row) {
    struct trace_row traced = {
        .kind = (enum trace_kind)row_int2(rows, row, 0),
        .id = row_id(rows, row, 1),
        .month = {row_int4(rows, row, 2)},
        .organisation = row_int4(rows, row, 3),
        .traveller = row_int4(rows, row, 4),
        .credit = row_int4(rows, row, 5),
        .department = row_int4(rows, row, 6),
        .epoch = row_int4(rows, row, 7),
        .amount_minor = row_int8(rows, row, 10),
        .charged_minor = row_int8(rows, row, 11),
        .remaining_minor = row_int8(rows, row, 12),
    };
    if (traced.kind == TRACE_REFUSAL) {
        traced.reason = (enum reason)row_int2(rows, row, 8);
        traced.refusing = (uint16_t)row_int2(rows, row, 9);
    } else {
        traced.entry_kind = (enum entry_kind)row_int2(rows, row, 8);
        traced.flags = (uint8_t)row_int2(rows, row, 9);
    }
    if (row_has(rows, row, 13))
        traced.at = row_time(rows, row, 13);
    row_text(rows, row, 14, traced.client, sizeof traced.client);
    row_text(rows, row, 15, traced.product, sizeof traced.product);
    row_text(rows, row, 16, traced.words, sizeof traced.words);
    return traced;
}

bool record_reader_trace(struct record_reader *reader, const struct request_id *id, struct month from,
                         int32_t organisation, struct trace_row **rows, size_t *count, struct failure *failure) {
    encoder_reset(&reader->encoder);
    encoder_single(&reader->encoder);
    encoder_id(&reader->encoder, id);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, from.yyyymm);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, organisation);
    PGresult *result = reader_run(reader, trace_text, failure);
    if (result == NULL)
        return false;
    *count = (size_t)PQntuples(result);
    *rows = calloc(*count + 1, sizeof **rows);
    CHECK(*rows != NULL);
    for (size_t at = 0; at < *count; at++)
        (*rows)[at] = row_trace(result, (int)at);
    PQclear(result);
    return true;
}

bool record_reader_original(struct record_reader *reader, const struct request_id *id, struct month month,
                            int32_t organisation, bool *is_found, struct request_id *original,
                            struct failure *failure) {
    encoder_reset(&reader->encoder);
    encoder_single(&reader->encoder);
    encoder_id(&reader->encoder, id);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, month.yyyymm);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, organisation);
    PGresult *result =
        reader_run(reader,
                   "SELECT f.original FROM recorded_month m CROSS JOIN LATERAL (SELECT original FROM effect "
                   "WHERE month = m.month AND organisation = $3::int4 AND id = $1::uuid AND original <> id LIMIT 1) f "
                   "WHERE m.month <= $2::int4 ORDER BY m.month DESC LIMIT 1",
                   failure);
    if (result == NULL)
        return false;
    *is_found = PQntuples(result) > 0;
    if (*is_found)
        *original = row_id(result, 0, 0);
    PQclear(result);
    return true;
}

bool record_reader_all_organisations(struct record_reader *reader, int32_t **organisations, size_t *count,
                                     struct failure *failure) {
    encoder_reset(&reader->encoder);
    return reader_numbers(reader, "SELECT id FROM organisation ORDER BY id", organisations, count, failure);
}
