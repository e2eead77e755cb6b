/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <stdio.h>

static void write_json(const struct wire_reply *reply, bool is_card, const char *credential) {
    struct json json = json_start();
    json_text(&json, "decision", print_decision_name(reply->answer.decision));
    json_text(&json, "reason", reason_name(reply->answer.reason));
    json_text(&json, is_card ? "card" : "app", credential);
    json_number(&json, "available_minor", reply->answer.amount_minor);
    json_text(&json, "currency", reply->currency.code);
    json_limits(&json, &reply->answer);
    json_time(&json, "renews_at", reply->answer.renews_at);
    json_time(&json, "server_time", reply->server_time);
    json_text(&json, "message", reply->message);
    json_end(&json);
}

static void print_balance(const struct wire_reply *reply, bool is_card, const char *credential) {
    const struct answer *answer = &reply->answer;
    char available[MONEY_TEXT_SIZE];
    char renewal[PRINT_TIME_SIZE];
    money_format(answer->amount_minor, available);
    print_decision(answer->decision);
    printf("  may %sbuy now\n", answer->decision == DECISION_APPROVED ? "" : "not ");
    print_wrapped(0, reply->message);
    putchar('\n');
    print_fact("Reason", "%s", reason_name(answer->reason));
    print_fact("Can be spent", "%s %s", available, reply->currency.code);
    if (answer->limit_count > 0) {
        print_time(answer->renews_at, renewal);
        print_fact("Renews", "%s", renewal);
    }
    print_fact(is_card ? "Card" : "App", "%s", credential);
    print_limits(answer);
}

int command_balance(const struct invocation *invocation) {
    static struct wire_request request = {.call = CALL_BALANCE};
    static struct asked asked;
    char credential[ASK_CREDENTIAL_TEXT];
    int64_t timeout_us = ASK_DEFAULT_TIMEOUT_US;
    if (!ask_credential(invocation, &request.balance.credential, credential) ||
        !invocation_duration(invocation, "timeout", &timeout_us))
        return EXIT_USAGE;
    if (!ask(invocation, &request, timeout_us, false, &asked))
        return command_broken(invocation, "%s", asked.trouble.text);
    if (asked.reply.kind != WIRE_REPLY_ANSWER)
        return ask_rejected(invocation, &asked.reply);
    bool is_card = request.balance.credential.kind == CREDENTIAL_CARD;
    if (invocation_has(invocation, "json"))
        write_json(&asked.reply, is_card, credential);
    else
        print_balance(&asked.reply, is_card, credential);
    return ask_status(&asked.reply.answer);
}
