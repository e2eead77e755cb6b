/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals: a purchase, a hold or a question about the limits comes in. */
#include "switch/core.h"

struct tick arrival_due_at(const struct switch_core *core, int64_t timeout_us) {
    const struct switch_settings *settings = &core->settings;
    int64_t timeout = timeout_us == 0 ? settings->default_timeout_us : timeout_us;
    if (timeout > settings->longest_timeout_us)
        timeout = settings->longest_timeout_us;
    /* A client that leaves less than twice the margin gets half of what it leaves. */
    int64_t margin = timeout < 2 * settings->answer_margin_us ? timeout / 2 : settings->answer_margin_us;
    return (struct tick){core->now.tick.us + timeout - margin};
}

struct month arrival_newest_month(struct switch_core *core) {
    struct instant soon = {core->now.instant.us + core->settings.time_window_us + MONTH_OPEN_LEAST_US};
    return month_of(calendar_day(&core->calendar, soon));
}

enum reason arrival_refusal(const struct account *account, uint32_t client_channels) {
    if ((client_channels & 1u << account->channel) == 0)
        return REASON_CHANNEL_NOT_ALLOWED;
    return account->standing == REASON_APPROVED ? REASON_UNSPECIFIED : account->standing;
}

struct content arrival_content(const struct request *request, enum entry_kind kind) {
    return (struct content){
        .amount_minor = request->amount_minor,
        .client = request->client,
        .credit = request->account.credit,
        .product_hash = content_hash(request->product.code),
        .place_hash = content_hash(request->place.text),
        .kind = (uint8_t)kind,
    };
}

static bool is_in_window(const struct switch_core *core, const struct request_id *id) {
    int64_t apart_us = request_id_time(id).us - core->now.instant.us;
    return apart_us <= core->settings.time_window_us && -apart_us <= core->settings.time_window_us;
}

/* From the id's time, so that every retry names the same moment. */
static struct instant expiry_of(const struct switch_core *core, const struct authorize *authorize) {
    const struct switch_settings *settings = &core->settings;
    int64_t hold_us = authorize->hold_us == 0 ? settings->default_hold_us : authorize->hold_us;
    if (hold_us > settings->longest_hold_us)
        hold_us = settings->longest_hold_us;
    return (struct instant){request_id_time(&authorize->id).us + hold_us};
}

static void fill_request(struct switch_core *core, struct request *request, const struct authorize *authorize) {
    request->work = WORK_AUTHORIZE;
    pace_online_came(core, request);
    request->kind = authorize->is_hold ? ENTRY_HOLD : ENTRY_PURCHASE;
    request->asks = QUESTION_AUTHORIZE;
    request->reply_to = authorize->reply_to;
    request->id = authorize->id;
    request->credential = authorize->credential;
    request->product = authorize->product;
    request->place = authorize->place;
    request->amount_minor = request->approved_minor = authorize->amount.minor;
    request->allows_partial = authorize->allows_partial;
    request->tap_window_us = authorize->tap_window_us;
    request->client = authorize->client;
    request->day = calendar_day(&core->calendar, request_id_time(&authorize->id));
    if (authorize->is_hold)
        request->expires_at = expiry_of(core, authorize);
}

/* These follow from the request alone, so a repeat is told the same without being remembered. */
static enum reason refusal_at_once(struct switch_core *core, struct request *request, struct money amount) {
    if (!currency_equal(amount.currency, core->settings.currency))
        return REASON_CURRENCY_MISMATCH;
    if (amount.minor > core->settings.largest_amount_minor)
        return REASON_INVALID_AMOUNT;
    if (!core->ports.find_account(core->ports.shell, &request->credential, &request->account))
        return REASON_UNKNOWN_CREDENTIAL;
    return REASON_UNSPECIFIED;
}

void switch_authorize(struct switch_core *core, struct moment now, const struct authorize *authorize) {
    core->now = now;
    CHECK(authorize->amount.minor > 0);
    CHECK(request_id_is_v7(&authorize->id));
    struct request *request = admission_allows(core, authorize->timeout_us) ? request_take(core) : NULL;
    if (request == NULL) {
        answer_at_once(core, authorize->reply_to, REASON_BUSY);
        return;
    }
    fill_request(core, request, authorize);
    enum reason reason = refusal_at_once(core, request, authorize->amount);
    if (reason != REASON_UNSPECIFIED) {
        answer_reason(core, request, reason);
        request_end(core, request);
        return;
    }
    CHECK(request->account.limit_count > 0 && request->account.limit_count <= LIMITS_CAPACITY);
    request->content = arrival_content(request, request->kind);
    request->refusal = arrival_refusal(&request->account, authorize->client_channels);
    /* Out of its window an id can only be a late repeat: it gets the answer of then, or none (DESIGN 6). */
    if (!is_in_window(core, &request->id))
        request->asks = QUESTION_RECALL;
    wheel_arm(core, request, arrival_due_at(core, authorize->timeout_us));
    flow_go(core, request);
}

void switch_balance(struct switch_core *core, struct moment now, const struct balance *balance) {
    core->now = now;
    struct request *request = admission_allows(core, balance->timeout_us) ? request_take(core) : NULL;
    if (request == NULL) {
        answer_at_once(core, balance->reply_to, REASON_BUSY);
        return;
    }
    request->work = WORK_BALANCE;
    pace_online_came(core, request);
    request->reply_to = balance->reply_to;
    request->credential = balance->credential;
    request->client = balance->client;
    request->day = calendar_day(&core->calendar, now.instant);
    request->asks = QUESTION_SPENT;
    if (!core->ports.find_account(core->ports.shell, &balance->credential, &request->account)) {
        answer_reason(core, request, REASON_UNKNOWN_CREDENTIAL);
        request_end(core, request);
        return;
    }
    request->refusal = arrival_refusal(&request->account, balance->client_channels);
    wheel_arm(core, request, arrival_due_at(core, balance->timeout_us));
    flow_go(core, request);
}
