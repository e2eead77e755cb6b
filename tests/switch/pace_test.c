/* SPDX-License-Identifier: Apache-2.0 */
/* Advices take what online requests leave: many at once when nobody else is there, few while others wait too long. */
#include "switch/switch.h"

#include <criterion/criterion.h>
#include <string.h>

#define SLOTS 2048
#define ADVICES 640
#define FLOOR 11 /* a sixty-fourth of them, and one */
#define WAIT_US 5000
#define LOOK_US 10000

struct owners {
    uint32_t each[SLOTS];
    uint32_t count;
};

static struct {
    struct switch_core *core;
    struct moment now;
    uint16_t number;       /* of the last id */
    struct owners advices; /* that have begun and are not done */
    struct owners online;  /* that nobody has answered */

    uint16_t begun[ADVICES]; /* the numbers of the first advices that began, as they began */
    uint32_t begun_count;
    uint32_t recorded, busy, deadlines, drained;
} house;

static bool find_account(void *shell, const struct credential *credential, struct account *account) {
    (void)shell;
    *account = (struct account){.standing = REASON_APPROVED,
                                .channel = CHANNEL_CARD,
                                .organisation = (int32_t)credential->card,
                                .limit_count = 1,
                                .limits = {{LIMIT_ORGANISATION, 1, 1000000}}};
    return true;
}

static bool find_payer(void *shell, const struct payer *payer, struct account *account) {
    const struct credential credential = {.card = (uint64_t)payer->organisation};
    return find_account(shell, &credential, account);
}

/* A balance asks without an amount. */
static bool ask(void *shell, const struct question *question) {
    (void)shell;
    struct owners *owners = question->amount_minor == 0 ? &house.online : &house.advices;
    owners->each[owners->count++] = question->owner;
    if (owners == &house.advices && house.begun_count < ADVICES)
        memcpy(&house.begun[house.begun_count++], question->id.bytes + REQUEST_ID_SIZE - 2, 2);
    return true;
}

static bool append(void *shell, const struct entry *entry, uint32_t owner) {
    (void)shell;
    (void)entry;
    (void)owner;
    return true;
}

static void drained(void *shell, uint64_t ticket) {
    (void)shell;
    (void)ticket;
    house.drained++;
}

static void answer(void *shell, uint64_t reply_to, const struct answer *given) {
    (void)shell;
    house.busy += given->reason == REASON_BUSY;
    house.deadlines += given->reason == REASON_DEADLINE;
    house.recorded += reply_to == 1 && given->decision == DECISION_APPROVED;
}

static void init(void) {
    const struct switch_settings settings = {
        .capacity = SLOTS,
        .currency = {"SEK"},
        .largest_amount_minor = 10000000,
        .default_timeout_us = 400000,
        .longest_timeout_us = 10000000,
        .month_open_us = 1000000,
        .advice_capacity = ADVICES,
        .online_wait_us = WAIT_US,
        .warm_capacity = 2,
    };
    const struct switch_ports ports = {.find_account = find_account,
                                       .find_payer = find_payer,
                                       .ask = ask,
                                       .append = append,
                                       .drained = drained,
                                       .answer = answer};
    cr_assert(calendar_set_zone("Europe/Stockholm"));
    memset(&house, 0, sizeof house);
    house.now = (struct moment){.instant = {INT64_C(1795258800000000)}, .tick = {INT64_C(5000000)}};
    house.core = switch_create(&settings, &ports);
    switch_limits_up(house.core, house.now, true);
    switch_record_up(house.core, house.now, true);
}

static void finish(void) {
    switch_destroy(house.core);
}

TestSuite(pace, .init = init, .fini = finish);

static void pass_time(int64_t us) {
    house.now.instant.us += us;
    house.now.tick.us += us;
    switch_tick(house.core, house.now);
}

/* Card 1 is of organisation 1, and so on. */
static void advise_of(uint64_t card, uint32_t count, int64_t timeout_us) {
    for (uint32_t i = 0; i < count; i++) {
        uint8_t random[10] = {0};
        house.number++;
        memcpy(random + 8, &house.number, sizeof house.number);
        const struct advise advice = {.reply_to = 1,
                                      .id = request_id_make(house.now.instant, random),
                                      .credential = {.kind = CREDENTIAL_CARD, .card = card},
                                      .amount = {100, {"SEK"}},
                                      .client_channels = 1u << CHANNEL_CARD,
                                      .timeout_us = timeout_us};
        switch_advise(house.core, house.now, &advice);
    }
}

static void advise(uint32_t count, int64_t timeout_us) {
    advise_of(1, count, timeout_us);
}

/* As many as there is room for wait, and as many as may be are under way. */
static void fill(void) {
    house.busy = 0;
    while (house.busy == 0)
        advise(1, 10000000);
    pass_time(0);
}

/* Those that are under way are recorded. */
static void record(void) {
    struct owners done = house.advices;
    house.advices.count = 0;
    for (uint32_t i = 0; i < done.count; i++) {
        const struct verdict verdict = {.kind = VERDICT_DONE, .owner = done.each[i]};
        const struct outcome outcome = {.kind = OUTCOME_RECORDED, .owner = done.each[i]};
        switch_verdict(house.core, house.now, &verdict);
        switch_outcome(house.core, house.now, &outcome);
    }
}

static void come_online(uint32_t count) {
    const struct balance balance = {.reply_to = 2,
                                    .credential = {.kind = CREDENTIAL_CARD, .card = 1},
                                    .client_channels = 1u << CHANNEL_CARD,
                                    .timeout_us = 10000000};
    for (uint32_t i = 0; i < count; i++)
        switch_balance(house.core, house.now, &balance);
}

static void answer_online(void) {
    struct owners answered = house.online;
    house.online.count = 0;
    for (uint32_t i = 0; i < answered.count; i++) {
        const struct verdict verdict = {.kind = VERDICT_DONE, .owner = answered.each[i]};
        switch_verdict(house.core, house.now, &verdict);
    }
}

/* So many looks go by, in each of which twenty online requests wait so long. Advices are recorded, and more come. */
static void live(int looks, int64_t waited_us) {
    for (int i = 0; i < looks; i++) {
        come_online(20);
        pass_time(waited_us);
        answer_online();
        record();
        pass_time(LOOK_US - waited_us % LOOK_US);
        fill();
    }
}

/* The same with nobody else there. */
static void live_alone(int looks) {
    for (int i = 0; i < looks; i++) {
        record();
        pass_time(LOOK_US);
        fill();
    }
}

Test(pace, a_drain_begins_at_its_floor_and_the_rest_waits) {
    pass_time(LOOK_US);
    advise(ADVICES, 10000000);
    pass_time(0);
    cr_expect_eq(house.advices.count, FLOOR);
    cr_expect_eq(house.busy, 0);
    cr_expect_eq(switch_busy(house.core), ADVICES);
}

Test(pace, on_an_idle_switch_all_there_is_room_for_is_soon_under_way) {
    fill();
    live_alone(10);
    cr_expect_eq(house.advices.count, ADVICES);
}

Test(pace, advices_of_an_organisation_begin_in_the_order_they_came) {
    advise(ADVICES, 10000000);
    for (int i = 0; i < 100; i++) {
        record();
        pass_time(1000);
    }
    cr_assert_eq(house.recorded, ADVICES);
    cr_assert_eq(house.begun_count, ADVICES);
    for (uint32_t i = 0; i < ADVICES; i++)
        cr_assert_eq(house.begun[i], i + 1);
    cr_expect_eq(switch_busy(house.core), 0);
}

/* Their calls of Redis and their rows cost less so. */
Test(pace, advices_of_an_organisation_begin_together_and_organisations_take_turns) {
    pass_time(LOOK_US);
    for (int i = 0; i < 20; i++) {
        advise_of(1, 1, 10000000);
        advise_of(2, 1, 10000000);
    }
    for (int i = 0; i < 4; i++) {
        pass_time(1);
        record();
    }
    cr_assert_eq(house.begun_count, 40);
    for (uint32_t i = 1; i < 20; i++) {
        cr_expect_eq(house.begun[i], house.begun[i - 1] + 2);
        cr_expect_eq(house.begun[20 + i], house.begun[19 + i] + 2);
    }
}

/* However many of it wait. */
Test(pace, an_organisation_of_many_advices_keeps_no_other_waiting_for_long) {
    advise(ADVICES / 2, 10000000);
    advise_of(2, 1, 10000000);
    uint32_t of_the_other = house.number;
    for (int i = 0; i < 6; i++) {
        pass_time(1);
        record();
    }
    bool has_begun = false;
    for (uint32_t i = 0; i < house.begun_count; i++)
        has_begun = has_begun || house.begun[i] == of_the_other;
    cr_expect(has_begun);
    cr_expect_lt(house.begun_count, ADVICES / 2);
}

Test(pace, the_drain_grows_while_online_requests_are_answered_soon) {
    fill();
    live(5, WAIT_US);
    uint32_t before = house.advices.count;
    cr_expect_gt(before, FLOOR);
    live(5, WAIT_US);
    cr_expect_gt(house.advices.count, before);
    live(100, WAIT_US);
    cr_expect_eq(house.advices.count, ADVICES);
}

Test(pace, the_drain_makes_way_when_online_requests_wait_too_long) {
    fill();
    live_alone(10);
    live(1, WAIT_US + 1);
    cr_expect_eq(house.advices.count, ADVICES / 2);
    live(1, WAIT_US + 1);
    cr_expect_eq(house.advices.count, ADVICES / 4);
}

/* No starvation: a drain goes on, however busy the switch is. */
Test(pace, the_drain_never_stops) {
    fill();
    live_alone(10);
    live(20, 3 * WAIT_US);
    cr_expect_eq(house.advices.count, FLOOR);
    uint32_t recorded = house.recorded;
    live(10, 3 * WAIT_US);
    cr_expect_eq(house.recorded, recorded + 10 * FLOOR);
}

Test(pace, one_in_ten_may_wait_too_long) {
    fill();
    live_alone(10);
    come_online(2);
    pass_time(WAIT_US + 1);
    come_online(18);
    answer_online();
    pass_time(LOOK_US);
    cr_expect_eq(house.advices.count, ADVICES);
    record();
    fill();
    cr_expect_eq(house.advices.count, ADVICES);
}

Test(pace, the_drain_makes_way_when_nobody_is_answered) {
    fill();
    live_alone(10);
    come_online(1);
    for (int look = 0; look < 20; look++)
        pass_time(LOOK_US);
    record();
    fill();
    cr_expect_eq(house.advices.count, FLOOR);
}

/* One that has just come says nothing yet. */
Test(pace, somebody_who_has_just_come_is_not_kept_waiting) {
    fill();
    live_alone(10);
    pass_time(LOOK_US - 1);
    come_online(1);
    pass_time(1);
    record();
    fill();
    cr_expect_eq(house.advices.count, ADVICES);
}

Test(pace, after_a_drain_the_next_one_begins_at_its_floor_beside_online_requests) {
    fill();
    live_alone(10);
    record();
    for (int look = 0; look < 10; look++) {
        come_online(20);
        answer_online();
        pass_time(LOOK_US);
    }
    advise(ADVICES, 10000000);
    pass_time(0);
    cr_expect_eq(house.advices.count, FLOOR);
}

/* It was told DEADLINE, and has done nothing. */
Test(pace, an_advice_whose_turn_does_not_come_in_time_is_out_of_time) {
    pass_time(LOOK_US);
    advise(FLOOR + 1, 100000);
    pass_time(0);
    pass_time(100000);
    cr_expect_eq(house.deadlines, FLOOR + 1);
    cr_expect_eq(switch_busy(house.core), FLOOR, "Redis owes an answer about those that have begun");
    pass_time(LOOK_US);
    cr_expect_eq(house.begun_count, FLOOR);
}

Test(pace, those_that_wait_are_called_at_once_when_there_is_room) {
    pass_time(LOOK_US);
    advise(FLOOR + 1, 10000000);
    pass_time(1);
    cr_expect_gt(switch_next_tick(house.core).us, house.now.tick.us);
    record();
    cr_expect_eq(switch_next_tick(house.core).us, house.now.tick.us);
    pass_time(0);
    cr_expect_eq(house.advices.count, 1);
}

Test(pace, a_journal_is_drained_beside_all_the_advices_there_is_room_for) {
    fill();
    const struct entry entry = {.id = request_id_make(house.now.instant, (const uint8_t[10]){9}),
                                .kind = ENTRY_PURCHASE,
                                .organisation = 1,
                                .amount_minor = 100};
    cr_expect(switch_drain(house.core, house.now, &entry, 1));
}
