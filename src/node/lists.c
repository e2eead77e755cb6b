/* SPDX-License-Identifier: Apache-2.0 */
#include "node/lists.h"

#include "base/card.h"
#include "base/check.h"
#include "node/figures.h"
#include "node/sightings.h"
#include "json/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of each list. */
#define ORGANISATIONS 10
/* Slower is told of as not buying. */
#define LEAST_PER_S 0.01

#define MASK "\u2022\u2022\u2022\u2022"
#define MASKED_SIZE 32

/* ---- organisations ---- */

struct sighted {
    int32_t id;
    double per_s; /* below 0: not among the busy ones */
    struct heard heard;
};

struct sighted_list {
    struct sighted *each;
    size_t count;
};

static int compare_ids(const void *one, const void *other) {
    const struct sighted *first = one, *second = other;
    return (first->id > second->id) - (first->id < second->id);
}

static int compare_rates(const void *one, const void *other) {
    const struct sighted *first = one, *second = other;
    return (first->per_s < second->per_s) - (first->per_s > second->per_s);
}

static int compare_used(const void *one, const void *other) {
    const struct sighted *first = one, *second = other;
    int64_t first_used = heard_used(&first->heard), second_used = heard_used(&second->heard);
    return (first_used < second_used) - (first_used > second_used);
}

static bool is_newer(const struct heard *one, const struct heard *other) {
    if (one->renews_at.us != other->renews_at.us)
        return one->renews_at.us > other->renews_at.us;
    return one->at.us > other->at.us;
}

/* Those of one id become one: they buy through several workers, and what was heard last holds. */
static void fold(struct sighted_list *list) {
    size_t folded = 0;
    qsort(list->each, list->count, sizeof *list->each, compare_ids);
    for (size_t i = 0; i < list->count; i++) {
        const struct sighted *next = &list->each[i];
        struct sighted *last = folded > 0 ? &list->each[folded - 1] : NULL;
        if (last == NULL || last->id != next->id) {
            list->each[folded++] = *next;
            continue;
        }
        last->per_s += next->per_s;
        if (is_newer(&next->heard, &last->heard))
            last->heard = next->heard;
    }
    list->count = folded;
}

static struct sighted_list new_list(size_t capacity) {
    struct sighted_list list = {.each = calloc(capacity > 0 ? capacity : 1, sizeof *list.each)};
    CHECK(list.each != NULL);
    return list;
}

static struct sighted_list find_busy(const struct watched *watched) {
    struct sighted_list list = new_list((size_t)watched->worker_count * BUSY_GROUPS * BUSY_PLACES);
    for (uint32_t worker = 0; worker < watched->worker_count; worker++) {
        const struct board *board = sightings_look(&watched->sightings[worker]);
        const int32_t *ids = &board->busy_ids[0][0];
        const struct busy *busy = &board->busy[0][0];
        for (size_t i = 0; i < BUSY_GROUPS * BUSY_PLACES; i++)
            if (ids[i] != 0 && busy[i].per_s >= LEAST_PER_S)
                list.each[list.count++] = (struct sighted){ids[i], busy[i].per_s, busy[i].heard};
    }
    fold(&list);
    return list;
}

static struct sighted_list find_near(const struct watched *watched, const struct sighted_list *busy) {
    struct sighted_list list = new_list((size_t)watched->worker_count * NEAR_GROUPS * NEAR_PLACES);
    struct instant now = instant_now();
    for (uint32_t worker = 0; worker < watched->worker_count; worker++) {
        const struct board *board = sightings_look(&watched->sightings[worker]);
        const int32_t *ids = &board->near_ids[0][0];
        const struct heard *near = &board->near[0][0];
        for (size_t i = 0; i < NEAR_GROUPS * NEAR_PLACES; i++)
            if (ids[i] != 0 && near[i].renews_at.us > now.us)
                list.each[list.count++] = (struct sighted){ids[i], 0, near[i]};
    }
    fold(&list);
    for (size_t i = 0; i < list.count; i++) {
        const struct sighted *found = bsearch(&list.each[i], busy->each, busy->count, sizeof *busy->each, compare_ids);
        list.each[i].per_s = found != NULL ? found->per_s : -1;
    }
    return list;
}

static void put_masked(struct json_object *map, int32_t organisation) {
    char masked[MASKED_SIZE];
    snprintf(masked, sizeof masked, MASK "%04" PRId32, organisation % 10000);
    json_put_text(map, "id", masked);
}

/* What was heard in a month that is over says nothing of this one. */
static void put_heard(struct json_object *map, const struct heard *heard) {
    bool is_known = heard->renews_at.us > instant_now().us;
    bool has_limit = is_known && heard->ceiling_minor != LIMIT_COUNTED_ONLY;
    json_put(map, "spent", NULL);
    json_put(map, "limit", NULL);
    json_put(map, "used", NULL);
    if (is_known)
        figures_put_amount(map, "spent", heard->spent_minor);
    if (has_limit) {
        figures_put_amount(map, "limit", heard->ceiling_minor);
        figures_put_thousandths(map, "used", heard_used(heard));
    }
}

static struct json_object *list_of(struct sighted_list *list, int compare(const void *, const void *)) {
    struct json_object *written = json_new_list();
    qsort(list->each, list->count, sizeof *list->each, compare);
    for (size_t i = 0; i < list->count && i < ORGANISATIONS; i++) {
        struct json_object *map = json_new_map();
        put_masked(map, list->each[i].id);
        if (list->each[i].per_s < 0)
            json_put(map, "per_s", NULL);
        else
            figures_put_rate(map, "per_s", list->each[i].per_s);
        put_heard(map, &list->each[i].heard);
        json_append(written, map);
    }
    return written;
}

void lists_put_organisations(struct json_object *sample, const struct watched *watched) {
    struct json_object *organisations = json_new_map();
    struct sighted_list busy = find_busy(watched), near = find_near(watched, &busy);
    json_put(organisations, "busiest", list_of(&busy, compare_rates));
    json_put(organisations, "near_limit", list_of(&near, compare_used));
    json_put(sample, "organisations", organisations);
    free(busy.each);
    free(near.each);
}

/* ---- declines ---- */

static int compare_declines(const void *one, const void *other) {
    const struct decline *const *first = one, *const *second = other;
    return ((*first)->at.us < (*second)->at.us) - ((*first)->at.us > (*second)->at.us);
}

static void put_credential(struct json_object *map, const struct credential *credential) {
    char masked[MASKED_SIZE], card[CARD_TEXT_SIZE];
    const uint8_t *app = credential->app;
    if (credential->kind == CREDENTIAL_CARD) {
        card_mask(credential->card, card);
        snprintf(masked, sizeof masked, MASK "%s", card + strlen(card) - 4);
    } else {
        snprintf(masked, sizeof masked, MASK "%02x%02x", app[sizeof credential->app - 2],
                 app[sizeof credential->app - 1]);
    }
    json_put_text(map, "credential", masked);
    json_put_text(map, "channel", credential->kind == CREDENTIAL_CARD ? "card" : "app");
}

/* An answer that asked no counters doesn't say whose it was; the directory may know. */
static void put_organisation(struct json_object *map, const struct decline *decline, struct directory *directory) {
    char masked[MASKED_SIZE];
    struct account account = {0};
    uint8_t count = decline->answer.limit_count;
    if (count > 0)
        account.organisation = decline->answer.limits[count - 1].limit.id;
    else if (directory != NULL)
        (void)directory_find_account(directory, &decline->asked.credential, &account);
    snprintf(masked, sizeof masked, MASK "%04" PRId32, account.organisation % 10000);
    if (account.organisation == 0)
        json_put(map, "organisation", NULL);
    else
        json_put_text(map, "organisation", masked);
}

static struct json_object *written_decline(const struct decline *decline, const struct watched *watched,
                                           struct wire_codec *codec) {
    struct json_object *map = json_new_map();
    char explanation[WIRE_SENTENCE_SIZE], id[REQUEST_ID_TEXT_SIZE];
    wire_explain(codec, CALL_AUTHORIZE, &decline->answer, explanation);
    request_id_format(&decline->id, id);
    figures_put_instant(map, "at", decline->at);
    json_put_text(map, "reason", reason_name(decline->answer.reason));
    json_put_text(map, "explanation", explanation);
    put_organisation(map, decline, watched->directory);
    put_credential(map, &decline->asked.credential);
    figures_put_amount(map, "amount", decline->asked.amount_minor);
    json_put_text(map, "product", decline->asked.product.code);
    if (decline->client[0] == '\0')
        json_put(map, "client", NULL);
    else
        json_put_text(map, "client", decline->client);
    json_put_text(map, "request", id);
    return map;
}

void lists_put_declines(struct json_object *sample, const struct watched *watched, struct wire_codec *codec) {
    const struct decline **declines = calloc(watched->worker_count * DECLINES + 1, sizeof *declines);
    struct json_object *list = json_new_list();
    size_t count = 0;
    CHECK(declines != NULL);
    for (uint32_t worker = 0; worker < watched->worker_count; worker++) {
        const struct board *board = sightings_look(&watched->sightings[worker]);
        for (uint64_t i = 0; i < DECLINES && i < board->decline_count; i++)
            declines[count++] = &board->declines[i];
    }
    qsort(declines, count, sizeof *declines, compare_declines);
    for (size_t i = 0; i < count && i < DECLINES; i++)
        json_append(list, written_decline(declines[i], watched, codec));
    json_put(sample, "declines", list);
    free(declines);
}
