/* SPDX-License-Identifier: Apache-2.0 */
/* diary: a journal in a test, written at once instead of through a ring, and what it said of each entry. */
#ifndef VAXEL_TESTS_JOURNAL_DIARY_H
#define VAXEL_TESTS_JOURNAL_DIARY_H

#include "journal/journal.h"
#include "support/services.h"

#include <criterion/criterion.h>

#define OWNERS 4096
#define SEGMENT_BYTES 8192 /* a block for the header, and one for records */
#define PATH_SIZE (TEST_TEXT + 32)

enum told { TOLD_NOTHING, TOLD_SAFE, TOLD_LOST };

struct diary {
    struct journal *journal;
    struct journal_options options;
    char directory[TEST_TEXT];
    enum told told[OWNERS];
    uint32_t told_count;
    uint32_t fail_after; /* the write after so many fails; 0: none does */
    bool fails_written;  /* and it has reached the disk all the same, as when only the sync failed */
    uint32_t writes;
    /* Another entry is appended for one that is told of; 0: none. */
    uint32_t follow_up;
};

/* Now, in these tests. */
extern const struct instant noon;

/* A new directory, two small segments and no other limit that matters. */
void diary_start(struct diary *diary);
/* Opens the journal; the test fails when that does. */
void diary_open(struct diary *diary);
void diary_close(struct diary *diary);
/* Closes, and opens anew as a process does after a kill. */
void diary_reopen(struct diary *diary);
/* Whether it opens; if not, why. */
bool diary_try(struct diary *diary, struct failure *failure);

/* Entry number n, made so that no two numbers give the same. */
struct entry entry_number(uint32_t number);
int64_t entry_amount(uint32_t number);
void expect_entry(const struct entry *entry, uint32_t number);

bool diary_append(struct diary *diary, uint32_t number);
/* Does one write that is to be done; false when there is none. */
bool diary_write_once(struct diary *diary);
void diary_write(struct diary *diary);
/* Appends the numbers [from, to) with a write for each, which must all become safe. */
void diary_fill(struct diary *diary, uint32_t from, uint32_t to);

/* Takes the next entry, which must be this one. */
uint64_t expect_next(struct diary *diary, uint32_t number);
void expect_no_next(struct diary *diary);
/* Hands out and drains [from, to), and nothing is left after it. */
void expect_drain(struct diary *diary, uint32_t from, uint32_t to);

struct journal_facts diary_facts(const struct diary *diary);

/* ---- the files ---- */

void diary_path(const struct diary *diary, const char *name, char path[PATH_SIZE]);
/* The whole of a file; freed by the caller. */
uint8_t *file_load(const char *path, size_t *size);
void file_store(const char *path, const uint8_t *data, size_t size);
/* Copies all files of one journal over those of another's directory. */
void files_copy(const char *from, const char *to);

#endif
