/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <stdio.h>

/* NULL: it is none, or the switch does not say. */
static const char *hold_word(enum hold_state state) {
    switch (state) {
    case HOLD_STATE_UNSPECIFIED:
        return NULL;
    case HOLD_STATE_OPEN:
        return "open";
    case HOLD_STATE_CLOSED:
        return "closed";
    }
    return NULL;
}

static void write_json(const struct wire_reply *reply, const char *id) {
    const struct entry *entry = &reply->found.entry;
    struct json json = json_start();
    json_truth(&json, "found", reply->found.is_found);
    json_text(&json, "id", id);
    if (reply->found.is_found) {
        json_text(&json, "kind", wire_kind_name(entry->kind));
        json_truth(&json, "reversed", reply->found.is_reversed);
        json_text(&json, "hold", hold_word(reply->found.hold));
        json_time(&json, "expires_at", entry->expires_at);
        json_number(&json, "captured_minor", reply->found.captured_minor);
        json_number(&json, "refunded_minor", reply->found.refunded_minor);
        json_truth(&json, "forced", (entry->flags & ENTRY_FORCED) != 0);
        json_truth(&json, "late", (entry->flags & ENTRY_LATE) != 0);
        json_truth(&json, "stand_in", (entry->flags & ENTRY_STAND_IN) != 0);
        json_truth(&json, "partial", (entry->flags & ENTRY_PARTIAL) != 0);
        json_number(&json, "amount_minor", entry->amount_minor);
        json_text(&json, "currency", reply->currency.code);
        json_text(&json, "product", entry->product.code);
        json_text(&json, "place", entry->place.text);
        json_number(&json, "month", entry->month.yyyymm);
        json_number(&json, "organisation", entry->organisation);
        json_number(&json, "department", entry->department);
        json_number(&json, "traveller", entry->traveller);
        json_number(&json, "credit", entry->credit);
        json_number(&json, "client", entry->client);
        json_time(&json, "recorded_at", reply->found.recorded_at);
    }
    json_time(&json, "server_time", reply->server_time);
    json_end(&json);
}

static void print_part(const char *name, int64_t minor, const char *currency) {
    char amount[MONEY_TEXT_SIZE];
    if (minor == 0)
        return;
    money_format(minor, amount);
    print_fact(name, "%s %s", amount, currency);
}

static void print_hold(const struct found *found) {
    char until[PRINT_TIME_SIZE];
    print_time(found->entry.expires_at, until);
    if (found->hold == HOLD_STATE_OPEN)
        print_fact("Hold", "open until %s", until);
    else if (found->hold == HOLD_STATE_CLOSED)
        print_fact("Hold", "closed");
}

/* What is special about it, a line each. */
static void print_marks(uint8_t flags) {
    static const struct {
        enum entry_flag flag;
        const char *words;
    } marks[] = {
        {ENTRY_PARTIAL, "approved for less than was asked"},
        {ENTRY_FORCED, "recorded though it did not fit, or might not be bought"},
        {ENTRY_LATE, "counted in a later month, its own was closed"},
        {ENTRY_STAND_IN, "approved by a node while the database was away"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if ((flags & marks[i].flag) != 0)
            print_fact("Mark", "%s", marks[i].words);
}

static void print_found(const struct wire_reply *reply, const char *id) {
    const struct entry *entry = &reply->found.entry;
    char amount[MONEY_TEXT_SIZE];
    char recorded[PRINT_TIME_SIZE];
    if (!reply->found.is_found) {
        printf("Nothing is recorded under %s.\n", id);
        return;
    }
    money_format(entry->amount_minor, amount);
    print_time(reply->found.recorded_at, recorded);
    printf("%s  %s %s, %s\n\n", reply->found.is_reversed ? "REVERSED" : "RECORDED", amount, reply->currency.code,
           entry->product.code);
    print_fact("Kind", "%s", wire_kind_name(entry->kind));
    print_hold(&reply->found);
    print_part("Captured", reply->found.captured_minor, reply->currency.code);
    print_part("Refunded", reply->found.refunded_minor, reply->currency.code);
    print_marks(entry->flags);
    print_fact("Place", "%s", entry->place.text[0] != '\0' ? entry->place.text : "-");
    print_fact("Month", "%d-%02d", entry->month.yyyymm / 100, entry->month.yyyymm % 100);
    print_fact("Recorded", "%s", recorded);
    print_fact("Organisation", "%d", entry->organisation);
    if (entry->department != 0)
        print_fact("Department", "%d", entry->department);
    print_fact("Traveller", "%d", entry->traveller);
    print_fact("Credit", "%d", entry->credit);
    print_fact("Client", "%d", entry->client);
    print_fact("Id", "%s", id);
}

int command_lookup(const struct invocation *invocation) {
    static struct wire_request request = {.call = CALL_LOOKUP};
    static struct asked asked;
    struct lookup *lookup = &request.lookup;
    char credential[ASK_CREDENTIAL_TEXT];
    char id[REQUEST_ID_TEXT_SIZE];
    int64_t timeout_us = ASK_DEFAULT_TIMEOUT_US;
    lookup->has_credential = invocation_has(invocation, "card") || invocation_has(invocation, "app");
    if (!ask_id(invocation, "id", &lookup->id) ||
        (lookup->has_credential && !ask_credential(invocation, &lookup->credential, credential)) ||
        !invocation_duration(invocation, "timeout", &timeout_us))
        return EXIT_USAGE;
    if (!ask(invocation, &request, timeout_us, false, &asked))
        return command_broken(invocation, "%s", asked.trouble.text);
    if (asked.reply.kind != WIRE_REPLY_FOUND)
        return ask_rejected(invocation, &asked.reply);
    request_id_format(&lookup->id, id);
    if (invocation_has(invocation, "json"))
        write_json(&asked.reply, id);
    else
        print_found(&asked.reply, id);
    return asked.reply.found.is_found ? EXIT_YES : EXIT_NO;
}
