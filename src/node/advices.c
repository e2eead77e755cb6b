/* SPDX-License-Identifier: Apache-2.0 */
/* advices: a frame brings many, the core answers each when it is recorded, and when the last one is answered the
 * frame's answer goes out, in the order asked. What is too much is BUSY for itself alone. The answers that wait are in
 * a pool of the worker's, linked frame by frame, so that memory is bounded however the advices are spread over frames.
 */
#include "node/worker.h"

#include "base/check.h"

#include <stdlib.h>

#define NOTHING UINT32_MAX
/* Marks the words by which the core knows advices, beside those of other requests. */
#define ADVICE_MARK (UINT64_C(1) << 32)

/* One advice of a frame. */
struct place_in_frame {
    struct advice_answer answer;
    enum credential_kind channel; /* 0: it can't be read */
    uint32_t frame;
    uint32_t next; /* of its frame; or free */
};

struct frame {
    uint64_t stream_key;
    uint64_t correlation;
    struct tick read_at;
    int32_t client_id;
    enum client_kind client;
    uint32_t unanswered; /* one more while the frame is being taken */
    uint32_t first;      /* or, of a free one, the next that is free */
    uint32_t last;
};

/* As many frames as places: every frame has one at least. */
struct advice_desk {
    uint32_t capacity;
    uint32_t free_places_count;
    struct place_in_frame *places;
    uint32_t free_place;
    struct frame *frames;
    uint32_t free_frame;
    struct advice_answer answers[ADVICES_PER_FRAME]; /* of the frame that is being answered */
};

void advices_init(struct worker *worker) {
    struct advice_desk *desk = calloc(1, sizeof *desk);
    CHECK(desk != NULL);
    /* Those that the core refuses at once wait for the others of their frame. */
    desk->capacity = (uint32_t)worker->settings.advices + 2 * ADVICES_PER_FRAME;
    desk->free_places_count = desk->capacity;
    desk->places = calloc(desk->capacity, sizeof *desk->places);
    desk->frames = calloc(desk->capacity, sizeof *desk->frames);
    CHECK(desk->places != NULL && desk->frames != NULL);
    for (uint32_t i = 0; i < desk->capacity; i++)
        desk->places[i].next = desk->frames[i].first = i + 1 < desk->capacity ? i + 1 : NOTHING;
    worker->advices = desk;
}

void advices_finish(struct worker *worker) {
    if (worker->advices == NULL)
        return;
    free(worker->advices->frames);
    free(worker->advices->places);
    free(worker->advices);
}

/* ---- a frame's places ---- */

static uint32_t take_frame(struct worker *worker, struct net_stream *stream, uint64_t correlation) {
    struct advice_desk *desk = worker->advices;
    const struct session *session = net_user(stream);
    uint32_t at = desk->free_frame;
    CHECK(at != NOTHING);
    desk->free_frame = desk->frames[at].first;
    desk->frames[at] = (struct frame){
        .stream_key = net_stream_key(stream),
        .correlation = correlation,
        .read_at = net_woken_at(worker->net),
        .client_id = session->client.id,
        .client = session->client.kind,
        .unanswered = 1,
        .first = NOTHING,
        .last = NOTHING,
    };
    return at;
}

static uint32_t take_place(struct advice_desk *desk, uint32_t frame_at, const struct advise *given,
                           const struct advice_fault *fault) {
    uint32_t at = desk->free_place;
    CHECK(at != NOTHING);
    struct place_in_frame *place = &desk->places[at];
    desk->free_place = place->next;
    desk->free_places_count--;
    *place = (struct place_in_frame){.answer = {.id = given->id, .fault = *fault}, .frame = frame_at, .next = NOTHING};
    if (fault->field[0] == '\0')
        place->channel = given->credential.kind;
    struct frame *frame = &desk->frames[frame_at];
    if (frame->last == NOTHING)
        frame->first = at;
    else
        desk->places[frame->last].next = at;
    frame->last = at;
    return at;
}

/* Gathers the answers in their order, and lets go of the frame. */
static uint32_t gather(struct advice_desk *desk, uint32_t frame_at) {
    struct frame *frame = &desk->frames[frame_at];
    uint32_t count = 0;
    for (uint32_t at = frame->first; at != NOTHING; at = desk->places[at].next)
        desk->answers[count++] = desk->places[at].answer;
    desk->places[frame->last].next = desk->free_place;
    desk->free_place = frame->first;
    desk->free_places_count += count;
    frame->first = desk->free_frame;
    desk->free_frame = frame_at;
    return count;
}

/* ---- answers ---- */

static bool finish_frame(struct worker *worker, uint32_t frame_at) {
    struct advice_desk *desk = worker->advices;
    const struct frame frame = desk->frames[frame_at];
    uint32_t count = gather(desk, frame_at);
    struct net_stream *stream = net_stream_of(worker->net, frame.stream_key);
    if (stream == NULL)
        return false;
    CHECK(wire_encode_advice_answers(worker->codec, &worker->frame, frame.correlation, desk->answers, count,
                                     instant_now()));
    return replies_send_frame(worker, stream, frame.correlation);
}

/* One thing less to wait for. */
static bool count_answered(struct worker *worker, uint32_t frame_at) {
    struct frame *frame = &worker->advices->frames[frame_at];
    CHECK(frame->unanswered > 0);
    return --frame->unanswered > 0 || finish_frame(worker, frame_at);
}

bool advices_is_one(uint64_t reply_to) {
    return (reply_to & ADVICE_MARK) != 0;
}

void advices_answer(struct worker *worker, uint64_t reply_to, const struct answer *answer) {
    struct advice_desk *desk = worker->advices;
    uint64_t at = reply_to & ~ADVICE_MARK;
    CHECK(at < desk->capacity);
    struct place_in_frame *place = &desk->places[at];
    const struct frame *frame = &desk->frames[place->frame];
    measures_count_answer(worker->measures, CALL_ADVISE, frame->client, place->channel, answer);
    measures_time_answer(worker->measures, CALL_ADVISE, frame->read_at, net_woken_at(worker->net), answer);
    place->answer.decision = answer->decision;
    place->answer.reason = answer->reason;
    place->answer.is_repeat = answer->is_repeat;
    place->answer.flags = answer->flags;
    place->answer.differs = answer->differs;
    struct net_stream *stream = net_stream_of(worker->net, frame->stream_key);
    const struct followed followed = {.call = CALL_ADVISE,
                                      .id = &place->answer.id,
                                      .session = stream == NULL ? NULL : net_user(stream),
                                      .client_id = frame->client_id,
                                      .read_at = frame->read_at};
    following_answer(worker, &followed, answer);
    if (stream != NULL)
        ((struct session *)net_user(stream))->in_flight--;
    count_answered(worker, place->frame);
}

/* ---- a frame comes ---- */

static void refuse_as_busy(struct worker *worker, const struct session *session, struct place_in_frame *place) {
    static const struct answer busy = {.decision = DECISION_FAILED, .reason = REASON_BUSY};
    place->answer.decision = busy.decision;
    place->answer.reason = busy.reason;
    measures_count_answer(worker->measures, CALL_ADVISE, session->client.kind, place->channel, &busy);
}

static void pass_on(struct worker *worker, struct session *session, const struct advise *given, uint32_t place_at) {
    struct advice_desk *desk = worker->advices;
    session->in_flight++;
    desk->frames[desk->places[place_at].frame].unanswered++;
    struct advise asked = *given;
    asked.reply_to = ADVICE_MARK | place_at;
    asked.client = session->client.id;
    asked.client_channels = session->client.channels;
    switch_advise(worker->core, moment_now(), &asked);
}

bool advices_take(struct worker *worker, struct net_stream *stream, struct session *session,
                  const struct wire_request *request) {
    struct advice_desk *desk = worker->advices;
    const struct advices *advices = request->advices;
    if (advices->count > desk->free_places_count)
        return replies_refuse(worker, stream, request->correlation, REASON_BUSY, "",
                              "the switch has its fill of advices: wait, then send them again");
    uint32_t frame_at = take_frame(worker, stream, request->correlation);
    for (uint32_t i = 0; i < advices->count; i++) {
        const struct advice_fault *fault = &advices->faults[i];
        uint32_t place_at = take_place(desk, frame_at, &advices->each[i], fault);
        /* What can't be read costs the client's rate as well. */
        if (requests_why_busy(worker, session) != NULL)
            refuse_as_busy(worker, session, &desk->places[place_at]);
        else if (fault->field[0] == '\0')
            pass_on(worker, session, &advices->each[i], place_at);
        else
            metric_add(&worker->measures->faults[fault->reason], 1);
    }
    return count_answered(worker, frame_at);
}
