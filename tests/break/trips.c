/* SPDX-License-Identifier: Apache-2.0 */
#include "trips.h"

#include "riders.h"

#include <string.h>

#define TRIES_OF_A_PURCHASE 6
#define TRIES_OF_A_SETTLEMENT 40

uint64_t random_next(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint32_t random_below(uint64_t *state, uint32_t below) {
    return (uint32_t)((random_next(state) >> 32) * below >> 32);
}

int64_t random_between_us(uint64_t *state, int64_t least_us, int64_t most_us) {
    return least_us + (int64_t)(random_next(state) >> 1) % (most_us - least_us + 1);
}

static bool happens(struct rider *rider, uint32_t percent) {
    return random_below(&rider->riders->random, 100) < percent;
}

/* ---- choosing ---- */

static struct request_id new_id(struct rider *rider) {
    uint64_t bits[2] = {random_next(&rider->riders->random), random_next(&rider->riders->random)};
    uint8_t bytes[10];
    memcpy(bytes, bits, sizeof bytes);
    return request_id_make(instant_now(), bytes);
}

static struct wanted new_purchase(struct rider *rider) {
    uint64_t *random = &rider->riders->random;
    const struct fares *fares = rider->riders->fares;
    static const int64_t timeouts_us[] = {SECOND_US / 2, SECOND_US, 2 * SECOND_US};
    struct wanted wanted = {
        .call = CALL_AUTHORIZE,
        .id = new_id(rider),
        .credential = {.kind = CREDENTIAL_CARD,
                       .card = fares->cards[random_below(random, (uint32_t)fares->card_count)]},
        .amount_minor = 100 * (1 + (int64_t)random_below(random, 300)),
        .timeout_us = timeouts_us[random_below(random, 3)],
    };
    wanted.is_hold = happens(rider, 25);
    wanted.allows_partial = !wanted.is_hold && happens(rider, 10);
    wanted.hold_us = wanted.is_hold ? random_between_us(random, SECOND_US, fares->longest_hold_us) : 0;
    return wanted;
}

static void trip_begin(struct rider *rider) {
    struct trip *trip = &rider->trip;
    *trip = (struct trip){.step = TRIP_ASKING, .purchase = new_purchase(rider)};
    const struct fares *fares = rider->riders->fares;
    if (fares->advised_count > 0 && happens(rider, 12)) {
        trip->purchase.call = CALL_ADVISE;
        trip->purchase.credential.card =
            fares->cards[random_below(&rider->riders->random, (uint32_t)fares->advised_count)];
        trip->purchase.is_hold = trip->purchase.allows_partial = false;
        trip->advice_count = random_below(&rider->riders->random, TRIP_ADVICES + 1);
        for (size_t i = 0; i < trip->advice_count; i++) {
            trip->advices[i] = trip->purchase;
            trip->advices[i].id = new_id(rider);
        }
    } else if (happens(rider, 4)) {
        trip->step = TRIP_REVERSING_FIRST;
    } else {
        trip->asks_both = happens(rider, 8);
    }
}

static struct wanted reversal_of(const struct wanted *purchase) {
    struct wanted wanted = *purchase;
    wanted.call = CALL_REVERSE;
    wanted.amount_minor = 0;
    wanted.is_hold = wanted.allows_partial = false;
    return wanted;
}

static void settle(struct rider *rider, enum call call, int64_t amount_minor, bool is_final) {
    struct trip *trip = &rider->trip;
    trip->settlement = (struct wanted){.call = call,
                                       .id = new_id(rider),
                                       .original = trip->purchase.id,
                                       .credential = trip->purchase.credential,
                                       .amount_minor = amount_minor,
                                       .is_final = is_final,
                                       .timeout_us = SECOND_US};
    trip->step = TRIP_SETTLING;
    trip->settlements++;
    trip->tries = 0;
}

static int64_t part_of(struct rider *rider, int64_t amount_minor) {
    return 1 + (int64_t)random_below(&rider->riders->random, (uint32_t)amount_minor);
}

/* ---- what comes next ---- */

static void after_hold(struct rider *rider) {
    int64_t held = rider->trip.approved_minor;
    switch (random_below(&rider->riders->random, 6)) {
    case 0:
        settle(rider, CALL_CAPTURE, 0, true);
        break;
    case 1:
        settle(rider, CALL_CAPTURE, part_of(rider, held), true);
        break;
    case 2:
        settle(rider, CALL_CAPTURE, part_of(rider, held), false);
        break;
    case 3:
        settle(rider, CALL_VOID, 0, true);
        break;
    case 4:
        rider->trip.step = TRIP_REVERSING;
        break;
    default:
        rider->trip.step = TRIP_NONE; /* it expires */
    }
}

static void after_purchase(struct rider *rider) {
    int64_t paid = rider->trip.approved_minor;
    switch (random_below(&rider->riders->random, 8)) {
    case 0:
        settle(rider, CALL_REFUND, 0, true);
        break;
    case 1:
        settle(rider, CALL_REFUND, part_of(rider, paid), true);
        break;
    case 2:
        rider->trip.step = TRIP_REVERSING;
        break;
    case 3:
        rider->trip.step = TRIP_REPEATING;
        break;
    case 4:
        rider->trip.step = TRIP_REPEATING;
        rider->trip.purchase.amount_minor += 100; /* other content under the same id */
        break;
    default:
        rider->trip.step = TRIP_NONE;
    }
}

static void after_asking(struct rider *rider) {
    struct trip *trip = &rider->trip;
    if (trip->is_decided && trip->is_approved && trip->purchase.is_hold)
        after_hold(rider);
    else if (trip->is_decided && trip->is_approved)
        after_purchase(rider);
    else if (trip->is_decided)
        trip->step = happens(rider, 20) ? TRIP_REPEATING : TRIP_NONE;
    else if (++trip->tries < TRIES_OF_A_PURCHASE)
        return;
    else
        trip->step = happens(rider, 60) && trip->purchase.call == CALL_AUTHORIZE ? TRIP_REVERSING : TRIP_NONE;
    trip->tries = 0;
}

/* A second capture or refund tries for more than there may be. */
static void after_settling(struct rider *rider) {
    struct trip *trip = &rider->trip;
    if (!trip->is_decided && ++trip->tries < TRIES_OF_A_SETTLEMENT)
        return;
    bool goes_on = trip->is_decided && trip->settlements < 3 && happens(rider, 50);
    if (goes_on && trip->settlement.call == CALL_CAPTURE && !trip->settlement.is_final)
        settle(rider, CALL_CAPTURE, part_of(rider, trip->purchase.amount_minor), happens(rider, 50));
    else if (goes_on && trip->settlement.call != CALL_VOID)
        settle(rider, CALL_REFUND, part_of(rider, trip->purchase.amount_minor), true);
    else
        trip->step = happens(rider, 5) ? TRIP_REVERSING : TRIP_NONE;
}

static void after_reversing(struct rider *rider) {
    struct trip *trip = &rider->trip;
    if (!trip->is_decided && ++trip->tries < TRIES_OF_A_SETTLEMENT)
        return;
    trip->step = happens(rider, 30) ? TRIP_REPEATING : TRIP_NONE;
}

void trip_step_over(struct rider *rider) {
    struct trip *trip = &rider->trip;
    uint64_t *random = &rider->riders->random;
    int64_t pause_us = random_between_us(random, 1000, SECOND_US / 4);
    trip->asks_both = false;
    switch (trip->step) {
    case TRIP_NONE:
        break;
    case TRIP_REVERSING_FIRST:
        trip->step = TRIP_ASKING;
        break;
    case TRIP_ASKING:
        after_asking(rider);
        break;
    case TRIP_REPEATING:
        trip->step = TRIP_NONE;
        break;
    case TRIP_SETTLING:
        after_settling(rider);
        break;
    case TRIP_REVERSING:
        after_reversing(rider);
        break;
    }
    if (trip->step == TRIP_NONE)
        pause_us = random_between_us(random, 0, 2 * rider->riders->pace_us);
    rider->next_us = rider->riders->now_us + pause_us;
}

void trip_heard(struct rider *rider, const struct operation *heard) {
    struct trip *trip = &rider->trip;
    if (heard == NULL || heard->decision == DECISION_FAILED)
        return;
    trip->is_decided = true;
    if (heard->decision != DECISION_APPROVED)
        return;
    trip->is_approved = true;
    trip->approved_minor = heard->approved_minor;
}

/* ---- asking ---- */

static void ask(struct rider *rider, int node) {
    struct trip *trip = &rider->trip;
    switch (trip->step) {
    case TRIP_NONE:
        break;
    case TRIP_ASKING:
    case TRIP_REPEATING:
        if (trip->purchase.call == CALL_ADVISE) {
            struct wanted frame[1 + TRIP_ADVICES] = {trip->purchase};
            memcpy(frame + 1, trip->advices, trip->advice_count * sizeof *frame);
            rider_advise(rider, node, frame, 1 + trip->advice_count);
            break;
        }
        rider_ask(rider, node, &trip->purchase);
        if (trip->asks_both && rider->links[1 - node].is_up)
            rider_ask(rider, 1 - node, &trip->purchase);
        break;
    case TRIP_SETTLING:
        rider_ask(rider, node, &trip->settlement);
        break;
    case TRIP_REVERSING_FIRST:
    case TRIP_REVERSING: {
        struct wanted reversal = reversal_of(&trip->purchase);
        rider_ask(rider, node, &reversal);
        break;
    }
    }
}

bool trip_go_on(struct rider *rider) {
    struct trip *trip = &rider->trip;
    int node = rider_node(rider, (int)random_below(&rider->riders->random, RIDERS_NODES));
    if (node < 0)
        return false;
    if (trip->step == TRIP_NONE)
        trip_begin(rider);
    trip->is_decided = trip->is_approved = false;
    ask(rider, node);
    return true;
}
