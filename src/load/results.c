/* SPDX-License-Identifier: Apache-2.0 */
#include "load/driver.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 128 /* of an answer, at most */

bool result_is_measured(const struct driver *driver, struct tick due) {
    return due.us >= driver->measure_begins.us && due.us < driver->measure_ends.us;
}

void result_note_trouble(struct load_result *result, const char *text) {
    if (result->first_trouble[0] == '\0') {
        snprintf(result->first_trouble, sizeof(result->first_trouble), "%s", text);
    }
}

void result_write_answers(struct driver *driver) {
    size_t written = fwrite(driver->answers, 1, driver->answers_size, driver->control->answers);
    if (written != driver->answers_size) {
        result_note_trouble(&driver->result, "the answers could not all be written");
        failure_set(&driver->failure, "the answers could not all be written");
    }
    driver->answers_size = 0;
}

static void result_keep_answer(struct driver *driver, const struct flight *flight) {
    if (driver->control->answers == NULL) {
        return;
    }
    if (driver->answers_size + LINE_SIZE > sizeof(driver->answers)) {
        result_write_answers(driver);
    }
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&driver->reply.id, id);
    int size = snprintf(driver->answers + driver->answers_size, LINE_SIZE, "%s\t%lld\t%s\n", id,
                        (long long)(driver->now.us - flight->due.us), reason_name(driver->reply.answer.reason));
    CHECK(size > 0 && size < LINE_SIZE);
    driver->answers_size += (size_t)size;
}

static bool is_late(const struct driver *driver, const struct flight *flight) {
    int64_t timeout_us = driver->control->options->timeout_us;
    return timeout_us > 0 && driver->now.us - flight->due.us > timeout_us;
}

static void result_take_answer(struct driver *driver, const struct flight *flight, bool is_measured) {
    const struct answer *answer = &driver->reply.answer;
    if (answer->decision == DECISION_APPROVED && !answer->is_repeat) {
        driver->result.approved_in_all++;
    }
    result_keep_answer(driver, flight);
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
