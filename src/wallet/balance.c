/* SPDX-License-Identifier: Apache-2.0 */
#include "wallet/internal.h"

bool visit_wallet(struct visit *visit) {
    struct wire_request request = {.call = CALL_BALANCE, .balance = {.credential = visit->credential}};
    struct wire_reply reply;
    if (!switch_decide(visit, &request, &reply))
        return false;
    if (reply.answer.reason == REASON_UNKNOWN_CREDENTIAL)
        return switch_declined(visit, &reply);
    answer_wallet(visit, &reply.answer);
    return true;
}
