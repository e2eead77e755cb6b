/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/log.h"
#include "wallet/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CODE_SIZE 64

const char *status_name(enum status status) {
    switch (status) {
    case STATUS_PENDING:
        return "pending";
    case STATUS_COMMITTED:
        return "commited"; /* the standard's spelling */
    case STATUS_CANCELLED:
        return "cancelled";
    }
    CHECK(!"a status");
    return "";
}

static void answer_json(struct http_exchange *exchange, unsigned status, const char *type, struct json_object *root) {
    const char *text = json_write(root);
    http_answer_header(exchange, "Cache-Control", "no-store");
    http_answer(exchange, status, type, bytes_of(text, strlen(text)));
    json_release(root);
}

/* ---- problem details (RFC 9457) ---- */

bool problem_set(struct problem *problem, unsigned status, const char *code, const char *field, const char *format,
                 ...) {
    problem->status = status;
    problem->code = code;
    problem->field = field;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->detail, sizeof(problem->detail), format, arguments);
    va_end(arguments);
    return false;
}

static void write_code(const char *code, char space, char *text) {
    for (; *code != '\0'; code++)
        *text++ = *code == '_' ? space : (char)(*code | 0x20); /* of a capital the small letter */
    *text = '\0';
}

/* "CREDIT_LIMIT" is of the type urn:vaxel:problem:credit-limit, in a word "Credit limit". */
static void put_code(struct json_object *root, const char *code) {
    char type[2 * CODE_SIZE] = "urn:vaxel:problem:";
    char title[CODE_SIZE];
    CHECK(strlen(code) < CODE_SIZE);
    write_code(code, '-', type + strlen(type));
    write_code(code, ' ', title);
    title[0] = code[0];
    json_put_text(root, "type", type);
    json_put_text(root, "title", title);
}

void answer_problem_details(struct http_exchange *exchange, const struct problem *problem) {
    char status[16];
    snprintf(status, sizeof(status), "%u", problem->status);
    struct json_object *root = json_new_map();
    put_code(root, problem->code);
    json_put_digits(root, "status", status);
    json_put_text(root, "detail", problem->detail);
    if (problem->field != NULL)
        json_put_text(root, "field", problem->field);
    if (problem->status == 503)
        http_answer_header(exchange, "Retry-After", "1");
    answer_json(exchange, problem->status, "application/problem+json", root);
}

/* ---- what was asked for ---- */

static void put_amount(struct json_object *map, const char *name, int64_t minor) {
    char text[MONEY_TEXT_SIZE];
    money_format(minor, text);
    json_put_digits(map, name, text);
}

static void put_time(struct json_object *map, const char *name, int64_t us) {
    char text[INSTANT_TEXT_SIZE];
    instant_format((struct instant){us}, text);
    json_put_text(map, name, text);
}

static void put_times(struct visit *visit, struct json_object *root, const struct reference_transaction *transaction,
                      enum status status) {
    const struct settings *settings = &visit->wallet->settings;
    int64_t made_us = request_id_time(&transaction->id).us;
    if (status == STATUS_PENDING)
        put_time(root, "expire",
                 transaction->expires_at.us != 0 ? transaction->expires_at.us : made_us + settings->wallet_hold_us);
    if (status == STATUS_COMMITTED)
        put_time(root, "cancellableExpire", made_us + settings->wallet_cancellable_us);
}

/* Where a transaction is; what is told of a change is logged. */
static void tell_location(struct visit *visit, unsigned status_code, const char *id, const char *status) {
    char location[PREFIX_SIZE + REQUEST_ID_TEXT_SIZE + 16];
    snprintf(location, sizeof(location), "%s/transaction/%s", visit->prefix, id);
    http_answer_header(visit->exchange, "Location", location);
    static struct log_place place = {.lines = LOG_REQUEST_LINES};
    log_write(&place, LOG_LEVEL_INFO, "wallet", "transaction method=%s answer=%u id=%s issuer=%s status=%s",
              visit->request->method, status_code, id, visit->token.issuer, status);
}

void answer_repeat(struct visit *visit, const struct reference_transaction *transaction) {
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&transaction->id, id);
    tell_location(visit, 303, id, "repeated");
    http_answer_header(visit->exchange, "Cache-Control", "no-store");
    http_answer(visit->exchange, 303, NULL, bytes_of("", 0));
}

void answer_transaction(struct visit *visit, unsigned status_code, const struct reference_transaction *transaction,
                        enum status status) {
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&transaction->id, id);
    if (status_code != 200)
        tell_location(visit, status_code, id, status_name(status));
    struct json_object *root = json_new_map();
    json_put_text(root, "id", id);
    json_put_text(root, "transactionReference", transaction->reference);
    json_put_text(root, "description", transaction->description);
    put_amount(root, "amount", transaction->amount_minor);
    json_put_text(root, "currency", visit->wallet->currency.code);
    json_put_text(root, "paymentMeansId", PAYMENT_MEANS);
    json_put_text(root, "status", status_name(status));
    put_times(visit, root, transaction, status);
    answer_json(visit->exchange, status_code, "application/json", root);
}

static int64_t ceiling_of_credit(const struct answer *balance) {
    for (size_t i = 0; i < balance->limit_count; i++)
        if (balance->limits[i].limit.kind == LIMIT_CREDIT)
            return balance->limits[i].limit.ceiling_minor;
    return balance->amount_minor;
}

/* What can't pay now is none of the payment means. */
void answer_wallet(struct visit *visit, const struct answer *balance) {
    struct json_object *means = json_new_list();
    if (balance->decision == DECISION_APPROVED) {
        struct json_object *invoice = json_new_map();
        json_put_text(invoice, "id", PAYMENT_MEANS);
        json_put_digits(invoice, "preference", "0");
        json_put_text(invoice, "name", "Företagsfaktura");
        json_put_text(invoice, "type", "invoice");
        json_put_text(invoice, "currency", visit->wallet->currency.code);
        put_amount(invoice, "limit", ceiling_of_credit(balance));
        put_amount(invoice, "balance", balance->amount_minor);
        json_append(means, invoice);
    }
    struct json_object *root = json_new_map();
    json_put(root, "paymentMeans", means);
    answer_json(visit->exchange, 200, "application/json", root);
}
