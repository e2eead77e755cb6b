/* SPDX-License-Identifier: Apache-2.0 */
#include "load/driver.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE (REQUEST_ID_TEXT_SIZE - 1 + 1) /* without the NUL, with a newline */

bool result_is_measured(const struct driver *driver, struct tick due) {
    return due.us >= driver->measure_begins.us && due.us < driver->measure_ends.us;
}

void result_note_trouble(struct load_result *result, const char *text) {
    if (result->first_trouble[0] == '\0') {
        snprintf(result->first_trouble, sizeof(result->first_trouble), "%s", text);
    }
}

void result_write_approved(struct driver *driver) {
    size_t written = fwrite(driver->approved, 1, driver->approved_size, driver->control->approved);
    if (written != driver->approved_size) {
        result_note_trouble(&driver->result, "the approved ids could not all be written");
        failure_set(&driver->failure, "the approved ids could not all be written");
    }
    driver->approved_size = 0;
}

static void result_keep_approved(struct driver *driver, const struct request_id *id) {
    if (driver->control->approved == NULL) {
        return;
    }
    if (driver->approved_size + LINE_SIZE + 1 > sizeof(driver->approved)) {
        result_write_approved(driver);
    }
    char *line = driver->approved + driver->approved_size;
    request_id_format(id, line);
    line[LINE_SIZE - 1] = '\n';
    driver->approved_size += LINE_SIZE;
}

static bool is_late(const struct driver *driver, const struct flight *flight) {
    int64_t timeout_us = driver->control->options->timeout_us;
    return timeout_us > 0 && driver->now.us - flight->due.us > timeout_us;
}

static void result_take_answer(struct driver *driver, const struct flight *flight, bool is_measured) {
    const struct answer *answer = &driver->reply.answer;
    if (answer->decision == DECISION_APPROVED && !answer->is_repeat) {
        driver->result.approved_in_all++;
        result_keep_approved(driver, &driver->reply.id);
    }
    if (is_measured) {
        driver->result.decisions[(unsigned)answer->decision % LOAD_DECISIONS]++;
        driver->result.reasons[(unsigned)answer->reason % LOAD_REASONS]++;
        driver->result.approved_in_time += answer->decision == DECISION_APPROVED && !is_late(driver, flight);
    }
}

void result_take(struct driver *driver, const struct flight *flight) {
    struct load_result *result = &driver->result;
    const struct wire_reply *reply = &driver->reply;
    bool is_measured = result_is_measured(driver, flight->due);
    if (is_measured) {
        result->answered++;
        result->late += is_late(driver, flight);
        histogram_record(&result->latencies, driver->now.us - flight->due.us);
    }
    if (reply->kind == WIRE_REPLY_ANSWER) {
        result_take_answer(driver, flight, is_measured);
        return;
    }
    result->faults += is_measured;
    result_note_trouble(result, reply->kind == WIRE_REPLY_FAULT ? reply->fault.text : "an answer of another kind");
}

void result_add(struct load_result *into, const struct load_result *from) {
    into->answered += from->answered;
    for (int i = 0; i < LOAD_DECISIONS; i++) {
        into->decisions[i] += from->decisions[i];
    }
    for (int i = 0; i < LOAD_REASONS; i++) {
        into->reasons[i] += from->reasons[i];
    }
    into->faults += from->faults;
    into->late += from->late;
    into->approved_in_time += from->approved_in_time;
    into->unanswered += from->unanswered;
    into->unsent += from->unsent;
    histogram_add(&into->latencies, &from->latencies);
    into->elapsed_us = from->elapsed_us > into->elapsed_us ? from->elapsed_us : into->elapsed_us;
    into->cpu_us += from->cpu_us;
    into->sent_in_all += from->sent_in_all;
    into->approved_in_all += from->approved_in_all;
    into->unanswered_in_all += from->unanswered_in_all;
    into->connections_lost += from->connections_lost;
    if (from->first_trouble[0] != '\0') {
        result_note_trouble(into, from->first_trouble);
    }
}
