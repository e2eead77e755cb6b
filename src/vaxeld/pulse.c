/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxeld/pulse.h"

#include "base/check.h"
#include "service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_US INT64_C(1000000)
#define STATUS_SIZE 512

/* Of what is missing, all in a line. */
static void write_status(const struct node *node, char status[STATUS_SIZE]) {
    char *missing = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&missing, &size);
    CHECK(file != NULL);
    bool is_ready = node_is_ready(node, file);
    CHECK(fclose(file) == 0);
    while (size > 0 && missing[size - 1] == '\n')
        missing[--size] = '\0';
    for (char *end; (end = strchr(missing, '\n')) != NULL;)
        *end = ';';
    snprintf(status, STATUS_SIZE, "%s%s%s", is_ready ? "serving" : "not ready", size > 0 ? "; " : "", missing);
    free(missing);
}

static void tell_status(const struct node *node) {
    static char told[STATUS_SIZE];
    char status[STATUS_SIZE];
    write_status(node, status);
    if (strcmp(status, told) == 0)
        return;
    memcpy(told, status, sizeof told);
    service_tell_status(status);
}

struct timespec pulse_beat(const struct node *node) {
    int64_t watchdog_us = service_watchdog_us();
    int64_t beat_us = watchdog_us > 0 && watchdog_us < BEAT_US ? watchdog_us : BEAT_US;
    if (node_is_alive(node))
        service_tell_alive();
    tell_status(node);
    return (struct timespec){.tv_sec = beat_us / 1000000, .tv_nsec = beat_us % 1000000 * 1000};
}
