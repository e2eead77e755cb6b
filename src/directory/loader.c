/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/loader.h"

#include "base/check.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows that are taken in under one hold of the lock. */
#define SLICE_ROWS 2048u
#define SQL_SIZE 4096
#define IDENTIFY_US INT64_C(5000000)

/* UNKNOWN: the changes do not fit what the book has, the connection is well; only loading everything helps. */
enum look { LOOK_DONE, LOOK_UNKNOWN, LOOK_LOST };

/* Rows of one kind on their way into the book. */
struct slice {
    enum row_kind kind;
    char *rows;
    size_t count;
    size_t capacity;
};

/* ---- the question ---- */

/* Numbers of transactions mean something only within one database, and one line of its history. The message is
 * something to commit: a server with a synchronous standby must hear from it before it is believed, so an old primary
 * that came back after its standby was promoted is not. */
static const char identity_sql[] =
    "LISTEN vaxel_directory;"
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid || '/' ||"
    " left(pg_walfile_name(pg_current_wal_lsn()), 8)"
    " FROM pg_database, pg_logical_emit_message(true, 'vaxel', '') WHERE datname = current_database()";

static void append_sql(char *sql, const char *text) {
    size_t size = strlen(sql);
    CHECK(size + strlen(text) < SQL_SIZE);
    memcpy(sql + size, text, strlen(text) + 1);
}

static void append_copy(char *sql, enum row_kind kind, uint64_t xmin) {
    char text[512];
    char range[160] = "";
    if (xmin != 0) {
        /* A credit that ended makes way before the next one of its card comes in, and not the other way round. */
        snprintf(range, sizeof(range),
                 " WHERE changed >= '%" PRIu64 "' AND changed < pg_snapshot_xmax(pg_current_snapshot())%s", xmin,
                 kind == ROW_CREDIT ? " ORDER BY state = 'ended'" : "");
    }
    int size = snprintf(text, sizeof(text), "COPY (SELECT %s FROM %s%s) TO STDOUT (FORMAT binary);", row_columns(kind),
                        row_table(kind), range);
    CHECK(size > 0 && (size_t)size < sizeof(text));
    append_sql(sql, text);
}

/* One snapshot over all tables, and one round trip. */
static void format_look(char sql[SQL_SIZE], uint64_t xmin) {
    sql[0] = 0;
    append_sql(sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text;");
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        append_copy(sql, (enum row_kind)kind, xmin);
    }
    append_sql(sql, "COMMIT");
}

/* ---- the rows ---- */

static bool slice_flush(struct slice *slice, struct book *book, struct failure *failure) {
    size_t count = slice->count;
    slice->count = 0;
    return book_take(book, slice->kind, slice->rows, count, failure);
}

/* Departments wait until all have come, for a tree is changed as a whole. */
static bool slice_make_room(struct slice *slice, struct book *book, struct failure *failure) {
    if (slice->count < slice->capacity) {
        return true;
    }
    if (slice->kind != ROW_DEPARTMENT) {
        return slice_flush(slice, book, failure);
    }
    slice->capacity *= 2;
    slice->rows = realloc(slice->rows, slice->capacity * row_size(slice->kind));
    CHECK(slice->rows != NULL);
    return true;
}

static enum look take_piece(struct row_reader *reader, struct slice *slice, struct bytes piece, struct book *book,
                            struct failure *failure) {
    for (;;) {
        if (!slice_make_room(slice, book, failure)) {
            return LOOK_UNKNOWN;
        }
        switch (row_next(reader, &piece, slice->rows + slice->count * row_size(slice->kind), failure)) {
        case ROW_TAKEN:
            slice->count++;
            break;
        case ROW_MORE:
            return LOOK_DONE;
        case ROW_BROKEN:
            return LOOK_LOST;
        }
    }
}

/* Reads the copy to its end even when its rows are of no use, so that the connection stays usable. */
static enum look take_pieces(struct source *source, struct slice *slice, struct book *book, struct failure *failure) {
    struct row_reader reader = {.kind = slice->kind};
    enum look look = LOOK_DONE;
    for (;;) {
        struct bytes piece;
        if (!source_take_piece(source, &piece, failure)) {
            return LOOK_LOST;
        }
        if (piece.data == NULL) {
            break;
        }
        if (look == LOOK_DONE) {
            look = take_piece(&reader, slice, piece, book, failure);
        }
        PQfreemem((void *)(uintptr_t)piece.data);
    }
    if (look == LOOK_DONE && !reader.has_ended) {
        failure_set(failure, "the copy of table %s has no end", row_table(slice->kind));
        return LOOK_LOST;
    }
    return look == LOOK_DONE && !slice_flush(slice, book, failure) ? LOOK_UNKNOWN : look;
}

static enum look take_copy(struct source *source, enum row_kind kind, struct book *book, struct failure *failure) {
    struct slice slice = {.kind = kind, .capacity = SLICE_ROWS};
    slice.rows = calloc(slice.capacity, row_size(kind));
    CHECK(slice.rows != NULL);
    enum look look = take_pieces(source, &slice, book, failure);
    free(slice.rows);
    return look;
}

/* ---- a look ---- */

static enum look worse(enum look one, enum look other) {
    return one > other ? one : other;
}

/* Goes through the results of format_look() in their order. */
static enum look take_results(struct source *source, struct book *book, uint64_t *xmin, struct failure *failure) {
    int kind = 0;
    enum look look = LOOK_DONE;
    while (look != LOOK_LOST) {
        PGresult *result;
        if (!source_take_result(source, &result, failure)) {
            return LOOK_LOST;
        }
        if (result == NULL) {
            CHECK(kind == ROW_KINDS);
            return look;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK) {
            *xmin = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
        }
        PQclear(result);
        if (status == PGRES_COPY_OUT) {
            look = worse(look, take_copy(source, (enum row_kind)kind++, book, failure));
        }
    }
    source_disconnect(source);
    return look;
}

static enum look look_at(struct loader *loader, struct book *book, uint64_t since, struct failure *failure) {
    char sql[SQL_SIZE];
    uint64_t xmin = 0;
    format_look(sql, since);
    if (!source_ask(&loader->source, sql, failure)) {
        return LOOK_LOST;
    }
    enum look look = take_results(&loader->source, book, &xmin, failure);
    if (look == LOOK_DONE && xmin < since) {
        failure_set(failure, "PostgreSQL went back in time");
        return LOOK_UNKNOWN;
    }
    if (look == LOOK_DONE) {
        loader->xmin = xmin;
    }
    return look;
}

/* Everything anew, aside, so that readers see the old state until the new one is whole. */
static bool load(struct loader *loader, struct book *book, struct failure *failure) {
    struct book fresh;
    book_init(&fresh, book->traveller_cap_minor);
    if (look_at(loader, &fresh, 0, failure) != LOOK_DONE) {
        book_finish(&fresh);
        return false;
    }
    book_replace(book, &fresh);
    return true;
}

/* Whose changes these are, and from now on to be told of them. */
static bool identify(struct loader *loader, struct failure *failure) {
    if (!source_ask(&loader->source, identity_sql, failure)) {
        return false;
    }
    char identity[sizeof(loader->identity)] = "";
    for (PGresult *result;;) {
        if (!source_take_result(&loader->source, &result, failure)) {
            return false;
        }
        if (result == NULL) {
            break;
        }
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
            snprintf(identity, sizeof(identity), "%s", PQgetvalue(result, 0, 0));
        }
        PQclear(result);
    }
    if (strcmp(identity, loader->identity) != 0) {
        loader->xmin = 0;
        memcpy(loader->identity, identity, sizeof(identity));
    }
    loader->identified_at = tick_now();
    return true;
}

/* A connection may outlive the day on which its server was the primary, so it is asked again. */
static bool make_sure(struct loader *loader, struct failure *failure) {
    bool is_new = loader->source.connection == NULL;
    if (is_new && !source_connect(&loader->source, failure)) {
        return false;
    }
    return (!is_new && tick_now().us - loader->identified_at.us < IDENTIFY_US) || identify(loader, failure);
}

bool loader_look(struct loader *loader, struct book *book, struct failure *failure) {
    if (!make_sure(loader, failure)) {
        return false;
    }
    if (loader->xmin != 0) {
        enum look look = look_at(loader, book, loader->xmin, failure);
        if (look != LOOK_UNKNOWN) {
            return look == LOOK_DONE;
        }
        log_warning("directory", "changes do not fit, everything is loaded anew why=%s", failure->text);
        loader->xmin = 0;
    }
    return load(loader, book, failure);
}
