/* SPDX-License-Identifier: Apache-2.0 */
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

void queue_init(struct queue *queue, uint32_t capacity) {
    CHECK(capacity > 0);
    *queue = (struct queue){.capacity = capacity, .free_count = capacity};
    queue->items = calloc(capacity, sizeof *queue->items);
    queue->free = calloc(capacity, sizeof *queue->free);
    queue->waiting = calloc(capacity, sizeof *queue->waiting);
    CHECK(queue->items != NULL && queue->free != NULL && queue->waiting != NULL);
    for (uint32_t place = 0; place < capacity; place++)
        queue->free[place] = capacity - 1 - place;
}

void queue_finish(struct queue *queue) {
    free(queue->items);
    free(queue->free);
    free(queue->waiting);
}

struct item *queue_append(struct queue *queue) {
    if (queue->free_count == 0)
        return NULL;
    uint32_t place = queue->free[--queue->free_count];
    queue->waiting[(queue->first + queue->waiting_count++) % queue->capacity] = place;
    queue->items[place].company = 0;
    queue->items[place].asked_partition = false;
    return &queue->items[place];
}

const struct item *queue_front(const struct queue *queue) {
    return queue->waiting_count == 0 ? NULL : &queue->items[queue->waiting[queue->first]];
}

uint32_t queue_take(struct queue *queue) {
    CHECK(queue->waiting_count > 0);
    uint32_t place = queue->waiting[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->waiting_count--;
    return place;
}

void queue_put_back(struct queue *queue, uint32_t place) {
    CHECK(queue->waiting_count < queue->capacity);
    queue->first = (queue->first + queue->capacity - 1) % queue->capacity;
    queue->waiting[queue->first] = place;
    queue->waiting_count++;
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
