/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/log.h"
#include "wallet/internal.h"

#include <string.h>
#include <sys/random.h>

#define PAUSE_NS 20000000
#define LONGEST_TRY_US INT64_C(2000000)

struct request_id switch_new_id(void) {
    uint8_t random[10];
    CHECK(getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random));
    return request_id_make(instant_now(), random);
}

static void set_deadline(struct wire_request *request, int64_t timeout_us) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        request->authorize.timeout_us = timeout_us;
        return;
    case CALL_BALANCE:
        request->balance.timeout_us = timeout_us;
        return;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        request->settle.timeout_us = timeout_us;
        return;
    case CALL_LOOKUP:
    case CALL_ECHO:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        return;
    }
}

/* A fault is ours, or of the settings: the switch can't take what we asked. */
static bool fail_fault(struct visit *visit, const struct wire_fault *fault) {
    log_error("wallet", "the switch can't take a request field=%s why=%s", fault->field, fault->text);
    return problem_set(&visit->problem, 500, "NOT_UNDERSTOOD", NULL,
                       "The wallet's own question was refused; its operator finds the cause in its log.");
}

bool switch_away(struct visit *visit, const char *why) {
    log_warning("wallet", "no answer why=%s", why);
    return problem_set(&visit->problem, 503, "UNAVAILABLE", NULL,
                       "It is not known whether this was done. Ask again, with the same transactionReference.");
}

bool references_away(struct visit *visit, const struct failure *failure) {
    return switch_away(visit, failure->text);
}

/* A failure decides nothing, so the same is asked again for as long as there is time. */
bool switch_decide(struct visit *visit, struct wire_request *request, struct wire_reply *reply) {
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    struct failure failure = {"the time is up"};
    for (;;) {
        int64_t left_us = visit->until_us - tick_now().us;
        if (left_us <= 0)
            return switch_away(visit, failure.text);
        set_deadline(request, left_us < LONGEST_TRY_US ? left_us : LONGEST_TRY_US);
        if (!asker_ask(visit->wallet->asker, request, visit->until_us, reply, &failure))
            return switch_away(visit, failure.text);
        if (reply->kind == WIRE_REPLY_FAULT)
            return fail_fault(visit, &reply->fault);
        bool is_answer = reply->kind == WIRE_REPLY_ANSWER || reply->kind == WIRE_REPLY_SETTLED;
        if (!is_answer || reply->answer.decision != DECISION_FAILED)
            return true;
        failure_set(&failure, "%s", reason_name(reply->answer.reason));
        nanosleep(&pause, NULL);
    }
}

/* 403: this traveller or card may not; 409: the payment service, which is the switch, says no to this. */
static unsigned status_of(enum reason reason) {
    switch (reason) {
    case REASON_UNKNOWN_CREDENTIAL:
    case REASON_NOT_FOUND:
        return 404;
    case REASON_NOT_ACTIVATED:
    case REASON_BLOCKED:
    case REASON_ENDED:
    case REASON_ORGANISATION_SUSPENDED:
    case REASON_CHANNEL_NOT_ALLOWED:
        return 403;
    case REASON_INVALID_AMOUNT:
    case REASON_CURRENCY_MISMATCH:
        return 400;
    default:
        return 409;
    }
}

static const char *field_of(enum reason reason) {
    return reason == REASON_INVALID_AMOUNT ? "amount" : reason == REASON_CURRENCY_MISMATCH ? "currency" : NULL;
}

bool switch_is_final(enum reason reason) {
    return status_of(reason) == 403 || status_of(reason) == 409;
}

static bool tell_no(struct visit *visit, const struct request_id *id, enum reason reason, const char *detail) {
    static struct log_place place = {.lines = LOG_REQUEST_LINES};
    char name[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, name);
    log_write(&place, LOG_LEVEL_INFO, "wallet", "declined method=%s id=%s reason=%s issuer=%s", visit->request->method,
              name, reason_name(reason), visit->token.issuer);
    return problem_set(&visit->problem, status_of(reason), reason_name(reason), field_of(reason), "%s", detail);
}

bool switch_declined(struct visit *visit, const struct wire_reply *reply) {
    static const struct request_id none;
    /* A capture or void has an id of its own, by which nobody asks. */
    bool has_transaction = !request_id_equal(&visit->transaction, &none);
    return tell_no(visit, has_transaction ? &visit->transaction : &reply->id, reply->answer.reason, reply->message);
}

/* What a newer version kept may be a reason that this one does not know. */
static enum reason reason_of(const char *name) {
    for (int reason = REASON_APPROVED; reason <= REASON_AMOUNT_EXCEEDED; reason++)
        if (strcmp(reason_name((enum reason)reason), name) == 0)
            return (enum reason)reason;
    return REASON_UNSPECIFIED;
}

bool switch_declined_before(struct visit *visit, const struct reference_transaction *transaction) {
    return tell_no(visit, &transaction->id, reason_of(transaction->reason), transaction->detail);
}

/* Unless nobody pays for it any more, that is the operator's to mend, and no answer to the purchase. */
bool switch_not_undone(struct visit *visit, const struct wire_reply *reply) {
    if (!switch_is_final(reply->answer.reason))
        return switch_declined(visit, reply);
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&reply->id, id);
    log_error("wallet", "the switch does not reverse what nobody is to pay id=%s reason=%s", id,
              reason_name(reply->answer.reason));
    return switch_away(visit, "what nobody is to pay is not reversed");
}
