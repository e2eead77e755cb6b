/* SPDX-License-Identifier: Apache-2.0 */
#include "node/rates.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>

/* One place a client that has a rate; a client beyond them shares the last probed place, which only makes it stricter.
 */
#define PLACES 4096
#define PROBES 16
#define SECOND_US INT64_C(1000000)

struct place {
    _Atomic int32_t client;
    _Atomic int64_t booked_until_us; /* the time up to which requests have used up the rate */
};

struct rates {
    struct place places[PLACES];
};

struct rates *rates_create(void) {
    struct rates *rates = calloc(1, sizeof *rates);
    CHECK(rates != NULL);
    return rates;
}

void rates_destroy(struct rates *rates) {
    free(rates);
}

static struct place *place_of(struct rates *rates, int32_t client) {
    struct place *place = NULL;
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        place = &rates->places[((uint32_t)client + probe) % PLACES];
        int32_t holder = 0;
        if (atomic_compare_exchange_strong(&place->client, &holder, client) || holder == client)
            return place;
    }
    return place;
}

bool rates_allow(struct rates *rates, int32_t client, uint32_t rate_per_s, struct tick now) {
    if (rate_per_s == 0)
        return true;
    struct place *place = place_of(rates, client);
    int64_t cost_us = SECOND_US / rate_per_s;
    int64_t booked_us = atomic_load(&place->booked_until_us);
    int64_t next_us;
    do {
        int64_t from_us = booked_us > now.us ? booked_us : now.us;
        next_us = from_us + cost_us;
        if (next_us - now.us > SECOND_US)
            return false;
    } while (!atomic_compare_exchange_weak(&place->booked_until_us, &booked_us, next_us));
    return true;
}
