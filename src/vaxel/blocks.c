/* SPDX-License-Identifier: Apache-2.0 */
/* blocks: the block list, a page after the other, or what comes of it. Who follows it goes on from the last number that
 * was read, also on another connection, as a device does: so whatever gap there was, nothing is missed or told twice.
 */
#include "base/card.h"
#include "base/check.h"
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AGAIN_MS 1000
/* Pauses before another try, each twice as long as the last. */
#define PAUSE_LEAST_MS 100
#define PAUSE_MOST_MS 5000
#define UNTIL_COLUMN 38 /* past the longest credential, an app's id */

/* What came so far, for --state. */
struct listing {
    struct block *blocks;
    size_t count;
    size_t capacity;
};

struct block_reader {
    const struct invocation *invocation;
    struct client_connection *connection; /* NULL: lost */
    int64_t timeout_us;
    int64_t since;
    struct instant server_time;
    struct wire_reply reply;
};

static const char *kind_word(enum block_kind kind) {
    static const char *const words[] = {
        [BLOCK_LIFTED] = "LIFTED", [BLOCK_STOPPED] = "STOPPED", [BLOCK_USED_UP] = "USED_UP"};
    return words[kind];
}

static void write_credential(const struct credential *credential, bool is_whole, char text[ASK_CREDENTIAL_TEXT]) {
    if (credential->kind == CREDENTIAL_APP) {
        struct request_id id;
        memcpy(id.bytes, credential->app, sizeof id.bytes);
        request_id_format(&id, text);
    } else if (is_whole)
        snprintf(text, ASK_CREDENTIAL_TEXT, "%016llu", (unsigned long long)credential->card);
    else
        card_mask(credential->card, text);
}

static void print_block(const struct block *block, bool is_whole) {
    char credential[ASK_CREDENTIAL_TEXT];
    char until[PRINT_TIME_SIZE] = "";
    write_credential(&block->credential, is_whole, credential);
    if (block->ends_at.us != 0)
        print_time(block->ends_at, until);
    printf("%10lld  %-7s  %s", (long long)block->number, kind_word(block->kind), credential);
    if (until[0] != '\0')
        printf("%*suntil %s", UNTIL_COLUMN - (int)strlen(credential), "", until);
    putchar('\n');
}

static void write_block(struct json *json, const struct block *block, bool is_whole) {
    char credential[ASK_CREDENTIAL_TEXT];
    write_credential(&block->credential, is_whole, credential);
    json_open(json, NULL, '{');
    json_number(json, "number", block->number);
    json_text(json, "kind", kind_word(block->kind));
    json_text(json, block->credential.kind == CREDENTIAL_CARD ? "card" : "app", credential);
    json_time(json, "ends_at", block->ends_at);
    json_close(json, '}');
}

static void show(const struct invocation *invocation, const struct block *blocks, size_t count, int64_t last) {
    bool is_whole = invocation_has(invocation, "whole");
    if (!invocation_has(invocation, "json")) {
        for (size_t i = 0; i < count; i++)
            print_block(&blocks[i], is_whole);
        return;
    }
    struct json json = json_start();
    json_open(&json, "blocks", '[');
    for (size_t i = 0; i < count; i++)
        write_block(&json, &blocks[i], is_whole);
    json_close(&json, ']');
    json_number(&json, "last", last);
    json_end(&json);
}

/* ---- reading ---- */

/* False: the connection is gone, and `failure` says why. */
static bool call(struct block_reader *reader, struct failure *failure) {
    struct wire_request request = {.call = CALL_BLOCK_LIST};
    request.block_list = (struct block_list){.since = reader->since, .limit = BLOCKS_PER_PAGE};
    if (reader->connection == NULL)
        reader->connection = ask_connect(reader->invocation, reader->timeout_us, failure);
    if (reader->connection == NULL)
        return false;
    if (client_call(reader->connection, &request, reader->timeout_us, &reader->reply, failure))
        return true;
    client_disconnect(reader->connection);
    reader->connection = NULL;
    return false;
}

static void take_page(struct block_reader *reader, const struct block_page **page) {
    *page = reader->reply.blocks;
    reader->since = (*page)->last;
    reader->server_time = reader->reply.server_time;
}

/* The next page; false: `status` is the exit status, and all is said. */
static bool read_page(struct block_reader *reader, const struct block_page **page, int *status) {
    struct failure failure;
    if (!call(reader, &failure)) {
        *status = command_broken(reader->invocation, "%s", failure.text);
        return false;
    }
    if (reader->reply.kind != WIRE_REPLY_BLOCKS) {
        *status = ask_rejected(reader->invocation, &reader->reply);
        return false;
    }
    take_page(reader, page);
    return true;
}

static void listing_add(struct listing *listing, const struct block_page *page) {
    if (page->count == 0)
        return;
    if (listing->count + page->count > listing->capacity) {
        listing->capacity = listing->capacity * 2 + BLOCKS_PER_PAGE;
        listing->blocks = realloc(listing->blocks, listing->capacity * sizeof *listing->blocks);
        CHECK(listing->blocks != NULL);
    }
    memcpy(listing->blocks + listing->count, page->blocks, page->count * sizeof *page->blocks);
    listing->count += page->count;
}

static int compare_credentials(const struct credential *one, const struct credential *other) {
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->kind == CREDENTIAL_APP)
        return memcmp(one->app, other->app, sizeof one->app);
    return one->card < other->card ? -1 : one->card > other->card;
}

/* By credential, and what was said last of it first. */
static int compare(const void *one, const void *other) {
    const struct block *left = one;
    const struct block *right = other;
    int order = compare_credentials(&left->credential, &right->credential);
    return order != 0 ? order : left->number > right->number ? -1 : left->number < right->number;
}

/* Keeps the last entry of each card or app, of those that are blocked still. */
static void listing_settle(struct listing *listing, struct instant now) {
    size_t kept = 0;
    const struct credential *before = NULL;
    struct credential last;
    if (listing->count > 0)
        qsort(listing->blocks, listing->count, sizeof *listing->blocks, compare);
    for (size_t i = 0; i < listing->count; i++) {
        struct block block = listing->blocks[i];
        if (before != NULL && compare_credentials(before, &block.credential) == 0)
            continue;
        last = block.credential;
        before = &last;
        bool is_over = block.kind == BLOCK_LIFTED || (block.ends_at.us != 0 && block.ends_at.us <= now.us);
        if (!is_over)
            listing->blocks[kept++] = block;
    }
    listing->count = kept;
}

static int print_state(struct block_reader *reader) {
    int status;
    const struct block_page *page;
    struct listing listing = {0};
    do {
        if (!read_page(reader, &page, &status)) {
            free(listing.blocks);
            return status;
        }
        listing_add(&listing, page);
    } while (page->has_more);
    listing_settle(&listing, reader->server_time);
    show(reader->invocation, listing.blocks, listing.count, reader->since);
    free(listing.blocks);
    return EXIT_YES;
}

static void show_page(const struct block_reader *reader, const struct block_page *page) {
    if (page->count > 0)
        show(reader->invocation, page->blocks, page->count, page->last);
}

/* JSON is one object in all. */
static int print_history(struct block_reader *reader) {
    int status;
    const struct block_page *page;
    struct listing listing = {0};
    bool is_gathered = invocation_has(reader->invocation, "json");
    do {
        if (!read_page(reader, &page, &status)) {
            free(listing.blocks);
            return status;
        }
        if (is_gathered)
            listing_add(&listing, page);
        else
            show_page(reader, page);
    } while (page->has_more);
    if (is_gathered)
        show(reader->invocation, listing.blocks, listing.count, reader->since);
    free(listing.blocks);
    return EXIT_YES;
}

/* ---- following ---- */

/* False: nobody reads what is printed any more. */
static bool await(int time_ms) {
    struct pollfd output = {.fd = STDOUT_FILENO};
    return fflush(stdout) == 0 && poll(&output, 1, time_ms) <= 0;
}

/* Busy, or something it needs is away: that passes. */
static bool is_put_off(const struct wire_reply *reply) {
    return reply->kind == WIRE_REPLY_FAULT &&
           (reply->fault.reason == REASON_BUSY || reply->fault.reason == REASON_UNAVAILABLE);
}

/* Asks until there is a reply that says more than: later. False: nobody reads what is printed any more. */
static bool call_until_answered(struct block_reader *reader) {
    struct failure failure;
    int pause_ms = PAUSE_LEAST_MS;
    for (bool is_told = false;; is_told = true) {
        bool is_answered = call(reader, &failure);
        if (is_answered && !is_put_off(&reader->reply))
            return true;
        if (!is_told)
            fprintf(stderr, "vaxel: %s; trying again\n", is_answered ? reader->reply.fault.text : failure.text);
        if (!await(pause_ms))
            return false;
        pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
    }
}

/* JSON is one object for each page that says something. */
static int print_for_ever(struct block_reader *reader) {
    const struct block_page *page;
    do {
        if (!call_until_answered(reader))
            return EXIT_YES;
        if (reader->reply.kind != WIRE_REPLY_BLOCKS)
            return ask_rejected(reader->invocation, &reader->reply);
        take_page(reader, &page);
        show_page(reader, page);
    } while (page->has_more || await(LOOK_AGAIN_MS));
    return EXIT_YES;
}

static int print(struct block_reader *reader, bool is_state, bool is_followed) {
    if (is_state)
        return print_state(reader);
    return is_followed ? print_for_ever(reader) : print_history(reader);
}

int command_blocks(const struct invocation *invocation) {
    static struct block_reader reader;
    struct failure failure;
    bool is_state = invocation_has(invocation, "state");
    bool is_followed = invocation_has(invocation, "follow");
    reader.invocation = invocation;
    reader.timeout_us = ASK_DEFAULT_TIMEOUT_US;
    if (!invocation_number(invocation, "since", 0, INT64_MAX, &reader.since) ||
        !invocation_duration(invocation, "timeout", &reader.timeout_us))
        return EXIT_USAGE;
    if (is_state && (is_followed || reader.since != 0))
        return usage_wrong(invocation, "--state is of the whole list, as it is now: leave out --%s",
                           is_followed ? "follow" : "since");
    reader.connection = ask_connect(invocation, reader.timeout_us, &failure);
    if (reader.connection == NULL)
        return command_broken(invocation, "%s", failure.text);
    int status = print(&reader, is_state, is_followed);
    client_disconnect(reader.connection);
    return status;
}
