/* SPDX-License-Identifier: Apache-2.0 */
/* The connections: what is sent over them and what comes back. */
#include "load/driver.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define RETRY_US 100000

/* A small generator for choosing and for ids (splitmix64): each step is a number and a shuffle of its bits. */
static uint64_t random_next(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* 0 to `below` - 1. */
static uint32_t random_below(uint64_t *state, uint32_t below) {
    return (uint32_t)((random_next(state) >> 32) * below >> 32);
}

void link_is_ready(struct driver *driver, struct link *link) {
    if (link->is_ready) {
        return;
    }
    link->is_ready = true;
    link->ready_next = NULL;
    if (driver->ready_last != NULL) {
        driver->ready_last->ready_next = link;
    } else {
        driver->ready_first = link;
    }
    driver->ready_last = link;
}

static struct link *link_next_ready(struct driver *driver) {
    struct link *link = driver->ready_first;
    while (link != NULL) {
        driver->ready_first = link->ready_next;
        if (driver->ready_first == NULL) {
            driver->ready_last = NULL;
        }
        link->is_ready = false;
        if (link->is_up) {
            return link;
        }
        link = driver->ready_first; /* that one was lost while it waited here */
    }
    return NULL;
}

static void link_free_flights(struct link *link) {
    uint32_t count = link->driver->control->options->in_flight;
    for (uint32_t i = 0; i < count; i++) {
        link->flights[i] = (struct flight){.free_next = i + 1 < count ? i + 1 : FLIGHT_NONE};
    }
    link->free_first = 0;
}

void link_dial(struct driver *driver, struct link *link) {
    const struct control *control = driver->control;
    uint32_t number = (uint32_t)(link - driver->links) + link->dials;
    struct failure failure;
    link_free_flights(link);
    link->dials++;
    link->stream = net_dial(driver->net, control->addresses[number % control->address_count], control->tls,
                            &link_handler, link, &failure);
    if (link->stream == NULL) {
        result_note_trouble(&driver->result, failure.text);
        link->retry_at.us = driver->now.us + RETRY_US;
    }
}

void links_retry(struct driver *driver) {
    if (driver->now.us < driver->retry_at.us) {
        return;
    }
    driver->retry_at.us = driver->now.us + RETRY_US;
    for (uint32_t i = 0; i < driver->link_count; i++) {
        struct link *link = &driver->links[i];
        if (link->stream == NULL && link->retry_at.us <= driver->now.us) {
            link_dial(driver, link);
        }
    }
}

static struct request_id next_id(struct driver *driver) {
    uint64_t random[2] = {random_next(&driver->random_id), random_next(&driver->random_id)};
    uint8_t bytes[10];
    memcpy(bytes, random, sizeof(bytes));
    return request_id_make(instant_now(), bytes);
}

static uint64_t next_card(struct driver *driver) {
    const struct load_options *options = driver->control->options;
    const struct load_population *population = &options->population;
    uint32_t organisation = random_below(&driver->random, population->organisations);
    uint32_t traveller = random_below(&driver->random, population->travellers);
    return population->card(population->owner, options->is_hot ? 0 : organisation, traveller);
}

bool links_send(struct driver *driver, struct tick due) {
    struct link *link = link_next_ready(driver);
    if (link == NULL) {
        return false;
    }
    uint32_t slot = link->free_first;
    CHECK(slot != FLIGHT_NONE);
    struct flight *flight = &link->flights[slot];
    link->free_first = flight->free_next;
    flight->due = due;
    flight->correlation = CORRELATION_BASE | (uint64_t)(link->sequence++ & 0xffffff) * FLIGHTS_CAPACITY | slot;
    struct request_id id = next_id(driver);
    struct bytes frame = template_fill(&driver->template, flight->correlation, &id, next_card(driver));
    driver->flying++;
    driver->result.sent_in_all++;
    if (net_send(link->stream, frame) && link->free_first != FLIGHT_NONE) {
        link_is_ready(driver, link);
    }
    return true;
}

/* ---- what net tells ---- */

static bool link_on_open(void *owner, struct net_stream *stream) {
    struct link *link = owner;
    (void)stream;
    link->is_up = true;
    link->driver->links_up++;
    link_is_ready(link->driver, link);
    return true;
}

/* False: an answer to nothing we asked. */
static bool link_answered(struct link *link) {
    struct driver *driver = link->driver;
    uint64_t correlation = driver->reply.correlation;
    uint32_t slot = (uint32_t)(correlation % FLIGHTS_CAPACITY);
    if (slot >= driver->control->options->in_flight || link->flights[slot].correlation != correlation) {
        result_note_trouble(&driver->result, "an answer came to no question");
        return false;
    }
    struct flight *flight = &link->flights[slot];
    result_take(driver, flight);
    *flight = (struct flight){.free_next = link->free_first};
    link->free_first = slot;
    driver->flying--;
    driver->answered_in_all++;
    link_is_ready(driver, link);
    return true;
}

static bool link_on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct link *link = owner;
    struct driver *driver = link->driver;
    struct failure failure;
    struct bytes envelope;
    (void)stream;
    driver->now = tick_now();
    for (;;) {
        switch (wire_next_frame(&link->reader, &received, &envelope, &failure)) {
        case WIRE_MORE:
            return true;
        case WIRE_BROKEN:
            result_note_trouble(&driver->result, failure.text);
            return false;
        case WIRE_FRAME:
            break;
        }
        if (!wire_decode_reply(driver->codec, envelope, &driver->reply, &failure)) {
            result_note_trouble(&driver->result, failure.text);
            return false;
        }
        if (!link_answered(link)) {
            return false;
        }
    }
}

static void link_lose_flights(struct link *link) {
    struct driver *driver = link->driver;
    for (uint32_t i = 0; i < driver->control->options->in_flight; i++) {
        if (link->flights[i].correlation != 0) {
            driver->flying--;
            driver->result.unanswered_in_all++;
            driver->result.unanswered += result_is_measured(driver, link->flights[i].due);
        }
    }
}

static void link_is_lost(struct link *link, const char *text) {
    struct driver *driver = link->driver;
    result_note_trouble(&driver->result, text);
    driver->result.connections_lost += link->is_up;
    link_lose_flights(link);
    link->retry_at.us = driver->now.us + RETRY_US;
    if (driver->phase == PHASE_CONNECTING) {
        failure_set(&driver->failure, "%s", text);
        atomic_store(&driver->control->has_failed, true);
    }
}

static void link_on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct link *link = owner;
    struct driver *driver = link->driver;
    if (driver->phase != PHASE_LEAVING) {
        char text[FAILURE_TEXT_SIZE];
        snprintf(text, sizeof(text), "connection to %s: %s", net_peer_address(stream), why);
        link_is_lost(link, text);
    }
    driver->links_up -= link->is_up;
    wire_reader_finish(&link->reader);
    link->reader = (struct wire_reader){0};
    link->is_up = false;
    link->stream = NULL;
}

const struct net_handler link_handler = {
    .on_open = link_on_open, .on_bytes = link_on_bytes, .on_closed = link_on_closed};
