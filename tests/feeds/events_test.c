/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds/events.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char heard[4096];

static bool note(void *owner, const char *name, struct bytes data, struct failure *failure) {
    (void)owner;
    (void)failure;
    size_t size = strlen(heard);
    snprintf(heard + size, sizeof heard - size, "[%s|%.*s]", name, (int)data.size, (const char *)data.data);
    return true;
}

static bool refuse(void *owner, const char *name, struct bytes data, struct failure *failure) {
    note(owner, name, data, failure);
    return failure_set(failure, "no more");
}

/* Everything in pieces of one size. */
static void give(const char *text, size_t piece) {
    struct events events;
    struct failure failure;
    heard[0] = '\0';
    events_init(&events);
    for (size_t at = 0; at < strlen(text); at += piece) {
        size_t size = strlen(text) - at < piece ? strlen(text) - at : piece;
        cr_assert(events_input(&events, bytes_of(text + at, size), note, NULL, &failure), "%s", failure.text);
    }
    events_finish(&events);
}

Test(feeds_events, are_the_same_wherever_they_are_cut) {
    static const char text[] =
        ":\n\nevent: hello\nid: 7\ndata: {\"node\":\"b1\"}\n\n:\n\nevent: sample\r\ndata:{}\r\n\r\ndata: a\n"
        "data: b\n\nevent: lost\n\ndata: half";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        give(text, piece);
        cr_expect_str_eq(heard, "[hello|{\"node\":\"b1\"}][sample|{}][|a\nb]", "in pieces of %zu", piece);
    }
}

Test(feeds_events, of_other_fields_are_passed_over) {
    give("retry: 100\ndatabase: x\ndata\nevent: an event whose name is longer than any of ours\ndata: 1\n\n", 1000);
    cr_expect_str_eq(heard, "[|1]");
}

Test(feeds_events, that_are_refused_end_it) {
    struct events events;
    struct failure failure;
    heard[0] = '\0';
    events_init(&events);
    static const char text[] = "data: 1\n\ndata: 2\n\n";
    cr_expect_not(events_input(&events, bytes_of(text, sizeof text - 1), refuse, NULL, &failure));
    cr_expect_str_eq(failure.text, "no more");
    cr_expect_str_eq(heard, "[|1]");
    events_clear(&events);
    cr_expect(events_input(&events, bytes_of("data: 3\n\n", 9), note, NULL, &failure));
    cr_expect_str_eq(heard, "[|1][|3]");
    events_finish(&events);
}

/* A line without an end, and an event of many lines. */
Test(feeds_events, have_a_largest_size) {
    static const char *const parts[] = {"xxxxxxxxxxxxxxx", "data: xxxxxxxx\n"};
    for (size_t i = 0; i < 2; i++) {
        struct events events;
        struct failure failure = {""};
        events_init(&events);
        size_t given = 0;
        while (given <= 4 * EVENTS_SIZE &&
               events_input(&events, bytes_of(parts[i], strlen(parts[i])), note, NULL, &failure))
            given += strlen(parts[i]);
        cr_expect_leq(given, 4 * EVENTS_SIZE);
        cr_expect_str_eq(failure.text, "it sends an event of more than 4194304 bytes");
        events_finish(&events);
    }
}
