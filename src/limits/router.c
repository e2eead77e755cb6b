/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/router.h"

#include "limits/guide.h"
#include "limits/internal.h"

#include <stdlib.h>
#include <string.h>

#define GUIDE_LINE 0u

/* How often the map is asked for when all is well, and when a primary is missing. */
#define LOOK_US INT64_C(2000000)
#define LOOK_AGAIN_US INT64_C(250000)

/* A primary, and the line to it. */
struct primary {
    char endpoint[ENDPOINT_SIZE]; /* ""; none is wanted here */
    struct limits *limits;        /* NULL until one is */
    bool is_connected;
};

struct router {
    struct limits_options options;
    struct address address;
    struct guide guide;
    char guide_endpoint[ENDPOINT_SIZE];
    uint32_t guide_turn; /* which endpoint it is */
    bool is_guide_due;
    uint32_t line_count; /* that were ever wanted, the guide's among them */
    struct tick look_at;
    struct primary primaries[ROUTER_LINES]; /* by line; the guide's is none */
    uint8_t lines[SLOT_COUNT];              /* of the primary that has the slot; 0: nobody */
    struct slot_map map;                    /* as it was told last */
    struct slot_map heard;                  /* as it is being told */
};

static void on_moved(void *owner, uint32_t slot, const char *endpoint);
static bool on_ask(void *owner, const struct question *question, const char *endpoint);
static bool on_ask_sums(void *owner, const struct sums *sums, const char *endpoint);

static void want_primary(struct router *router, uint32_t line, const char *endpoint) {
    struct primary *primary = &router->primaries[line];
    bool is_cluster = router->address.kind == ADDRESS_CLUSTER;
    const struct limits_place place = {
        .router = router,
        .on_moved = is_cluster ? on_moved : NULL,
        .on_ask = is_cluster ? on_ask : NULL,
        .on_ask_sums = is_cluster ? on_ask_sums : NULL,
        .user = router->address.user,
        .password = router->address.password,
    };
    if (primary->limits == NULL)
        primary->limits = limits_create(&router->options);
    limits_set_place(primary->limits, &place);
    if (line >= router->line_count)
        router->line_count = line + 1;
    endpoint_copy(primary->endpoint, endpoint);
}

/* ---- the guide ---- */

static uint32_t guide_choices(const struct router *router) {
    uint32_t count = router->address.endpoint_count;
    return router->address.kind == ADDRESS_CLUSTER ? count + router->map.primary_count : count;
}

/* The next of those that were given, and of a cluster's primaries as they were last told. */
static void choose_guide(struct router *router) {
    uint32_t choice = router->guide_turn++ % guide_choices(router);
    uint32_t given = router->address.endpoint_count;
    endpoint_copy(router->guide_endpoint,
                  choice < given ? router->address.endpoints[choice] : router->map.primaries[choice - given]);
}

/* It is a node of a cluster that was named alone. */
static void find_cluster(struct router *router) {
    router->address.kind = ADDRESS_CLUSTER;
    router->primaries[1].endpoint[0] = '\0';
    choose_guide(router);
    router->look_at.us = 0;
}

struct router *router_create(const struct limits_options *options, const char *address, struct failure *failure) {
    struct router *router = calloc(1, sizeof *router);
    CHECK(router != NULL);
    router->options = *options;
    if (!address_parse(address, &router->address, failure)) {
        free(router);
        return NULL;
    }
    router->guide.address = &router->address;
    if (router->address.kind == ADDRESS_ONE)
        want_primary(router, 1, router->address.endpoints[0]);
    else
        choose_guide(router);
    if (router->line_count == 0)
        router->line_count = 1;
    return router;
}

void router_destroy(struct router *router) {
    if (router == NULL)
        return;
    for (uint32_t line = 1; line < ROUTER_LINES; line++)
        limits_destroy(router->primaries[line].limits);
    guide_lost(&router->guide);
    free(router);
}

/* ---- the map ---- */

static uint32_t find_line(const struct router *router, const char *endpoint) {
    for (uint32_t line = 1; line < ROUTER_LINES; line++)
        if (strcmp(router->primaries[line].endpoint, endpoint) == 0)
            return line;
    return 0;
}

/* One whose connection to somebody else is gone; 0: none. */
static uint32_t find_free_line(const struct router *router) {
    for (uint32_t line = 1; line < ROUTER_LINES; line++)
        if (router->primaries[line].endpoint[0] == '\0' && !router->primaries[line].is_connected)
            return line;
    return 0;
}

static bool is_named(const struct slot_map *map, const char *endpoint) {
    for (uint32_t i = 0; i < map->primary_count; i++)
        if (strcmp(map->primaries[i], endpoint) == 0)
            return true;
    return false;
}

/* A primary that finds no line now finds one with the next map, when the lines to those that are no more are closed. */
static void take_map(struct router *router) {
    const struct slot_map *map = &router->map;
    uint8_t lines[PRIMARIES_CAPACITY + 1] = {0};
    for (uint32_t line = 1; line < ROUTER_LINES; line++)
        if (!is_named(map, router->primaries[line].endpoint))
            router->primaries[line].endpoint[0] = '\0';
    for (uint32_t i = 0; i < map->primary_count; i++) {
        uint32_t line = find_line(router, map->primaries[i]);
        if (line == 0)
            line = find_free_line(router);
        if (line != 0)
            want_primary(router, line, map->primaries[i]);
        lines[i + 1] = (uint8_t)line;
    }
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        router->lines[slot] = lines[map->owners[slot]];
}

static bool is_whole(const struct router *router) {
    if (router->map.primary_count == 0)
        return false;
    for (uint32_t i = 0; i < router->map.primary_count; i++) {
        uint32_t line = find_line(router, router->map.primaries[i]);
        if (line == 0 || !limits_is_ready(router->primaries[line].limits))
            return false;
    }
    return true;
}

static void on_moved(void *owner, uint32_t slot, const char *endpoint) {
    struct router *router = owner;
    uint32_t line = endpoint == NULL ? 0 : find_line(router, endpoint);
    if (line != 0)
        router->lines[slot] = (uint8_t)line;
    router->look_at.us = 0;
}

static bool on_ask(void *owner, const struct question *question, const char *endpoint) {
    const struct router *router = owner;
    uint32_t line = find_line(router, endpoint);
    return line != 0 && limits_ask_there(router->primaries[line].limits, question);
}

static bool on_ask_sums(void *owner, const struct sums *sums, const char *endpoint) {
    const struct router *router = owner;
    uint32_t line = find_line(router, endpoint);
    return line != 0 && limits_write_sums_there(router->primaries[line].limits, sums);
}

/* ---- what is asked ---- */

static struct limits *limits_of(const struct router *router, int32_t organisation) {
    switch (router->address.kind) {
    case ADDRESS_ONE:
        return router->primaries[1].limits;
    case ADDRESS_SENTINELS:
        return router->primaries[router->lines[0]].limits;
    case ADDRESS_CLUSTER:
        break;
    }
    return router->primaries[router->lines[slot_of_organisation(organisation)]].limits;
}

bool router_ask(struct router *router, const struct question *question) {
    struct limits *limits = limits_of(router, question->organisation);
    return limits != NULL && limits_ask(limits, question);
}

bool router_write_sums(struct router *router, const struct sums *sums) {
    struct limits *limits = limits_of(router, sums->organisation);
    return limits != NULL && limits_write_sums(limits, sums);
}

bool router_read_month(struct router *router, int32_t organisation, struct month month) {
    struct limits *limits = limits_of(router, organisation);
    return limits != NULL && limits_read_month(limits, organisation, month);
}

/* ---- lines ---- */

uint32_t router_line_count(const struct router *router) {
    return router->line_count;
}

const char *router_line_address(const struct router *router, uint32_t line) {
    return line == GUIDE_LINE ? router->guide_endpoint : router->primaries[line].endpoint;
}

void router_connected(struct router *router, uint32_t line) {
    if (line == GUIDE_LINE) {
        guide_connected(&router->guide, router->guide_endpoint);
        router->is_guide_due = true;
        return;
    }
    router->primaries[line].is_connected = true;
    limits_connected(router->primaries[line].limits);
}

void router_lost(struct router *router, uint32_t line) {
    if (line == GUIDE_LINE) {
        bool is_replaced = router->guide.reader != NULL && strcmp(router->guide.endpoint, router->guide_endpoint) != 0;
        guide_lost(&router->guide);
        if (!is_replaced)
            choose_guide(router);
        return;
    }
    router->look_at.us = 0;
    if (!router->primaries[line].is_connected)
        return;
    router->primaries[line].is_connected = false;
    limits_lost(router->primaries[line].limits);
}

bool router_is_well(const struct router *router, uint32_t line) {
    if (line == GUIDE_LINE)
        return router->guide.has_answered;
    return router->primaries[line].is_connected && limits_is_ready(router->primaries[line].limits);
}

bool router_has_other(const struct router *router, uint32_t line) {
    for (uint32_t other = 1; other < ROUTER_LINES; other++)
        if (other != line && router->primaries[other].limits != NULL &&
            limits_is_ready(router->primaries[other].limits))
            return true;
    return false;
}

void router_output(struct router *router, uint32_t line, struct buffer *output) {
    if (line != GUIDE_LINE)
        limits_output(router->primaries[line].limits, output);
    else if (router->is_guide_due && !router->guide.is_map_owed)
        router->is_guide_due = !guide_ask(&router->guide, output);
}

static bool hear_guide(struct router *router, struct bytes received, struct failure *failure) {
    switch (guide_input(&router->guide, received, &router->heard, failure)) {
    case GUIDE_MORE:
        return true;
    case GUIDE_MAP:
        router->map = router->heard;
        take_map(router);
        return true;
    case GUIDE_BROKEN:
        break;
    }
    return false;
}

bool router_input(struct router *router, uint32_t line, struct bytes received, struct failure *failure) {
    if (line == GUIDE_LINE)
        return hear_guide(router, received, failure);
    struct limits *limits = router->primaries[line].limits;
    if (limits_input(limits, received, failure))
        return true;
    if (router->address.kind == ADDRESS_ONE && limits_is_of_cluster(limits))
        find_cluster(router);
    return false;
}

bool router_is_owed(const struct router *router, uint32_t line) {
    if (line == GUIDE_LINE)
        return router->guide.is_map_owed;
    const struct primary *primary = &router->primaries[line];
    return primary->is_connected && limits_is_owed(primary->limits);
}

/* While a primary is missing, somebody else is asked each time: a guide may be cut off from the others itself. */
void router_tick(struct router *router, struct tick now) {
    if (router->address.kind == ADDRESS_ONE || now.us < router->look_at.us)
        return;
    bool is_well = is_whole(router);
    router->look_at.us = now.us + (is_well ? LOOK_US : LOOK_AGAIN_US);
    if (router->guide.reader == NULL || router->guide.is_map_owed)
        return;
    if (!is_well)
        choose_guide(router);
    router->is_guide_due = true;
}

struct tick router_next_tick(const struct router *router) {
    return router->address.kind != ADDRESS_ONE ? router->look_at : (struct tick){INT64_MAX};
}
