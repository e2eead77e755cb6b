/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sightings.h"

#include <stdio.h>
#include <string.h>

#define RATED_EVERY_US INT64_C(1000000)
/* How much of a rate is the last second's: a sudden change is seen at once, and one second alone makes none. */
#define NEWS_SHARE 0.25
/* Near is four fifths. */
#define NEAR_USED 800
/* A copy that nobody has looked at yet. */
#define FRESH 4u

void sightings_init(struct sightings *sightings) {
    memset(sightings, 0, sizeof *sightings);
    sightings->laying = 0;
    atomic_init(&sightings->between, 1);
    sightings->watching = 2;
}

static uint32_t hash(int32_t organisation) {
    return (uint32_t)organisation * UINT32_C(2654435769);
}

static uint32_t busy_group(int32_t organisation) {
    return hash(organisation) >> 24;
}

static uint32_t near_group(int32_t organisation) {
    return hash(organisation) >> 25;
}
_Static_assert(BUSY_GROUPS == 1 << (32 - 24) && NEAR_GROUPS == 1 << (32 - 25), "the highest bits choose");

/* ---- organisations ---- */

static struct heard heard_of(const struct answer *answer, const struct standing_of_limit *limit) {
    return (struct heard){
        .spent_minor = limit->spent_minor,
        .ceiling_minor = limit->limit.ceiling_minor,
        .renews_at = answer->renews_at,
        .at = answer->times.answered,
    };
}

/* A late repeat tells of the month before. */
static void hear(struct heard *heard, const struct heard *news) {
    if (news->renews_at.us >= heard->renews_at.us)
        *heard = *news;
}

/* It is not among the group's: the weakest of these loses weight, and its place when it has none left. So who buys
 * often keeps the place however many others come by, and of those nobody stays long. */
static void take_place(struct board *board, uint32_t group, int32_t organisation, const struct heard *news) {
    struct busy *busy = board->busy[group];
    uint32_t weakest = 0;
    for (uint32_t i = 1; i < BUSY_PLACES; i++)
        if (busy[i].weight < busy[weakest].weight)
            weakest = i;
    if (busy[weakest].weight > 0) {
        busy[weakest].weight--;
        return;
    }
    board->busy_ids[group][weakest] = organisation;
    busy[weakest] = (struct busy){.weight = 1, .seen = 1, .heard = *news};
}

static void note_busy(struct board *board, int32_t organisation, const struct heard *news) {
    uint32_t group = busy_group(organisation);
    const int32_t *ids = board->busy_ids[group];
    for (uint32_t i = 0; i < BUSY_PLACES; i++) {
        if (ids[i] != organisation)
            continue;
        struct busy *busy = &board->busy[group][i];
        busy->weight++;
        busy->seen++;
        hear(&busy->heard, news);
        return;
    }
    take_place(board, group, organisation, news);
}

int64_t heard_used(const struct heard *heard) {
    return heard->ceiling_minor > 0 ? heard->spent_minor * 1000 / heard->ceiling_minor : 1000;
}

static bool is_near(const struct heard *heard) {
    return heard->ceiling_minor != LIMIT_COUNTED_ONLY && heard->spent_minor * 1000 >= heard->ceiling_minor * NEAR_USED;
}

/* Whether one should give way to the other: it is of an older month, or further from its limit. */
static bool gives_way(const struct heard *one, const struct heard *other) {
    if (one->renews_at.us != other->renews_at.us)
        return one->renews_at.us < other->renews_at.us;
    return heard_used(one) < heard_used(other);
}

static void take_near_place(struct board *board, uint32_t group, int32_t organisation, const struct heard *news) {
    int32_t *ids = board->near_ids[group];
    struct heard *near = board->near[group];
    uint32_t weakest = 0;
    for (uint32_t i = 1; i < NEAR_PLACES && ids[weakest] != 0; i++)
        if (ids[i] == 0 || gives_way(&near[i], &near[weakest]))
            weakest = i;
    if (ids[weakest] != 0 && !gives_way(&near[weakest], news))
        return;
    ids[weakest] = organisation;
    near[weakest] = *news;
}

static void note_near(struct board *board, int32_t organisation, const struct heard *news) {
    uint32_t group = near_group(organisation);
    int32_t *ids = board->near_ids[group];
    for (uint32_t i = 0; i < NEAR_PLACES; i++) {
        if (ids[i] != organisation)
            continue;
        hear(&board->near[group][i], news);
        if (!is_near(&board->near[group][i]))
            ids[i] = 0;
        return;
    }
    if (is_near(news))
        take_near_place(board, group, organisation, news);
}

void sightings_note(struct sightings *sightings, const struct answer *answer) {
    if (answer->limit_count == 0)
        return;
    const struct standing_of_limit *limit = &answer->limits[answer->limit_count - 1];
    const struct heard news = heard_of(answer, limit);
    note_busy(&sightings->now, limit->limit.id, &news);
    note_near(&sightings->now, limit->limit.id, &news);
}

void sightings_note_decline(struct sightings *sightings, const struct request_id *id, const struct asked *asked,
                            const char *client, const struct answer *answer) {
    struct board *board = &sightings->now;
    struct decline *decline = &board->declines[board->decline_count++ % DECLINES];
    decline->at = instant_now();
    decline->id = *id;
    decline->asked = *asked;
    decline->answer = *answer;
    snprintf(decline->client, sizeof decline->client, "%s", client);
}

/* ---- rates, and the copy ---- */

static void rate(struct busy *busy, double seconds) {
    busy->per_s += NEWS_SHARE * ((double)busy->seen / seconds - busy->per_s);
    busy->seen = 0;
    busy->weight -= (busy->weight + 3) / 4;
}

static void rate_all(struct board *board, double seconds) {
    for (uint32_t group = 0; group < BUSY_GROUPS; group++)
        for (uint32_t i = 0; i < BUSY_PLACES; i++)
            rate(&board->busy[group][i], seconds);
}

void sightings_tick(struct sightings *sightings, struct tick now) {
    int64_t passed_us = now.us - sightings->rated_at.us;
    if (passed_us >= RATED_EVERY_US) {
        rate_all(&sightings->now, (double)passed_us / 1e6);
        sightings->rated_at = now;
    }
    sightings->copies[sightings->laying] = sightings->now;
    sightings->laying =
        atomic_exchange_explicit(&sightings->between, sightings->laying | FRESH, memory_order_acq_rel) & ~FRESH;
}

const struct board *sightings_look(struct sightings *sightings) {
    if (atomic_load_explicit(&sightings->between, memory_order_relaxed) & FRESH)
        sightings->watching =
            atomic_exchange_explicit(&sightings->between, sightings->watching, memory_order_acq_rel) & ~FRESH;
    return &sightings->copies[sightings->watching];
}
