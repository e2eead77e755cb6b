/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

/* Three frames: of 5 bytes, of one, and of 300. */
#define STREAM_SIZE (4 + 5 + 4 + 1 + 4 + 300)
static uint8_t stream[STREAM_SIZE];
static const size_t sizes[] = {5, 1, 300};

static void fill_stream(void) {
    uint8_t *at = stream;
    for (size_t i = 0; i < 3; i++) {
        memcpy(at, (uint8_t[]){0, 0, (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i]}, 4);
        memset(at + 4, 'a' + (int)i, sizes[i]);
        at += 4 + sizes[i];
    }
}

TestSuite(frames, .init = fill_stream);

/* Takes all frames of a piece; each must be the next one, whole. */
static void expect_frames(struct wire_reader *reader, struct bytes piece, size_t *count) {
    struct bytes envelope;
    struct failure failure;
    enum wire_next next;
    while ((next = wire_next_frame(reader, &piece, &envelope, &failure)) == WIRE_FRAME) {
        cr_assert(lt(sz, *count, 3));
        cr_assert(eq(sz, envelope.size, sizes[*count]));
        for (size_t i = 0; i < envelope.size; i++)
            cr_assert(eq(int, envelope.data[i], 'a' + (int)*count));
        (*count)++;
    }
    cr_assert(eq(int, next, WIRE_MORE));
    cr_assert(eq(sz, piece.size, 0));
}

/* Copied to memory of its own size, so that a byte read past its end is noticed. */
static void give_piece(struct wire_reader *reader, size_t from, size_t to, size_t *count) {
    uint8_t *piece = malloc(to - from + (to == from));
    memcpy(piece, stream + from, to - from);
    expect_frames(reader, bytes_of(piece, to - from), count);
    free(piece);
}

Test(frames, several_in_one_piece_are_taken_one_after_the_other) {
    struct wire_reader reader = {0};
    size_t count = 0;
    give_piece(&reader, 0, STREAM_SIZE, &count);
    cr_assert(eq(sz, count, 3));
    cr_assert(eq(ptr, reader.partial, NULL));
}

Test(frames, a_stream_torn_in_two_at_any_byte_gives_the_same_frames) {
    for (size_t cut = 0; cut <= STREAM_SIZE; cut++) {
        struct wire_reader reader = {0};
        size_t count = 0;
        give_piece(&reader, 0, cut, &count);
        give_piece(&reader, cut, STREAM_SIZE, &count);
        cr_assert(eq(sz, count, 3), "torn at byte %zu", cut);
        wire_reader_finish(&reader);
    }
}

Test(frames, a_stream_that_comes_byte_by_byte_gives_the_same_frames) {
    struct wire_reader reader = {0};
    size_t count = 0;
    for (size_t i = 0; i < STREAM_SIZE; i++)
        give_piece(&reader, i, i + 1, &count);
    cr_assert(eq(sz, count, 3));
    wire_reader_finish(&reader);
}

Test(frames, memory_of_a_torn_frame_is_given_back_when_it_is_over) {
    struct wire_reader reader = {0};
    size_t count = 0;
    give_piece(&reader, 0, 7, &count);
    cr_assert(ne(ptr, reader.partial, NULL));
    give_piece(&reader, 7, 9, &count);
    cr_assert(eq(sz, count, 1));
    cr_assert(eq(ptr, reader.partial, NULL));
}

Test(frames, a_promised_length_takes_no_memory_before_the_bytes_come) {
    struct wire_reader reader = {0};
    struct bytes envelope;
    struct failure failure;
    struct bytes received = bytes_of("\x00\x01\x00\x00x", 5);
    cr_assert(eq(int, wire_next_frame(&reader, &received, &envelope, &failure), WIRE_MORE));
    cr_assert(lt(sz, reader.capacity, 4096));
    wire_reader_finish(&reader);
}

Test(frames, the_longest_envelope_is_taken) {
    struct wire_reader reader = {0};
    struct bytes envelope;
    struct failure failure;
    uint8_t *longest = calloc(1, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    longest[1] = 1;
    struct bytes received = bytes_of(longest, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    cr_assert(eq(int, wire_next_frame(&reader, &received, &envelope, &failure), WIRE_FRAME));
    cr_assert(eq(sz, envelope.size, WIRE_ENVELOPE_MAX));
    free(longest);
}

struct bad_length {
    const char *header;
    const char *words;
};

static const struct bad_length bad_lengths[] = {
    {"\x00\x00\x00\x00", "a frame of length 0: an envelope has 1 to 65536 bytes"},
    {"\x00\x01\x00\x01", "a frame of length 65537: an envelope has at most 65536 bytes"},
    {"\xff\xff\xff\xff", "a frame of length 4294967295: an envelope has at most 65536 bytes"},
    {"GET ", "a frame of length 1195725856: an envelope has at most 65536 bytes"},
};

Test(frames, an_impossible_length_breaks_the_stream_and_the_words_say_so) {
    for (size_t i = 0; i < sizeof bad_lengths / sizeof *bad_lengths; i++) {
        struct wire_reader reader = {0};
        struct bytes envelope;
        struct failure failure;
        struct bytes received = bytes_of(bad_lengths[i].header, 4);
        cr_assert(eq(int, wire_next_frame(&reader, &received, &envelope, &failure), WIRE_BROKEN));
        cr_assert(eq(str, failure.text, (char *)(uintptr_t)bad_lengths[i].words));
        wire_reader_finish(&reader);
    }
}

Test(frames, an_impossible_length_is_seen_when_its_header_comes_torn) {
    struct wire_reader reader = {0};
    struct bytes envelope;
    struct failure failure;
    struct bytes first = bytes_of("\x00\x02", 2);
    struct bytes second = bytes_of("\x00\x00", 2);
    cr_assert(eq(int, wire_next_frame(&reader, &first, &envelope, &failure), WIRE_MORE));
    cr_assert(eq(int, wire_next_frame(&reader, &second, &envelope, &failure), WIRE_BROKEN));
    wire_reader_finish(&reader);
}
