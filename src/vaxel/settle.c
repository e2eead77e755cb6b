/* SPDX-License-Identifier: Apache-2.0 */
/* capture, void, reverse, refund: what follows a purchase or a hold. */
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <stdio.h>
#include <string.h>

/* What is wanted, as the person gave it. */
struct settlement_wish {
    struct wire_request request;
    const char *done; /* "captured" */
    char credential[ASK_CREDENTIAL_TEXT];
    char id[REQUEST_ID_TEXT_SIZE];
    char original[REQUEST_ID_TEXT_SIZE];
    int64_t timeout_us;
};

static const struct {
    const char *name;
    enum call call;
    enum entry_kind kind;
    const char *done;
} kinds[] = {
    {"capture", CALL_CAPTURE, ENTRY_CAPTURE, "captured"},
    {"void", CALL_VOID, ENTRY_VOID, "let go"},
    {"reverse", CALL_REVERSE, ENTRY_REVERSAL, "reversed"},
    {"refund", CALL_REFUND, ENTRY_REFUND, "refunded"},
};

static void take_kind(const struct invocation *invocation, struct settlement_wish *wish) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, invocation->command->name) != 0)
            continue;
        wish->request.call = kinds[i].call;
        wish->request.settle.kind = kinds[i].kind;
        wish->done = kinds[i].done;
    }
}

/* A reversal is done under the id of what it reverses; the others have their own. */
static bool take_ids(const struct invocation *invocation, struct settle *settle) {
    if (settle->kind == ENTRY_REVERSAL) {
        bool is_taken = ask_id(invocation, "id", &settle->id);
        settle->original = settle->id;
        return is_taken;
    }
    settle->id = ask_new_id();
    return ask_id(invocation, "original", &settle->original) &&
           (!invocation_has(invocation, "id") || ask_id(invocation, "id", &settle->id));
}

static bool take_credential(const struct invocation *invocation, struct settlement_wish *wish) {
    struct settle *settle = &wish->request.settle;
    settle->has_credential =
        settle->kind == ENTRY_REVERSAL || invocation_has(invocation, "card") || invocation_has(invocation, "app");
    return !settle->has_credential || ask_credential(invocation, &settle->credential, wish->credential);
}

static bool read_wish(const struct invocation *invocation, struct settlement_wish *wish) {
    struct settle *settle = &wish->request.settle;
    take_kind(invocation, wish);
    wish->timeout_us = ASK_DEFAULT_TIMEOUT_US;
    settle->is_final = !invocation_has(invocation, "more");
    if (!take_ids(invocation, settle) || !take_credential(invocation, wish) ||
        !ask_currency(invocation, &wish->request.currency) ||
        !invocation_amount(invocation, "amount", &settle->amount_minor) ||
        !invocation_duration(invocation, "timeout", &wish->timeout_us))
        return false;
    request_id_format(&settle->id, wish->id);
    request_id_format(&settle->original, wish->original);
    return true;
}

static void write_json(const struct settlement_wish *wish, const struct asked *asked) {
    const struct answer *answer = &asked->reply.answer;
    struct json json = json_start();
    json_text(&json, "decision", print_decision_name(answer->decision));
    json_text(&json, "reason", reason_name(answer->reason));
    json_text(&json, "id", wish->id);
    json_text(&json, "original", wish->original);
    json_number(&json, "amount_minor", answer->amount_minor);
    json_number(&json, "remaining_minor", answer->remaining_minor);
    json_text(&json, "currency", asked->reply.currency.code);
    json_truth(&json, "repeat", answer->is_repeat);
    json_text(&json, "field", answer->differs == FIELD_NONE ? NULL : content_field_name(answer->differs));
    json_time(&json, "server_time", asked->reply.server_time);
    json_text(&json, "message", asked->reply.message);
    json_number(&json, "attempts", asked->attempts);
    json_number(&json, "took_us", asked->took_us);
    json_end(&json);
}

static void print_settled(const struct settlement_wish *wish, const struct asked *asked) {
    const struct answer *answer = &asked->reply.answer;
    char amount[MONEY_TEXT_SIZE];
    print_decision(answer->decision);
    money_format(answer->amount_minor, amount);
    if (answer->decision == DECISION_APPROVED)
        printf("  %s %s %s\n", wish->done, amount, asked->reply.currency.code);
    else
        printf("  not %s\n", wish->done);
    print_wrapped(0, asked->reply.message);
    putchar('\n');
    print_fact("Reason", "%s", reason_name(answer->reason));
    if (answer->differs != FIELD_NONE)
        print_fact("Differs", "%s", content_field_name(answer->differs));
    if (answer->remaining_minor > 0) {
        money_format(answer->remaining_minor, amount);
        print_fact("Left", "%s %s", amount, asked->reply.currency.code);
    }
    if (wish->request.settle.kind != ENTRY_REVERSAL)
        print_fact("Original", "%s", wish->original);
    print_fact("Id", "%s", wish->id);
    print_fact("Answered in", "%.1f ms%s", (double)asked->took_us / 1000,
               answer->is_repeat ? ", as before: this is a repeat" : "");
}

/* No answer is not a no: asked again under its id, it is done once, and says what became of it. */
static int unanswered(const struct invocation *invocation, const struct settlement_wish *wish,
                      const struct asked *asked) {
    return command_broken(invocation,
                          "%s\n"
                          "It was asked %d time%s. Whether it was done is not known: ask again with --id\n"
                          "%s, under which it is done once.",
                          asked->trouble.text, asked->attempts, asked->attempts == 1 ? "" : "s", wish->id);
}

int command_settle(const struct invocation *invocation) {
    static struct settlement_wish wish;
    static struct asked asked;
    if (!read_wish(invocation, &wish))
        return EXIT_USAGE;
    if (!ask(invocation, &wish.request, wish.timeout_us, true, &asked))
        return asked.attempts == 0 ? command_broken(invocation, "%s", asked.trouble.text)
                                   : unanswered(invocation, &wish, &asked);
    if (asked.reply.kind != WIRE_REPLY_SETTLED)
        return ask_rejected(invocation, &asked.reply);
    if (invocation_has(invocation, "json"))
        write_json(&wish, &asked);
    else
        print_settled(&wish, &asked);
    return ask_status(&asked.reply.answer);
}
