/* SPDX-License-Identifier: Apache-2.0 */
/* With more work than can be done, some is refused at once, so that the rest is answered in time. */
#include "switch/switch.h"

#include <criterion/criterion.h>

#define FLOOD 6000

static struct {
    struct switch_core *core;
    struct moment now;
    uint32_t owners[FLOOD];
    uint32_t owner_count;
    uint32_t answered[REASON_AMOUNT_EXCEEDED + 1];
} house;

static bool find_account(void *shell, const struct credential *credential, struct account *account) {
    (void)shell;
    (void)credential;
    *account = (struct account){.standing = REASON_APPROVED,
                                .channel = CHANNEL_CARD,
                                .organisation = 1,
                                .limit_count = 1,
                                .limits = {{LIMIT_ORGANISATION, 1, 1000000}}};
    return true;
}

static bool ask(void *shell, const struct question *question) {
    (void)shell;
    house.owners[house.owner_count++] = question->owner;
    return true;
}

static void answer(void *shell, uint64_t reply_to, const struct answer *given) {
    (void)shell;
    (void)reply_to;
    house.answered[given->reason]++;
}

static void init(void) {
    const struct switch_settings settings = {
        .capacity = FLOOD,
        .currency = {"SEK"},
        .largest_amount_minor = 10000000,
        .time_window_us = 600 * INT64_C(1000000),
        .default_timeout_us = 400000,
        .longest_timeout_us = 10000000,
        .default_hold_us = 1,
        .longest_hold_us = 1,
        .warm_capacity = 2,
    };
    const struct switch_ports ports = {.find_account = find_account, .ask = ask, .answer = answer};
    cr_assert(calendar_set_zone("Europe/Stockholm"));
    house.now = (struct moment){.instant = {INT64_C(1795258800000000)}, .tick = {INT64_C(5000000)}};
    house.core = switch_create(&settings, &ports);
    switch_limits_up(house.core, house.now, true);
    switch_record_up(house.core, house.now, true);
}

static void finish(void) {
    switch_destroy(house.core);
}

TestSuite(admission, .init = init, .fini = finish);

static void ask_balances(uint32_t count) {
    const struct balance balance = {.credential = {.kind = CREDENTIAL_CARD, .card = 1},
                                    .client_channels = 1u << CHANNEL_CARD};
    for (uint32_t i = 0; i < count; i++)
        switch_balance(house.core, house.now, &balance);
}

static void answer_all(void) {
    uint32_t count = house.owner_count;
    house.owner_count = 0;
    for (uint32_t i = 0; i < count; i++)
        switch_verdict(house.core, house.now, &(struct verdict){.kind = VERDICT_DONE, .owner = house.owners[i]});
}

/* A second in which so many come, and leave, every 50 ms. */
static void live_through_a_second(uint32_t each) {
    for (int moment = 0; moment < 20; moment++) {
        ask_balances(each);
        answer_all();
        house.now.tick.us += 50000;
        switch_tick(house.core, house.now);
    }
    house.answered[REASON_APPROVED] = 0;
}

Test(admission, a_flood_that_would_wait_too_long_is_busy_at_once) {
    live_through_a_second(100); /* 2 000 a second */
    ask_balances(FLOOD);
    cr_expect_gt(house.answered[REASON_BUSY], FLOOD / 2);
    uint32_t admitted = house.owner_count;
    cr_expect_eq(admitted + house.answered[REASON_BUSY], FLOOD);
    answer_all();
    cr_expect_eq(house.answered[REASON_APPROVED], admitted);
}

Test(admission, a_flood_that_can_be_served_in_time_is_let_in) {
    live_through_a_second(3000); /* 60 000 a second */
    ask_balances(FLOOD);
    cr_expect_eq(house.answered[REASON_BUSY], 0);
}

Test(admission, nobody_is_turned_away_before_anything_is_known) {
    ask_balances(FLOOD);
    cr_expect_eq(house.answered[REASON_BUSY], 0);
}

Test(admission, after_a_pause_of_a_service_the_door_is_still_open) {
    live_through_a_second(3000);
    ask_balances(3000);
    house.now.tick.us += 200000;
    switch_tick(house.core, house.now);
    ask_balances(1000);
    cr_expect_eq(house.answered[REASON_BUSY], 0);
}
