/* SPDX-License-Identifier: Apache-2.0 */
/* What the server writes beside answers: what was found, the block list, echoes, faults. */
#include "base/check.h"
#include "wire/kinds.h"
#include "wire/writing.h"

static void write_marks(Vaxel__V1__LookupResponse *message, const struct found *found) {
    message->reversed = found->is_reversed;
    message->kind = writing_text(wire_kind_name(found->entry.kind));
    message->forced = (found->entry.flags & ENTRY_FORCED) != 0;
    message->late = (found->entry.flags & ENTRY_LATE) != 0;
    message->stand_in = (found->entry.flags & ENTRY_STAND_IN) != 0;
    message->partial = (found->entry.flags & ENTRY_PARTIAL) != 0;
    message->hold = (Vaxel__V1__HoldState)found->hold;
    message->expires_at_us = found->hold == HOLD_STATE_OPEN ? found->entry.expires_at.us : 0;
}

bool wire_encode_found(struct wire_codec *codec, struct buffer *output, uint64_t correlation, const struct found *found,
                       struct instant server_time) {
    const struct entry *entry = &found->entry;
    Vaxel__V1__Money amount = writing_money(&codec->currency, entry->amount_minor);
    Vaxel__V1__Money captured = writing_money(&codec->currency, found->captured_minor);
    Vaxel__V1__Money refunded = writing_money(&codec->currency, found->refunded_minor);
    Vaxel__V1__LookupResponse message = VAXEL__V1__LOOKUP_RESPONSE__INIT;
    message.id = writing_id(&entry->id);
    message.found = found->is_found;
    message.server_time_us = server_time.us;
    if (found->is_found) {
        write_marks(&message, found);
        message.amount = &amount;
        message.captured = entry->kind == ENTRY_HOLD ? &captured : NULL;
        message.refunded = found->refunded_minor != 0 ? &refunded : NULL;
        message.product = writing_text(entry->product.code);
        message.place = writing_text(entry->place.text);
        message.month = entry->month.yyyymm;
        message.organisation = entry->organisation;
        message.department = entry->department;
        message.traveller = entry->traveller;
        message.credit = entry->credit;
        message.client = entry->client;
        message.recorded_at_us = found->recorded_at.us;
    }
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_LOOKUP;
    envelope.lookup = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_echo(struct wire_codec *codec, struct buffer *output, uint64_t correlation, const struct echo *echo,
                      struct instant server_time) {
    (void)codec;
    CHECK(echo->size <= ECHO_MAX);
    Vaxel__V1__EchoResponse message = VAXEL__V1__ECHO_RESPONSE__INIT;
    message.payload = (ProtobufCBinaryData){.len = echo->size, .data = (uint8_t *)(uintptr_t)echo->payload};
    message.server_time_us = server_time.us;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ECHO;
    envelope.echo = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_fault(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                       const struct wire_fault *fault, struct instant server_time) {
    (void)codec;
    Vaxel__V1__Fault message = VAXEL__V1__FAULT__INIT;
    message.field = writing_text(fault->field);
    message.message = writing_text(fault->text);
    message.reason = (Vaxel__V1__Reason)fault->reason;
    message.server_time_us = server_time.us;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_FAULT;
    envelope.fault = &message;
    return codec_append(output, &envelope.base);
}

/* ---- the block list ---- */

struct block_message {
    Vaxel__V1__Block message;
    struct credential_message credential;
};

struct block_messages {
    Vaxel__V1__Block *pointers[BLOCKS_PER_PAGE];
    struct block_message each[BLOCKS_PER_PAGE];
};

static Vaxel__V1__Block *write_block(struct block_message *written, const struct block *block) {
    vaxel__v1__block__init(&written->message);
    written->message.number = block->number;
    written->message.kind = (Vaxel__V1__BlockKind)block->kind;
    written->message.credential = writing_credential(&written->credential, &block->credential);
    written->message.ends_at_us = block->ends_at.us;
    return &written->message;
}

/* A block is at most a tag and 1 of length, 11 of number, 2 of kind, 40 of an app's id, 11 of its end. */
_Static_assert(BLOCKS_PER_PAGE *(2 + 11 + 2 + 40 + 11) + 64 < WIRE_ENVELOPE_MAX, "a full page fits");
_Static_assert(sizeof(struct block_messages) < ARENA_SIZE, "a page is put together in the arena");

bool wire_encode_blocks(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                        const struct block_page *page, struct instant server_time) {
    CHECK(page->count <= BLOCKS_PER_PAGE);
    struct block_messages *written = codec_scratch(codec, sizeof *written);
    for (uint32_t i = 0; i < page->count; i++)
        written->pointers[i] = write_block(&written->each[i], &page->blocks[i]);
    Vaxel__V1__BlockListResponse message = VAXEL__V1__BLOCK_LIST_RESPONSE__INIT;
    message.n_blocks = page->count;
    message.blocks = written->pointers;
    message.last = page->last;
    message.more = page->has_more;
    message.server_time_us = server_time.us;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_BLOCK_LIST;
    envelope.block_list = &message;
    return codec_append_large(output, &envelope.base);
}
