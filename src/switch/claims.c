/* SPDX-License-Identifier: Apache-2.0 */
/* claims: in stand-in nothing orders what two nodes do with copies of one request: one may have its journal vouch for
 * it while another, which has told DEADLINE, waits to undo it. So each claims the id in Redis first, under an id
 * derived from it, and only the first one goes on. A claim is remembered like a refusal: under every epoch, for some
 * days. What it costs is one question more, for purchases in stand-in and for those that are undone. */
#include "switch/core.h"

/* No client's id is of this version. */
#define VERSION_OF_CLAIMS 11

static struct request_id id_of_claim(const struct request_id *id) {
    struct request_id claim = *id;
    claim.bytes[6] = (uint8_t)((claim.bytes[6] & 0x0f) | VERSION_OF_CLAIMS << 4);
    return claim;
}

static struct content content_of_claim(const struct request *request, char intent) {
    return (struct content){
        .amount_minor = request->appended_at.us, /* whose it is: no two requests have the same */
        .client = request->client,
        .kind = (uint8_t)intent,
    };
}

bool claim_ask(struct switch_core *core, struct request *request, char intent) {
    if (!core->is_limits_up)
        return false;
    const struct question question = {
        .kind = QUESTION_AUTHORIZE,
        .owner = request_slot(core, request),
        .organisation = request->account.organisation,
        .day = request->day,
        .id = id_of_claim(&request->id),
        .content = content_of_claim(request, intent),
        .refusal = REASON_UNAVAILABLE,
    };
    return core->ports.ask(core->ports.shell, &question);
}

enum claim claim_of(const struct request *request, const struct verdict *verdict) {
    if (verdict->kind == VERDICT_REFUSED)
        return CLAIM_MINE;
    if (verdict->kind != VERDICT_KNOWN)
        return CLAIM_NOBODYS;
    /* Its own, of either intent, whose answer was lost. */
    const struct content *content = &verdict->memory.content;
    bool is_own = content->amount_minor == request->appended_at.us && content->client == request->client;
    return is_own ? CLAIM_MINE : CLAIM_ANOTHERS;
}
