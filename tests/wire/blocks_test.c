/* SPDX-License-Identifier: Apache-2.0 */
/* The block list, a page at a time. */
#include "wire/samples.h"

#include "vaxel/v1/switch.pb-c.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(blocks, .init = sample_start, .fini = sample_finish);

static struct block_page page;

static struct wire_request ask(int64_t since, uint32_t limit) {
    struct wire_request sent = {.correlation = SAMPLE_CORRELATION, .call = CALL_BLOCK_LIST};
    sent.block_list = (struct block_list){.since = since, .limit = limit};
    return sample_pass_request(&sent);
}

Test(blocks, a_question_arrives_as_it_was_sent) {
    struct wire_request received = ask(INT64_MAX, 7);
    cr_assert(eq(int, received.call, CALL_BLOCK_LIST));
    cr_assert(eq(long, received.block_list.since, INT64_MAX));
    cr_assert(eq(u32, received.block_list.limit, 7));
}

Test(blocks, a_question_without_a_limit_is_for_a_full_page) {
    cr_assert(eq(u32, ask(0, 0).block_list.limit, BLOCKS_PER_PAGE));
}

static struct wire_reply pass(void) {
    struct wire_reply reply;
    struct failure failure;
    cr_assert(wire_encode_blocks(codec, &frame, SAMPLE_CORRELATION, &page, (struct instant){SAMPLE_TIME_US}));
    cr_assert(wire_decode_reply(codec, sample_envelope(), &reply, &failure), "%s", failure.text);
    cr_assert(eq(int, reply.kind, WIRE_REPLY_BLOCKS));
    cr_assert(eq(ulong, reply.correlation, SAMPLE_CORRELATION));
    cr_assert(eq(long, reply.server_time.us, SAMPLE_TIME_US));
    return reply;
}

Test(blocks, a_page_arrives_as_it_was_sent) {
    page = (struct block_page){.count = 3, .has_more = true, .last = 19};
    page.blocks[0] = (struct block){11, BLOCK_STOPPED, {CREDENTIAL_CARD, .card = SAMPLE_CARD}, {0}};
    page.blocks[1] = (struct block){17, BLOCK_USED_UP, sample_balance().balance.credential, {SAMPLE_RENEWAL_US}};
    page.blocks[2] = (struct block){19, BLOCK_LIFTED, {CREDENTIAL_CARD, .card = 42}, {0}};
    const struct block_page *got = pass().blocks;
    cr_assert(eq(u32, got->count, 3));
    cr_assert(got->has_more);
    cr_assert(eq(long, got->last, 19));
    for (uint32_t i = 0; i < 3; i++) {
        const struct block *block = &got->blocks[i];
        cr_assert(eq(long, block->number, page.blocks[i].number));
        cr_assert(eq(int, block->kind, page.blocks[i].kind));
        cr_assert(eq(long, block->ends_at.us, page.blocks[i].ends_at.us));
        cr_assert(eq(int, block->credential.kind, page.blocks[i].credential.kind));
    }
    cr_assert(eq(ulong, got->blocks[0].credential.card, SAMPLE_CARD));
    cr_assert(eq(ulong, got->blocks[2].credential.card, 42));
    cr_assert(eq(int, memcmp(got->blocks[1].credential.app, page.blocks[1].credential.app, 16), 0));
}

Test(blocks, an_empty_page_says_from_where_to_ask_next_time) {
    page = (struct block_page){.last = 4711};
    const struct block_page *got = pass().blocks;
    cr_assert(eq(u32, got->count, 0));
    cr_assert(not(got->has_more));
    cr_assert(eq(long, got->last, 4711));
}

Test(blocks, the_fullest_page_fits_its_frame) {
    page = (struct block_page){.count = BLOCKS_PER_PAGE, .has_more = true, .last = INT64_MAX};
    for (int i = 0; i < BLOCKS_PER_PAGE; i++)
        page.blocks[i] = (struct block){INT64_MAX - BLOCKS_PER_PAGE + i,
                                        BLOCK_USED_UP,
                                        sample_balance().balance.credential,
                                        {INT64_C(253402214400000000)}};
    cr_assert(eq(u32, pass().blocks->count, BLOCKS_PER_PAGE));
}

Test(blocks, a_page_that_does_not_fit_leaves_the_buffer_as_it_was) {
    page = (struct block_page){.count = 1};
    page.blocks[0] = (struct block){11, BLOCK_STOPPED, {CREDENTIAL_CARD, .card = SAMPLE_CARD}, {0}};
    frame.size = frame.capacity - 20;
    cr_assert(not(wire_encode_blocks(codec, &frame, 1, &page, (struct instant){SAMPLE_TIME_US})));
    cr_assert(eq(sz, frame.size, frame.capacity - 20));
}

/* ---- what a client does not believe ---- */

static void expect_unreadable(Vaxel__V1__Block *block, const char *words) {
    uint8_t bytes[256];
    struct wire_reply reply;
    struct failure failure;
    Vaxel__V1__BlockListResponse message = VAXEL__V1__BLOCK_LIST_RESPONSE__INIT;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    message.blocks = &block;
    message.n_blocks = 1;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_BLOCK_LIST;
    envelope.block_list = &message;
    size_t size = vaxel__v1__response_envelope__pack(&envelope, bytes);
    cr_assert(not(wire_decode_reply(codec, bytes_of(bytes, size), &reply, &failure)));
    cr_assert(ne(ptr, strstr(failure.text, words), NULL), "%s", failure.text);
}

/* Passed over, the copy would look whole and not be. */
Test(blocks, an_entry_that_a_client_does_not_understand_is_not_passed_over) {
    Vaxel__V1__Block block = VAXEL__V1__BLOCK__INIT;
    Vaxel__V1__Credential credential = VAXEL__V1__CREDENTIAL__INIT;
    block.number = 17;
    block.kind = VAXEL__V1__BLOCK_KIND__BLOCK_KIND_STOPPED;
    expect_unreadable(&block, "an entry that this version does not know: 17");
    block.credential = &credential;
    expect_unreadable(&block, "an entry that this version does not know: 17");
    credential.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL_CARD;
    credential.card = (char *)(uintptr_t) "993254365633800";
    expect_unreadable(&block, "an entry that this version does not know: 17");
    credential.card = (char *)(uintptr_t) "9932543656338003";
    block.kind = (Vaxel__V1__BlockKind)4;
    expect_unreadable(&block, "an entry that this version does not know: 17");
    block.kind = VAXEL__V1__BLOCK_KIND__BLOCK_KIND_STOPPED;
    block.ends_at_us = -1;
    expect_unreadable(&block, "an impossible ends_at_us");
}
