/* SPDX-License-Identifier: Apache-2.0 */
/* statements: what is said to PostgreSQL, prepared once for each connection. Private to record. */
#ifndef VAXEL_RECORD_STATEMENTS_H
#define VAXEL_RECORD_STATEMENTS_H

#include <stddef.h>

enum statement {
    /* The recorder's. */
    STATEMENT_LOCK_SHARED,
    STATEMENT_LOCK_IDS,
    STATEMENT_APPEND,
    STATEMENT_APPEND_CAREFULLY,
    STATEMENT_APPEND_OLD,
    STATEMENT_HOLD,
    STATEMENT_FENCES,
    STATEMENT_LOOK,
    STATEMENT_LOOK_OLD,
    STATEMENT_SETTLE,
    STATEMENT_CONFIRM,
    STATEMENT_CONFIRM_OLD,
    /* The reader's. */
    STATEMENT_LOCK_EXCLUSIVE,
    STATEMENT_RAISE,
    STATEMENT_MEND,
    STATEMENT_SUMS,
    STATEMENT_MEMORIES,
    STATEMENT_AHEAD,
    STATEMENT_FIND,
    STATEMENT_PAGE,
    STATEMENT_EXPIRE,
    STATEMENT_FIND_MONTH,
    STATEMENT_READ_MONTH,
    STATEMENT_USED_UP,
    STATEMENT_NOTE,
    STATEMENT_QUARANTINE,
    STATEMENT_PARTITIONS,
    /* The roller's. */
    STATEMENT_ROLL_UP,
    STATEMENT_COUNT,
};

#define STATEMENTS_RECORDER_FIRST STATEMENT_LOCK_SHARED
#define STATEMENTS_RECORDER_END STATEMENT_LOCK_EXCLUSIVE
#define STATEMENTS_READER_FIRST STATEMENT_LOCK_EXCLUSIVE
#define STATEMENTS_READER_END STATEMENT_ROLL_UP
#define STATEMENTS_ROLLER_FIRST STATEMENT_ROLL_UP
#define STATEMENTS_ROLLER_END STATEMENT_COUNT

/* PREPARE's name and text; every parameter's type stands in the text as a cast. */
const char *statement_name(enum statement statement);
const char *statement_text(enum statement statement);

/* One SELECT that brings a connection's settings to what the statements rely on. */
extern const char settings_recorder[];
extern const char settings_reader[];
extern const char settings_roller[];

/* The advisory locks of a month's fence: one of so many stripes for each organisation. */
#define LOCK_CLASS "30333" /* two-key advisory locks of this number are Växel's in the whole database */
#define LOCK_STRIPES 64

/* Those of the ids of months that are over: a tap may be told of in its own month and, late, in another. */
#define LOCK_CLASS_IDS "30334"
#define LOCK_ID_STRIPES 1024

#endif
