/* SPDX-License-Identifier: Apache-2.0 */
#include "base/card.h"
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <stdio.h>
#include <string.h>

/* What is bought, as the person gave it. */
struct wish {
    struct wire_request request;
    char credential[ASK_CREDENTIAL_TEXT];
    char id[REQUEST_ID_TEXT_SIZE];
    int64_t timeout_us;
};

static bool take_text(const struct invocation *invocation, const char *option, char *text, size_t capacity) {
    const char *given = invocation_value(invocation, option);
    if (given == NULL)
        return true;
    if (strlen(given) >= capacity) {
        usage_wrong(invocation, "--%s may have %zu bytes", option, capacity - 1);
        return false;
    }
    memcpy(text, given, strlen(given) + 1);
    return true;
}

static bool take_price(const struct invocation *invocation, struct money *amount) {
    if (!invocation_has(invocation, "amount")) {
        usage_wrong(invocation, "--amount is missing");
        return false;
    }
    return ask_currency(invocation, &amount->currency) && invocation_amount(invocation, "amount", &amount->minor);
}

/* A switch that is given a time as well: --hold=15min. */
static bool take_hold(const struct invocation *invocation, struct authorize *authorize) {
    const char *text = invocation_value(invocation, "hold");
    authorize->is_hold = text != NULL;
    return text == NULL || text[0] == '\0' || invocation_duration(invocation, "hold", &authorize->hold_us);
}

static bool read_wish(const struct invocation *invocation, struct wish *wish) {
    struct authorize *authorize = &wish->request.authorize;
    wish->request.call = CALL_AUTHORIZE;
    wish->timeout_us = ASK_DEFAULT_TIMEOUT_US;
    authorize->id = ask_new_id();
    authorize->allows_partial = invocation_has(invocation, "partial");
    wish->request.is_intended = invocation_has(invocation, "intended");
    if (!ask_credential(invocation, &authorize->credential, wish->credential) ||
        !take_price(invocation, &authorize->amount) ||
        !take_text(invocation, "product", authorize->product.code, sizeof authorize->product.code) ||
        !take_text(invocation, "place", authorize->place.text, sizeof authorize->place.text) ||
        !take_hold(invocation, authorize) || !invocation_duration(invocation, "timeout", &wish->timeout_us) ||
        (invocation_has(invocation, "id") && !ask_id(invocation, "id", &authorize->id)))
        return false;
    if (authorize->product.code[0] == '\0') {
        usage_wrong(invocation, "--product is missing");
        return false;
    }
    request_id_format(&authorize->id, wish->id);
    return true;
}

static void write_json(const struct wish *wish, const struct asked *asked) {
    const struct answer *answer = &asked->reply.answer;
    bool is_card = wish->request.authorize.credential.kind == CREDENTIAL_CARD;
    struct json json = json_start();
    json_text(&json, "decision", print_decision_name(answer->decision));
    json_text(&json, "reason", reason_name(answer->reason));
    json_text(&json, "id", wish->id);
    json_text(&json, is_card ? "card" : "app", wish->credential);
    json_text(&json, "product", wish->request.authorize.product.code);
    json_number(&json, "asked_minor", wish->request.authorize.amount.minor);
    json_number(&json, "amount_minor", answer->amount_minor);
    json_text(&json, "currency", wish->request.authorize.amount.currency.code);
    json_text(&json, "safety", print_safety_name(answer->safety));
    json_truth(&json, "repeat", answer->is_repeat);
    json_time(&json, "expires_at", answer->expires_at);
    json_text(&json, "field", answer->differs == FIELD_NONE ? NULL : content_field_name(answer->differs));
    if (answer->deciding >= 0)
        json_limit(&json, "decided_by", &answer->limits[answer->deciding]);
    else
        json_text(&json, "decided_by", NULL);
    json_limits(&json, answer);
    json_time(&json, "renews_at", answer->renews_at);
    json_time(&json, "server_time", asked->reply.server_time);
    json_text(&json, "message", asked->reply.message);
    json_number(&json, "attempts", asked->attempts);
    json_number(&json, "took_us", asked->took_us);
    json_end(&json);
}

static const char *safety_in_words(enum safety safety) {
    switch (safety) {
    case SAFETY_NONE:
        return "none: nothing was bought";
    case SAFETY_COMMITTED:
        return "COMMITTED: the database has it";
    case SAFETY_JOURNALED:
        return "JOURNALED: the switch's own journal has it, the database will";
    }
    return "?";
}

static void print_credit_left(const struct answer *answer, const char *currency) {
    for (uint8_t i = 0; i < answer->limit_count; i++) {
        const struct standing_of_limit *limit = &answer->limits[i];
        if (limit->limit.kind != LIMIT_CREDIT)
            continue;
        char left[MONEY_TEXT_SIZE];
        char ceiling[MONEY_TEXT_SIZE];
        char renewal[PRINT_TIME_SIZE];
        money_format(print_remaining(limit), left);
        money_format(limit->limit.ceiling_minor, ceiling);
        print_time(answer->renews_at, renewal);
        print_fact("Credit left", "%s of %s %s, renews %s", left, ceiling, currency, renewal);
    }
}

/* What is not as the words of the request lead one to think. */
static void print_approved(const struct answer *answer, const struct authorize *authorize) {
    char text[MONEY_TEXT_SIZE];
    char until[PRINT_TIME_SIZE];
    if (answer->decision == DECISION_APPROVED && answer->amount_minor != authorize->amount.minor) {
        money_format(answer->amount_minor, text);
        print_fact("Approved for", "%s %s only", text, authorize->amount.currency.code);
    }
    if (answer->expires_at.us != 0) {
        print_time(answer->expires_at, until);
        print_fact("Held until", "%s", until);
    }
}

static void print_answer(const struct wish *wish, const struct asked *asked) {
    const struct authorize *authorize = &wish->request.authorize;
    const struct answer *answer = &asked->reply.answer;
    char amount[MONEY_TEXT_SIZE];
    money_format(authorize->amount.minor, amount);
    print_decision(answer->decision);
    printf("  %s %s, %s\n", amount, authorize->amount.currency.code, authorize->product.code);
    print_wrapped(0, asked->reply.message);
    putchar('\n');
    print_fact("Reason", "%s", reason_name(answer->reason));
    if (answer->differs != FIELD_NONE)
        print_fact("Differs", "%s", content_field_name(answer->differs));
    print_fact("Safety", "%s", safety_in_words(answer->safety));
    print_approved(answer, authorize);
    print_credit_left(answer, authorize->amount.currency.code);
    print_fact(authorize->credential.kind == CREDENTIAL_CARD ? "Card" : "App", "%s", wish->credential);
    print_fact("Id", "%s", wish->id);
    print_fact("Answered in", "%.1f ms%s", (double)asked->took_us / 1000,
               answer->is_repeat ? ", as before: this is a repeat" : "");
    if (answer->reason == REASON_UNKNOWN_CREDENTIAL && authorize->credential.kind == CREDENTIAL_CARD &&
        !card_is_luhn_valid(authorize->credential.card))
        print_fact("Hint", "%s", "the check digit is wrong: is the number mistyped?");
    print_limits(answer);
}

/* No answer is not a no: the purchase may stand. Whoever asks again under its id finds out, and is not charged twice.
 */
static int unanswered(const struct invocation *invocation, const struct wish *wish, const struct asked *asked) {
    return command_broken(invocation,
                          "%s\n"
                          "It was asked %d time%s. Whether it was bought is not known: ask again with --id %s,\n"
                          "which can't charge twice, or look it up with vaxel lookup --id.",
                          asked->trouble.text, asked->attempts, asked->attempts == 1 ? "" : "s", wish->id);
}

int command_purchase(const struct invocation *invocation) {
    static struct wish wish;
    static struct asked asked;
    if (!read_wish(invocation, &wish))
        return EXIT_USAGE;
    if (!ask(invocation, &wish.request, wish.timeout_us, true, &asked))
        return asked.attempts == 0 ? command_broken(invocation, "%s", asked.trouble.text)
                                   : unanswered(invocation, &wish, &asked);
    if (asked.attempts > 1)
        fprintf(stderr, "vaxel: asked %d times under the same id, for the connection failed: %s\n", asked.attempts,
                asked.trouble.text);
    if (asked.reply.kind != WIRE_REPLY_ANSWER)
        return ask_rejected(invocation, &asked.reply);
    if (invocation_has(invocation, "json"))
        write_json(&wish, &asked);
    else
        print_answer(&wish, &asked);
    return ask_status(&asked.reply.answer);
}
