/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

#include <stdlib.h>
#include <string.h>

struct switch_core *switch_create(const struct switch_settings *settings, const struct switch_ports *ports) {
    CHECK(settings->capacity > 0 && settings->capacity < NOBODY);
    CHECK(settings->largest_amount_minor > 0 && settings->largest_amount_minor <= MONEY_MAX_MINOR);
    CHECK(settings->default_timeout_us <= settings->longest_timeout_us);
    struct switch_core *core = calloc(1, sizeof *core);
    CHECK(core != NULL);
    core->settings = *settings;
    core->ports = *ports;
    core->retry_at.us = INT64_MAX;
    core->waiting = (struct list){NOBODY, NOBODY};
    core->requests = calloc(settings->capacity, sizeof *core->requests);
    CHECK(core->requests != NULL);
    for (uint32_t slot = 0; slot < settings->capacity; slot++)
        core->requests[slot].next = slot + 1 < settings->capacity ? slot + 1 : NOBODY;
    wheel_init(&core->wheel, settings->longest_timeout_us);
    warm_init(&core->warm, settings->warm_capacity);
    return core;
}

void switch_destroy(struct switch_core *core) {
    if (core == NULL)
        return;
    warm_finish(&core->warm);
    wheel_finish(&core->wheel);
    free(core->requests);
    free(core);
}

static struct tick due_at(const struct switch_core *core, struct moment now, int64_t timeout_us) {
    const struct switch_settings *settings = &core->settings;
    int64_t timeout = timeout_us == 0 ? settings->default_timeout_us : timeout_us;
    if (timeout > settings->longest_timeout_us)
        timeout = settings->longest_timeout_us;
    /* A client that leaves less than twice the margin gets half of what it leaves. */
    int64_t margin = timeout < 2 * settings->answer_margin_us ? timeout / 2 : settings->answer_margin_us;
    return (struct tick){now.tick.us + timeout - margin};
}

/* What stands against it before any counter is asked; REASON_UNSPECIFIED: nothing. */
static enum reason refusal_of(const struct account *account, uint32_t client_channels) {
    if ((client_channels & 1u << account->channel) == 0)
        return REASON_CHANNEL_NOT_ALLOWED;
    return account->standing == REASON_APPROVED ? REASON_UNSPECIFIED : account->standing;
}

static bool is_in_window(const struct switch_core *core, struct moment now, const struct request_id *id) {
    int64_t apart_us = request_id_time(id).us - now.instant.us;
    return apart_us <= core->settings.time_window_us && -apart_us <= core->settings.time_window_us;
}

static void fill_content(struct request *request) {
    request->content = (struct content){
        .amount_minor = request->amount_minor,
        .client = request->client,
        .credit = request->account.credit,
        .product_hash = content_hash(request->product.code),
        .place_hash = content_hash(request->place.text),
        .kind = ENTRY_PURCHASE,
    };
}

void switch_authorize(struct switch_core *core, struct moment now, const struct authorize *authorize) {
    core->now = now;
    CHECK(authorize->amount.minor > 0);
    CHECK(request_id_is_v7(&authorize->id));
    struct request *request = request_take(core);
    if (request == NULL) {
        answer_at_once(core, authorize->reply_to, REASON_BUSY);
        return;
    }
    request->reply_to = authorize->reply_to;
    request->id = authorize->id;
    request->credential = authorize->credential;
    request->product = authorize->product;
    request->place = authorize->place;
    request->amount_minor = authorize->amount.minor;
    request->client = authorize->client;
    request->day = calendar_day(&core->calendar, request_id_time(&authorize->id));
    request->asks = QUESTION_AUTHORIZE;

    /* These follow from the request alone, so a repeat is told the same without being remembered. */
    enum reason reason = REASON_UNSPECIFIED;
    if (!currency_equal(authorize->amount.currency, core->settings.currency))
        reason = REASON_CURRENCY_MISMATCH;
    else if (authorize->amount.minor > core->settings.largest_amount_minor)
        reason = REASON_INVALID_AMOUNT;
    else if (!core->ports.find_account(core->ports.shell, &authorize->credential, &request->account))
        reason = REASON_UNKNOWN_CREDENTIAL;
    if (reason != REASON_UNSPECIFIED) {
        answer_reason(core, request, reason);
        request_release(core, request);
        return;
    }

    CHECK(request->account.limit_count > 0 && request->account.limit_count <= LIMITS_CAPACITY);
    fill_content(request);
    request->refusal = refusal_of(&request->account, authorize->client_channels);
    /* Out of its window an id can only be a late repeat: it gets the answer of then, or none (DESIGN 6). */
    if (!is_in_window(core, now, &request->id))
        request->asks = QUESTION_RECALL;
    wheel_arm(core, request, due_at(core, now, authorize->timeout_us));
    flow_ask(core, request);
}

void switch_balance(struct switch_core *core, struct moment now, const struct balance *balance) {
    core->now = now;
    struct request *request = request_take(core);
    if (request == NULL) {
        answer_at_once(core, balance->reply_to, REASON_BUSY);
        return;
    }
    request->reply_to = balance->reply_to;
    request->credential = balance->credential;
    request->client = balance->client;
    request->day = calendar_day(&core->calendar, now.instant);
    request->asks = QUESTION_SPENT;
    if (!core->ports.find_account(core->ports.shell, &balance->credential, &request->account)) {
        answer_reason(core, request, REASON_UNKNOWN_CREDENTIAL);
        request_release(core, request);
        return;
    }
    request->refusal = refusal_of(&request->account, balance->client_channels);
    wheel_arm(core, request, due_at(core, now, balance->timeout_us));
    flow_ask(core, request);
}

void switch_limits_up(struct switch_core *core, struct moment now, bool is_up) {
    core->now = now;
    core->is_limits_up = is_up;
    if (is_up)
        flow_retry_waiting(core);
}

void switch_record_up(struct switch_core *core, struct moment now, bool is_up) {
    core->now = now;
    core->is_record_up = is_up;
    if (is_up)
        flow_retry_waiting(core);
}

void switch_tick(struct switch_core *core, struct moment now) {
    core->now = now;
    for (struct request *request; (request = wheel_due(core)) != NULL;)
        undo_due(core, request);
    if (now.tick.us >= core->retry_at.us) {
        core->retry_at.us = INT64_MAX;
        flow_retry_waiting(core);
    }
}

struct tick switch_next_tick(const struct switch_core *core) {
    struct tick next = core->retry_at;
    if (core->wheel.armed > 0 && (core->wheel.swept_ms + 1) * 1000 < next.us)
        next.us = (core->wheel.swept_ms + 1) * 1000;
    return next;
}

uint32_t switch_busy(const struct switch_core *core) {
    return core->busy;
}
