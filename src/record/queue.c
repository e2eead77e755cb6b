/* SPDX-License-Identifier: Apache-2.0 */
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

void queue_init(struct queue *queue, uint32_t capacity) {
    CHECK(capacity > 0);
    *queue = (struct queue){.capacity = capacity, .free_count = capacity};
    queue->items = calloc(capacity, sizeof *queue->items);
    queue->free = calloc(capacity, sizeof *queue->free);
    CHECK(queue->items != NULL && queue->free != NULL);
    for (int lane = 0; lane < LANES; lane++) {
        queue->lanes[lane].waiting = calloc(capacity, sizeof *queue->lanes[lane].waiting);
        CHECK(queue->lanes[lane].waiting != NULL);
    }
    for (uint32_t place = 0; place < capacity; place++)
        queue->free[place] = capacity - 1 - place;
}

void queue_finish(struct queue *queue) {
    free(queue->items);
    free(queue->free);
    for (int lane = 0; lane < LANES; lane++)
        free(queue->lanes[lane].waiting);
}

struct item *queue_append(struct queue *queue, enum lane_kind lane_kind, enum item_kind kind) {
    if (queue->free_count == 0)
        return NULL;
    uint32_t place = queue->free[--queue->free_count];
    struct lane *lane = &queue->lanes[lane_kind];
    lane->waiting[(lane->first + lane->count++) % queue->capacity] = place;
    struct item *item = &queue->items[place];
    item->kind = kind;
    item->lane = lane_kind;
    item->company = 0;
    item->crowded_at = (struct tick){0};
    item->asked_partition = false;
    item->is_undo = false;
    return item;
}

struct item *queue_front(const struct queue *queue, enum lane_kind kind) {
    const struct lane *lane = &queue->lanes[kind];
    return lane->count == 0 ? NULL : &queue->items[lane->waiting[lane->first]];
}

uint32_t queue_take(struct queue *queue, enum lane_kind kind) {
    struct lane *lane = &queue->lanes[kind];
    CHECK(lane->count > 0);
    uint32_t place = lane->waiting[lane->first];
    lane->first = (lane->first + 1) % queue->capacity;
    lane->count--;
    return place;
}

void queue_put_back(struct queue *queue, uint32_t place) {
    struct lane *lane = &queue->lanes[queue->items[place].lane];
    CHECK(lane->count < queue->capacity);
    lane->first = (lane->first + queue->capacity - 1) % queue->capacity;
    lane->waiting[lane->first] = place;
    lane->count++;
}

void queue_put_last(struct queue *queue, uint32_t place) {
    struct lane *lane = &queue->lanes[queue->items[place].lane];
    CHECK(lane->count < queue->capacity);
    lane->waiting[(lane->first + lane->count++) % queue->capacity] = place;
}

void queue_release(struct queue *queue, uint32_t place) {
    CHECK(queue->free_count < queue->capacity);
    queue->free[queue->free_count++] = place;
}

void ring_init(struct ring *ring, size_t element_size, uint32_t capacity) {
    *ring = (struct ring){.element_size = element_size, .capacity = capacity};
    if (capacity == 0)
        return;
    ring->data = calloc(capacity, element_size);
    CHECK(ring->data != NULL);
}

void ring_finish(struct ring *ring) {
    free(ring->data);
}

void *ring_at(const struct ring *ring, uint32_t index) {
    CHECK(index < ring->count);
    return ring->data + (ring->first + index) % ring->capacity * ring->element_size;
}

void *ring_append(struct ring *ring) {
    if (ring->count == ring->capacity)
        return NULL;
    return ring_at(ring, ring->count++);
}

void ring_drop(struct ring *ring, uint32_t count) {
    CHECK(count <= ring->count);
    ring->first = ring->capacity == 0 ? 0 : (ring->first + count) % ring->capacity;
    ring->count -= count;
}
