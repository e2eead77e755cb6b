/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash leaves is cut off at the last good record; what lost something that was safe is not opened. */
#include "diary.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512

static struct diary diary;

/* A file as it is; put back byte by byte or whole. */
struct picture {
    char path[PATH_SIZE];
    uint8_t *data;
    size_t size;
};

static struct picture picture_take(const char *name) {
    struct picture picture;
    diary_path(&diary, name, picture.path);
    picture.data = file_load(picture.path, &picture.size);
    return picture;
}

static void picture_put(const struct picture *picture) {
    file_store(picture->path, picture->data, picture->size);
}

static bool expect_refusal(const char *why) {
    struct failure failure = {""};
    cr_assert_not(diary_try(&diary, &failure), "it should say: %s", why);
    cr_assert(strstr(failure.text, why) != NULL, "%s", failure.text);
    cr_assert(strstr(failure.text, diary.directory) != NULL, "%s", failure.text);
    return true;
}

/* ---- torn ends ---- */

/* Entries 0 to 4 by themselves, then 5 to 24 by one write; the file before that one, and after it. */
#define ALONE 5
#define ALL 25

static void make_torn(struct picture *before, struct picture *after) {
    diary_start(&diary);
    diary_open(&diary);
    diary_fill(&diary, 0, ALONE);
    *before = picture_take("0000.segment");
    for (uint32_t i = ALONE; i < ALL; i++)
        cr_assert(diary_append(&diary, i));
    diary_write(&diary);
    *after = picture_take("0000.segment");
    diary_close(&diary);
}

static uint32_t hand_out_all(void) {
    struct entry entry;
    uint64_t ticket;
    uint32_t count = 0;
    for (; journal_next(diary.journal, &entry, &ticket); count++)
        expect_entry(&entry, count);
    return count;
}

Test(journal, a_last_write_torn_at_any_byte_is_cut_to_what_is_whole) {
    struct picture before, after;
    make_torn(&before, &after);
    size_t end = after.size;
    while (after.data[end - 1] == before.data[end - 1])
        end--;
    uint32_t last = 0;
    for (size_t at = 4096; at <= end; at++) {
        struct picture torn = before;
        torn.data = malloc(torn.size);
        memcpy(torn.data, before.data, before.size);
        memcpy(torn.data, after.data, at);
        picture_put(&torn);
        free(torn.data);
        diary_open(&diary);
        uint32_t count = hand_out_all();
        cr_assert(count >= ALONE && count >= last && count <= ALL, "%u at %zu", count, at);
        last = count;
        diary_close(&diary);
    }
    cr_assert_eq(last, (uint32_t)ALL);
    free(before.data);
    free(after.data);
}

/* Sectors reach the disk in any order. What follows a hole must not come back when the hole has been filled by
 * something else of just that length. */
Test(journal, what_is_left_behind_a_torn_write_is_never_taken_for_new) {
    struct picture before, after;
    make_torn(&before, &after);
    size_t first = 4096 / SECTOR;
    while (memcmp(before.data + first * SECTOR, after.data + first * SECTOR, SECTOR) == 0)
        first++;
    for (unsigned pattern = 0; pattern < 64; pattern++) {
        struct picture torn = before;
        torn.data = malloc(torn.size);
        memcpy(torn.data, before.data, before.size);
        for (unsigned i = 0; i < 6; i++) {
            if (pattern >> i & 1)
                memcpy(torn.data + (first + i) * SECTOR, after.data + (first + i) * SECTOR, SECTOR);
        }
        picture_put(&torn);
        free(torn.data);
        diary_open(&diary);
        uint32_t count = hand_out_all();
        cr_assert(count >= ALONE && count <= ALL);
        for (; count < ALL; count++) {
            diary_fill(&diary, count, count + 1);
            diary_reopen(&diary);
            cr_assert_eq(hand_out_all(), count + 1, "pattern %u", pattern);
        }
        diary_close(&diary);
    }
    free(before.data);
    free(after.data);
}

/* ---- damage ---- */

/* A journal that has gone round: two marks, one segment used anew, entries in both. What is in it: [first, last), the
 * end of it, from `alone` on, by one write. */
struct contents {
    uint32_t first, alone, last;
};

static struct contents make_used(void) {
    diary_start(&diary);
    diary_open(&diary);
    struct contents contents = {0};
    while (diary_facts(&diary).used_bytes < 4200)
        diary_fill(&diary, contents.last, contents.last + 1), contents.last++;
    expect_drain(&diary, 0, contents.last);
    contents.first = contents.last;
    diary_write(&diary);
    while (diary_facts(&diary).used_bytes < 5000)
        diary_fill(&diary, contents.last, contents.last + 1), contents.last++;
    contents.alone = contents.last;
    for (int i = 0; i < 3; i++)
        cr_assert(diary_append(&diary, contents.last++));
    diary_write(&diary);
    diary_close(&diary);
    return contents;
}

/* Whether it opens. */
static bool expect_contents(const struct contents *contents, const char *name, size_t at) {
    struct failure failure = {""};
    if (!diary_try(&diary, &failure)) {
        cr_assert(strstr(failure.text, diary.directory) != NULL, "%s", failure.text);
        return false;
    }
    struct entry entry;
    uint64_t ticket;
    uint32_t next = 0;
    for (bool is_first = true; journal_next(diary.journal, &entry, &ticket); is_first = false) {
        next = is_first ? (uint32_t)(entry.appended_at.us - noon.us) : next;
        cr_assert(!is_first || next <= contents->first, "%s, byte %zu: lost from %u on", name, at, contents->first);
        expect_entry(&entry, next++);
    }
    cr_assert(next >= contents->alone && next <= contents->last, "%s, byte %zu: %u of %u", name, at, next,
              contents->last);
    diary_close(&diary);
    return true;
}

/* The last write alone may be taken for torn. Everything else is handed out right or not at all. */
static void flip_all(const char *name, uint8_t bits) {
    const struct contents contents = make_used();
    char kept[TEST_TEXT];
    cr_assert(snprintf(kept, sizeof kept, "%.200s-kept", diary.directory) > 0);
    files_copy(diary.directory, kept);
    struct picture picture = picture_take(name);
    unsigned opened = 0, refused = 0;
    for (size_t at = 0; at < picture.size; at++) {
        bool is_edge = at % 64 == 0; /* a few of all those zeros */
        if (picture.data[at] == 0 && !is_edge && (at > 64 && at < 4096))
            continue;
        picture.data[at] ^= bits;
        picture_put(&picture);
        bool is_opened = expect_contents(&contents, name, at);
        opened += is_opened;
        refused += !is_opened;
        picture.data[at] ^= bits;
        files_copy(kept, diary.directory);
    }
    free(picture.data);
    cr_assert(opened > 0 && refused > 0, "%s: %u opened, %u refused", name, opened, refused);
}

Test(journal, no_flipped_byte_of_the_first_segment_gives_a_wrong_entry) {
    flip_all("0000.segment", 0xff);
}

Test(journal, no_flipped_byte_of_the_second_segment_gives_a_wrong_entry) {
    flip_all("0001.segment", 0x01);
}

Test(journal, no_flipped_byte_of_the_mark_gives_a_wrong_entry) {
    flip_all("mark", 0x80);
}

static void flip(const char *name, size_t at) {
    struct picture picture = picture_take(name);
    picture.data[at] ^= 1;
    picture_put(&picture);
    free(picture.data);
}

/* Two segments with entries, each written by itself. */
static uint32_t make_two(void) {
    diary_start(&diary);
    diary_open(&diary);
    uint32_t count = 0;
    for (; diary_facts(&diary).used_bytes < 5000; count++)
        diary_fill(&diary, count, count + 1);
    diary_close(&diary);
    return count;
}

Test(journal, a_bad_record_before_good_ones_is_named_with_file_and_byte) {
    make_two();
    flip("0000.segment", 4096 + 88 + 40); /* in the second record: the first is of 88 bytes */
    expect_refusal(
        "0000.segment is damaged at byte 4184: a record can't be read: nothing was changed; what to do is in "
        "docs/operations.md, Stand-in");
    expect_refusal("0000.segment is damaged at byte 4184");
}

Test(journal, the_newest_segment_is_refused_as_well_when_safe_records_follow) {
    make_two();
    flip("0001.segment", 4096 + 40);
    expect_refusal("0001.segment is damaged at byte 4096");
}

Test(journal, a_bad_last_record_of_an_older_segment_is_damage) {
    make_two();
    struct picture picture = picture_take("0000.segment");
    size_t end = picture.size;
    while (picture.data[end - 1] == 0)
        end--;
    flip("0000.segment", end - 1);
    expect_refusal("0000.segment is damaged at byte ");
    free(picture.data);
}

Test(journal, a_header_that_cannot_be_read_is_damage_where_records_follow) {
    make_two();
    flip("0001.segment", 24);
    expect_refusal("0001.segment is damaged at byte 0: its header can't be read, or is older than its records");
}

/* The disk said that the header was safe, and lost it; the records came after it. */
Test(journal, a_header_that_was_never_written_is_damage) {
    diary_start(&diary);
    diary_open(&diary);
    struct picture before = picture_take("0001.segment");
    for (uint32_t count = 0; diary_facts(&diary).used_bytes < 5000; count++)
        diary_fill(&diary, count, count + 1);
    diary_close(&diary);
    struct picture after = picture_take("0001.segment");
    memcpy(after.data, before.data, 64);
    picture_put(&after);
    expect_refusal("0001.segment is damaged at byte 0: its header can't be read, or is older than its records");
    free(before.data);
    free(after.data);
}

Test(journal, a_segment_that_is_not_there_is_missed) {
    make_two();
    char path[PATH_SIZE];
    diary_path(&diary, "0000.segment", path);
    cr_assert(unlink(path) == 0);
    expect_refusal("lacks the segment of generation 1");
}

Test(journal, a_lost_mark_is_not_taken_for_a_new_journal) {
    make_two();
    char path[PATH_SIZE];
    diary_path(&diary, "mark", path);
    cr_assert(unlink(path) == 0);
    expect_refusal("0000.segment is damaged at byte 0: there is no mark beside it");
}

Test(journal, a_mark_is_lost_when_neither_of_its_blocks_can_be_read) {
    diary_start(&diary);
    diary_open(&diary);
    diary_fill(&diary, 0, 3);
    expect_drain(&diary, 0, 3);
    diary_write(&diary);
    diary_close(&diary);
    flip("mark", 4096 + 30); /* the newer: all is handed out again */
    diary_open(&diary);
    expect_drain(&diary, 0, 3);
    diary_close(&diary);
    flip("mark", 30);
    expect_refusal("/mark is damaged");
}

Test(journal, a_file_that_was_cut_short_is_damage) {
    for (off_t size = 0; size < SEGMENT_BYTES; size += size < 128 ? 16 : 1111) {
        make_two();
        char path[PATH_SIZE];
        diary_path(&diary, "0001.segment", path);
        cr_assert(truncate(path, size) == 0);
        expect_refusal("0001.segment is damaged at byte ");
    }
}

Test(journal, a_segment_of_another_journal_is_sent_back) {
    make_two();
    struct picture picture = picture_take("0001.segment");
    make_two();
    diary_path(&diary, "0001.segment", picture.path);
    picture_put(&picture);
    expect_refusal("0001.segment belongs to another journal");
    free(picture.data);
}

Test(journal, a_copy_of_a_segment_is_noticed) {
    make_two();
    struct picture picture = picture_take("0001.segment");
    diary_path(&diary, "0002.segment", picture.path);
    picture_put(&picture);
    expect_refusal("another one has its generation");
    free(picture.data);
}

/* A crash while the header of a segment that is used anew is written. */
Test(journal, a_header_torn_when_its_segment_was_free_is_no_damage) {
    diary_start(&diary);
    diary.options.capacity_bytes = 3 * SEGMENT_BYTES;
    diary_open(&diary);
    uint32_t count = 0;
    for (; diary_facts(&diary).used_bytes < 4500; count++)
        diary_fill(&diary, count, count + 1);
    for (uint32_t i = 0; i < count - 2; i++)
        journal_drained(diary.journal, expect_next(&diary, i));
    diary_write(&diary); /* the mark: segment 0 is free */
    diary_close(&diary);
    flip("0000.segment", 30);
    for (int i = 0; i < 3; i++) {
        diary_open(&diary);
        struct entry entry;
        uint64_t ticket;
        while (journal_next(diary.journal, &entry, &ticket) && entry.appended_at.us < noon.us + count - 1) {
        }
        cr_assert_eq(entry.appended_at.us, noon.us + count - 1);
        diary_fill(&diary, count, count + 25);
        count += 25;
        diary_close(&diary);
    }
}
