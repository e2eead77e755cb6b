/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/listings.h"

#include "base/card.h"
#include "wire/taking.h"
#include "wire/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- what became of advices ---- */

static bool read_result(const struct wire_codec *codec, const Vaxel__V1__AdviceResult *message,
                        struct advice_answer *read, struct failure *failure) {
    struct answer verdict = {0};
    *read = (struct advice_answer){0};
    if (!taking_id(message->id, &read->id, failure) ||
        !taking_verdict(message->decision, message->reason, &verdict, failure))
        return false;
    read->decision = verdict.decision;
    read->reason = verdict.reason;
    read->is_repeat = message->repeat;
    read->flags = (uint8_t)((message->forced ? ENTRY_FORCED : 0) | (message->late ? ENTRY_LATE : 0));
    if (read->reason == REASON_ID_REUSED)
        read->differs = taking_differing(codec, message->field);
    else
        text_copy_printable(read->fault.field, sizeof read->fault.field, codec_string(codec, message->field));
    read->fault.reason = read->reason;
    text_copy_printable(read->fault.text, sizeof read->fault.text, codec_string(codec, message->message));
    return true;
}

bool listings_read_advices(struct wire_codec *codec, const Vaxel__V1__AdviseResponse *message, struct wire_reply *reply,
                           struct failure *failure) {
    struct advice_answers *answers = &codec->advice_answers;
    if (message->n_results > ADVICES_PER_FRAME)
        return failure_set(failure, "the server answers %zu advices, more than the %d that can be told of at once",
                           message->n_results, ADVICES_PER_FRAME);
    reply->kind = WIRE_REPLY_ADVICES;
    reply->call = CALL_ADVISE;
    reply->advices = answers;
    answers->count = (uint32_t)message->n_results;
    for (uint32_t i = 0; i < answers->count; i++)
        if (!read_result(codec, message->results[i], &answers->each[i], failure))
            return false;
    return taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
}

/* ---- the block list ---- */

static bool read_credential(const struct wire_codec *codec, const Vaxel__V1__Credential *message,
                            struct credential *credential) {
    struct request_id app;
    *credential = (struct credential){0};
    if (message == NULL)
        return false;
    if (message->credential_case == VAXEL__V1__CREDENTIAL__CREDENTIAL_CARD) {
        credential->kind = CREDENTIAL_CARD;
        return codec_string(codec, message->card).size == strlen(message->card) &&
               card_parse(message->card, &credential->card);
    }
    if (message->credential_case != VAXEL__V1__CREDENTIAL__CREDENTIAL_APP ||
        codec_string(codec, message->app).size != REQUEST_ID_TEXT_SIZE - 1 || !request_id_parse(message->app, &app))
        return false;
    credential->kind = CREDENTIAL_APP;
    memcpy(credential->app, app.bytes, sizeof credential->app);
    return true;
}

/* A kind or credential of a later version can't be passed over: whoever keeps a copy would believe it to be whole. */
static bool read_block(const struct wire_codec *codec, const Vaxel__V1__Block *message, struct block *block,
                       struct failure *failure) {
    *block = (struct block){.number = message->number, .kind = (enum block_kind)message->kind};
    if ((int)message->kind < BLOCK_LIFTED || (int)message->kind > BLOCK_USED_UP ||
        !read_credential(codec, message->credential, &block->credential))
        return failure_set(failure, "the server's block list holds an entry that this version does not know: %" PRId64,
                           message->number);
    return taking_instant(message->ends_at_us, "ends_at_us", &block->ends_at, failure);
}

bool listings_read_blocks(struct wire_codec *codec, const Vaxel__V1__BlockListResponse *message,
                          struct wire_reply *reply, struct failure *failure) {
    struct block_page *page = &codec->block_page;
    if (message->n_blocks > BLOCKS_PER_PAGE)
        return failure_set(failure, "the server's page of the block list has %zu entries, more than %d",
                           message->n_blocks, BLOCKS_PER_PAGE);
    reply->kind = WIRE_REPLY_BLOCKS;
    reply->call = CALL_BLOCK_LIST;
    reply->blocks = page;
    page->count = (uint32_t)message->n_blocks;
    page->last = message->last;
    page->has_more = message->more;
    for (uint32_t i = 0; i < page->count; i++)
        if (!read_block(codec, message->blocks[i], &page->blocks[i], failure))
            return false;
    return taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
}
