/* SPDX-License-Identifier: Apache-2.0 */
/* following: a line for an answer, so that one request can be followed by its id through all nodes that met it. Never
 * what was shown (a card's number), nor a word of the client's own. */
#include "node/worker.h"

#include "base/log.h"

#include <inttypes.h>

static const char *decision_word(enum decision decision) {
    switch (decision) {
    case DECISION_APPROVED:
        return "approved";
    case DECISION_DECLINED:
        return "declined";
    case DECISION_FAILED:
        return "failed";
    }
    return "?";
}

static const char *safety_word(enum safety safety) {
    switch (safety) {
    case SAFETY_NONE:
        return "none";
    case SAFETY_COMMITTED:
        return "committed";
    case SAFETY_JOURNALED:
        return "journaled";
    }
    return "?";
}

static bool is_wanted(const struct worker *worker, enum decision decision) {
    enum log_requests wanted = (enum log_requests)worker->settings.log_requests;
    return wanted == LOG_REQUESTS_ALL || (wanted >= LOG_REQUESTS_DECLINED && decision == DECISION_DECLINED) ||
           (wanted >= LOG_REQUESTS_FAILED && decision == DECISION_FAILED);
}

static const char *client_of(const struct followed *followed) {
    return followed->session != NULL ? followed->session->client.name : "gone";
}

/* 0: the counters were not asked. */
static int32_t organisation_of(const struct answer *answer) {
    return answer->limit_count == 0 ? 0 : answer->limits[answer->limit_count - 1].limit.id;
}

static int64_t took_us(const struct worker *worker, const struct followed *followed) {
    return net_woken_at(worker->net).us - followed->read_at.us;
}

void following_answer(const struct worker *worker, const struct followed *followed, const struct answer *answer) {
    static struct log_place place = {.lines = LOG_REQUEST_LINES};
    if (!is_wanted(worker, answer->decision))
        return;
    char id[REQUEST_ID_TEXT_SIZE];
    char original[REQUEST_ID_TEXT_SIZE] = "none";
    request_id_format(followed->id, id);
    if (followed->original != NULL)
        request_id_format(followed->original, original);
    log_write(&place, LOG_LEVEL_INFO, "node",
              "request answered call=%s id=%s original=%s client=%s client_id=%d organisation=%d decision=%s reason=%s "
              "safety=%s amount_minor=%" PRId64 " repeat=%s took_us=%" PRId64 " worker=%u",
              call_name(followed->call), id, original, client_of(followed), followed->client_id,
              organisation_of(answer), decision_word(answer->decision), reason_name(answer->reason),
              safety_word(answer->safety), answer->amount_minor, answer->is_repeat ? "yes" : "no",
              took_us(worker, followed), worker->index);
}

void following_found(const struct worker *worker, const struct followed *followed, bool is_found) {
    static struct log_place place = {.lines = LOG_REQUEST_LINES};
    if (worker->settings.log_requests != LOG_REQUESTS_ALL)
        return;
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(followed->id, id);
    log_write(&place, LOG_LEVEL_INFO, "node",
              "request looked up id=%s client=%s client_id=%d found=%s took_us=%" PRId64 " worker=%u", id,
              client_of(followed), followed->client_id, is_found ? "yes" : "no", took_us(worker, followed),
              worker->index);
}

void following_fault(const struct worker *worker, const struct session *session, const struct wire_fault *fault) {
    static struct log_place place = {.lines = LOG_REQUEST_LINES};
    if (worker->settings.log_requests < LOG_REQUESTS_DECLINED)
        return;
    log_write(&place, LOG_LEVEL_INFO, "node",
              "request rejected client=%s client_id=%d reason=%s field=%s why=%s worker=%u", session->client.name,
              session->client.id, reason_name(fault->reason), fault->field[0] != '\0' ? fault->field : "none",
              fault->text, worker->index);
}
