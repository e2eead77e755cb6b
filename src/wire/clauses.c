/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/clauses.h"

#include <stddef.h>

/* Of a purchase, or a question before one. Those of a limit are told with its numbers where they are known. */
static const char *of_purchase(enum reason reason) {
    switch (reason) {
    case REASON_UNSPECIFIED:
    case REASON_APPROVED:
        return "no reason was given.";
    case REASON_UNKNOWN_CREDENTIAL:
        return "no company pays for this card or app. Pay in another way.";
    case REASON_NOT_ACTIVATED:
        return "this credit is not activated yet. Activate it in the app with the code from the text message.";
    case REASON_BLOCKED:
        return "this credit is blocked. Ask the company's administrator.";
    case REASON_ENDED:
        return "this credit has ended. Ask the company's administrator.";
    case REASON_ORGANISATION_SUSPENDED:
        return "the company's account is suspended. Ask the company's administrator.";
    case REASON_CHANNEL_NOT_ALLOWED:
        return "this device may not sell on this kind of card or app.";
    case REASON_CREDIT_LIMIT:
        return "not enough is left of this credit this month.";
    case REASON_TRAVELLER_LIMIT:
        return "the traveller's monthly maximum is reached.";
    case REASON_DEPARTMENT_LIMIT:
        return "not enough is left of the department's budget this month.";
    case REASON_ORGANISATION_LIMIT:
        return "not enough is left of the company's limit this month.";
    case REASON_INVALID_AMOUNT:
        return "this amount can't be sold. Check the price.";
    case REASON_CURRENCY_MISMATCH:
        return "the operator charges in another currency.";
    case REASON_BAD_TIME:
        return "the device's clock is wrong. Set it, then buy again.";
    case REASON_ID_REUSED:
        return "this request id was used for another purchase. Buy again with a new one.";
    case REASON_REVERSED:
        return "this purchase was taken back; nothing is charged. Buy again.";
    case REASON_DOUBLE_TAP:
        return "the same ticket was bought here a moment ago.";
    case REASON_BUSY:
        return "too much to do just now. Try again.";
    case REASON_DEADLINE:
        return "it took too long; nothing is charged. Try again.";
    case REASON_UNAVAILABLE:
        return "the service can't decide just now; nothing is charged. Try again.";
    case REASON_INVALID_ID:
        return "the device sent no valid request id.";
    case REASON_CALL_NOT_ALLOWED:
        return "this device may not ask for that.";
    case REASON_NOT_FOUND:
        return "there is no purchase or hold of that id.";
    case REASON_WRONG_KIND:
        return "that can't be done to this kind of purchase.";
    case REASON_HOLD_CLOSED:
        return "this hold was captured or let go before.";
    case REASON_HOLD_EXPIRED:
        return "this hold has expired; nothing is charged. Buy again.";
    case REASON_AMOUNT_EXCEEDED:
        return "that is more than is left of it.";
    }
    return "for a reason this version does not know.";
}

/* What follows an entry may have been done although nothing was heard of it: the same id tells, and does it once. NULL:
 * as of a purchase. */
static const char *of_settlement(enum reason reason) {
    switch ((int)reason) {
    case REASON_UNKNOWN_CREDENTIAL:
        return "no company pays for this card or app.";
    case REASON_INVALID_AMOUNT:
        return "this amount is not possible.";
    case REASON_BAD_TIME:
        return "nothing was bought at this time. Check the clock of the device that bought.";
    case REASON_ID_REUSED:
        return "this request id was used for something else. Make a new one.";
    case REASON_REVERSED:
        return "the purchase was taken back; nothing of it is charged.";
    case REASON_BUSY:
        return "too much to do just now. Ask again under the same id.";
    case REASON_DEADLINE:
        return "it took too long to know. Ask again under the same id.";
    case REASON_UNAVAILABLE:
        return "the service can't tell just now. Ask again under the same id.";
    }
    return NULL;
}

static const char *of_advice(enum reason reason) {
    switch ((int)reason) {
    case REASON_UNKNOWN_CREDENTIAL:
        return "no company pays for this card or app.";
    case REASON_INVALID_AMOUNT:
        return "no purchase has this amount.";
    case REASON_BAD_TIME:
        return "no purchase was made at this time. Check the device's clock.";
    case REASON_ID_REUSED:
        return "this request id was used for another purchase.";
    case REASON_REVERSED:
        return "this purchase was taken back. If it was made all the same, tell of it under a new id.";
    case REASON_BUSY:
        return "too much to do just now. Tell of it again under the same id.";
    case REASON_DEADLINE:
        return "it took too long to know. Tell of it again under the same id.";
    case REASON_UNAVAILABLE:
        return "the service can't take it just now. Tell of it again under the same id.";
    }
    return NULL;
}

const char *clause_of(enum call call, enum reason reason) {
    bool is_settlement = call == CALL_CAPTURE || call == CALL_VOID || call == CALL_REVERSE || call == CALL_REFUND;
    const char *own = is_settlement ? of_settlement(reason) : call == CALL_ADVISE ? of_advice(reason) : NULL;
    return own != NULL ? own : of_purchase(reason);
}
