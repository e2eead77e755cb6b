/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/advices.h"

#include "base/check.h"
#include "wire/sentences.h"
#include "wire/writing.h"

#include <string.h>

/* ---- read by the server ---- */

static bool read_advice(const struct reading *reading, const Vaxel__V1__Advice *message, struct advise *advise) {
    return reading_take_id(reading, "id", message->id, &advise->id) &&
           reading_take_credential(reading, message->credential, &advise->credential) &&
           reading_take_amount(reading, message->amount, &advise->amount) &&
           reading_take_product(reading, message->product, &advise->product) &&
           reading_take_place(reading, message->place, &advise->place);
}

/* The fields are few and known, and a sentence that is cut is better than none. */
static void keep_fault(const struct wire_fault *fault, struct advice_fault *kept) {
    size_t size = strlen(fault->field);
    CHECK(size > 0 && size < sizeof kept->field);
    memcpy(kept->field, fault->field, size + 1);
    kept->reason = fault->reason;
    size = strnlen(fault->text, sizeof kept->text - 1);
    memcpy(kept->text, fault->text, size);
    kept->text[size] = '\0';
}

static void take_advice(const struct reading *reading, const Vaxel__V1__Advice *message, int64_t timeout_us,
                        struct advise *advise, struct advice_fault *fault) {
    struct wire_fault found = {.field = ""};
    const struct reading own = {.codec = reading->codec, .fault = &found, .call = ""};
    *advise = (struct advise){.timeout_us = timeout_us};
    fault->reason = REASON_UNSPECIFIED;
    fault->field[0] = '\0';
    fault->text[0] = '\0';
    if (!read_advice(&own, message, advise))
        keep_fault(&found, fault);
}

bool advices_read(const struct reading *reading, const Vaxel__V1__AdviseRequest *message,
                  struct wire_request *request) {
    struct advices *advices = &reading->codec->advices;
    if (message->n_advices == 0)
        return reading_reject(reading, REASON_UNSPECIFIED, "advices", "is empty: send 1 to %d of them",
                              ADVICES_PER_FRAME);
    if (message->n_advices > ADVICES_PER_FRAME)
        return reading_reject(reading, REASON_UNSPECIFIED, "advices",
                              "are %zu: send at most %d in a frame, and the others in frames of their own",
                              message->n_advices, ADVICES_PER_FRAME);
    advices->count = (uint32_t)message->n_advices;
    for (uint32_t i = 0; i < advices->count; i++)
        take_advice(reading, message->advices[i], (int64_t)message->timeout_ms * 1000, &advices->each[i],
                    &advices->faults[i]);
    request->advices = advices;
    return true;
}

/* ---- answered by the server ---- */

/* The most bytes of a result without its message: a tag and 2 of length, then id, decision, reason, three marks and the
 * field. Those of all together leave room for messages, which are given for as long as there is some: so the worst
 * frame of answers fits as well. What surrounds the results is the envelope's correlation, its response's tag and
 * length, and the time. */
#define RESULT_MAX (3 + (2 + REQUEST_ID_SIZE) + 2 + 2 + 3 * 2 + (2 + ADVICE_FIELD_SIZE - 1))
#define SURROUNDINGS_MAX (11 + 4 + 11)
#define MESSAGE_EXTRA 4 /* a tag and 2 of length, and what it adds to the result's own length */
_Static_assert(SURROUNDINGS_MAX + ADVICES_PER_FRAME * RESULT_MAX < WIRE_ENVELOPE_MAX / 2,
               "all results fit, and there is as much room again for what is to be said of them");

struct result_message {
    Vaxel__V1__AdviceResult result;
    char text[SENTENCE_SIZE];
};

struct results {
    Vaxel__V1__AdviceResult *pointers[ADVICES_PER_FRAME];
    struct result_message each[ADVICES_PER_FRAME];
};

static void write_fault(const struct advice_fault *fault, struct result_message *written) {
    written->result.decision = VAXEL__V1__DECISION__DECISION_DECLINED;
    written->result.reason = (Vaxel__V1__Reason)fault->reason;
    written->result.field = writing_text(fault->field);
    memcpy(written->text, fault->text, sizeof fault->text);
}

static void write_result(const struct advice_answer *answer, struct result_message *written) {
    vaxel__v1__advice_result__init(&written->result);
    written->text[0] = '\0';
    written->result.id = writing_id(&answer->id);
    if (answer->fault.field[0] != '\0') {
        write_fault(&answer->fault, written);
        return;
    }
    written->result.decision = (Vaxel__V1__Decision)answer->decision;
    written->result.reason = (Vaxel__V1__Reason)answer->reason;
    written->result.repeat = answer->is_repeat;
    written->result.forced = (answer->flags & ENTRY_FORCED) != 0;
    written->result.late = (answer->flags & ENTRY_LATE) != 0;
    if (answer->differs != FIELD_NONE)
        written->result.field = writing_text(content_field_name(answer->differs));
    if (answer->decision != DECISION_APPROVED)
        sentence_write_advice(answer->decision, answer->reason, written->text);
}

_Static_assert(sizeof(struct results) < ARENA_SIZE, "the results are put together in the arena");
_Static_assert(ADVICE_TEXT_SIZE <= SENTENCE_SIZE, "a fault's words are a message");

bool wire_encode_advice_answers(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                                const struct advice_answer *answers, uint32_t count, struct instant server_time) {
    CHECK(count <= ADVICES_PER_FRAME);
    struct results *results = codec_scratch(codec, sizeof *results);
    size_t room = WIRE_ENVELOPE_MAX - SURROUNDINGS_MAX - (size_t)count * RESULT_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct result_message *written = &results->each[i];
        write_result(&answers[i], written);
        results->pointers[i] = &written->result;
        size_t needed = strlen(written->text) + MESSAGE_EXTRA;
        if (written->text[0] == '\0' || needed > room)
            continue;
        written->result.message = written->text;
        room -= needed;
    }
    Vaxel__V1__AdviseResponse message = VAXEL__V1__ADVISE_RESPONSE__INIT;
    message.n_results = count;
    message.results = results->pointers;
    message.server_time_us = server_time.us;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ADVISE;
    envelope.advise = &message;
    return codec_append_large(output, &envelope.base);
}
