/* SPDX-License-Identifier: Apache-2.0 */
/* verdicts: what Redis answered to a call, told question by question. A reply that is not exactly what was asked for
 * is a failure of the connection, never a verdict. */
#include "limits/internal.h"

#include <math.h>
#include <string.h>

/* Verdicts below zero, as in vaxel.lua. */
enum says {
    SAYS_KNOWN = -1,
    SAYS_UNKNOWN = -2,
    SAYS_STANDS = -3,
    SAYS_REMEMBERED = -4,
    SAYS_DOUBLE_TAP = -5,
    SAYS_PARTIAL = -6,
    SAYS_COLD = -7,
};

static bool take_number(const struct reply *reply, size_t *at, int64_t *number) {
    if (*at >= reply->part_count || reply->parts[*at].text.data != NULL)
        return false;
    *number = reply->parts[(*at)++].number;
    return true;
}

static bool take_memory(const struct reply *reply, size_t *at, struct memory *memory) {
    if (*at >= reply->part_count || reply->parts[*at].text.data == NULL)
        return false;
    return name_parse_memory(reply->parts[(*at)++].text, memory);
}

/* What Redis may say to which question. */
static bool is_answer_to(const struct question *question, int64_t said) {
    bool is_authorize = question->kind == QUESTION_AUTHORIZE;
    bool is_refusal = is_authorize && question->refusal != REASON_UNSPECIFIED;
    switch (said) {
    case SAYS_KNOWN:
        return is_authorize || question->kind == QUESTION_RECALL;
    case SAYS_UNKNOWN:
        return question->kind == QUESTION_RECALL;
    case SAYS_STANDS:
        return question->kind == QUESTION_SPENT || question->kind == QUESTION_UNDO || question->kind == QUESTION_APPLY;
    case SAYS_REMEMBERED:
        return is_refusal;
    case SAYS_DOUBLE_TAP:
        return is_authorize && !is_refusal && question->tap_window_us > 0;
    case SAYS_PARTIAL:
        return is_authorize && !is_refusal && question->allows_partial;
    case SAYS_COLD:
        return true;
    default:
        return is_authorize && !is_refusal && said >= 0 && said < INT64_C(1) << question->limit_count;
    }
}

static void set_kind(struct verdict *verdict, const struct question *question, int64_t said) {
    switch (said) {
    case SAYS_KNOWN:
        verdict->kind = VERDICT_KNOWN;
        break;
    case SAYS_UNKNOWN:
        verdict->kind = VERDICT_UNKNOWN;
        break;
    case SAYS_STANDS:
        verdict->kind = VERDICT_DONE;
        break;
    case SAYS_REMEMBERED:
        verdict->kind = VERDICT_REFUSED;
        break;
    case SAYS_DOUBLE_TAP:
        verdict->kind = VERDICT_REFUSED;
        verdict->reason = REASON_DOUBLE_TAP;
        break;
    case SAYS_PARTIAL:
        verdict->kind = VERDICT_COUNTED;
        break;
    case SAYS_COLD:
        verdict->kind = VERDICT_COLD;
        break;
    default:
        verdict->kind = said == 0 ? VERDICT_COUNTED : VERDICT_REFUSED;
        verdict->refusing = (uint16_t)said;
        verdict->approved_minor = said == 0 ? question->amount_minor : 0;
    }
}

/* What comes after it. */
static bool take_more(const struct reply *reply, size_t *at, const struct question *question, int64_t said,
                      struct verdict *verdict) {
    if (said == SAYS_KNOWN)
        return take_memory(reply, at, &verdict->memory);
    if (said == SAYS_PARTIAL)
        return take_number(reply, at, &verdict->approved_minor) && verdict->approved_minor > 0 &&
               verdict->approved_minor < question->amount_minor;
    return true;
}

static bool take_verdict(const struct reply *reply, size_t *at, const struct question *question,
                         struct verdict *verdict) {
    int64_t said;
    if (!take_number(reply, at, &said) || !is_answer_to(question, said))
        return false;
    set_kind(verdict, question, said);
    if (!take_more(reply, at, question, said, verdict))
        return false;
    for (uint8_t i = 0; i < question->limit_count; i++)
        if (!take_number(reply, at, &verdict->spent_minor[i]))
            return false;
    return true;
}

static bool tell_list(struct limits *limits, struct group *group, size_t *at) {
    const struct reply *reply = &limits->reply;
    int64_t epoch;
    if (!take_number(reply, at, &epoch) || epoch < 0 || epoch > INT32_MAX)
        return false;
    struct question question;
    while (group_take_question(limits, group, &question)) {
        struct verdict verdict = {.owner = question.owner, .epoch = (int32_t)epoch};
        bool is_good = take_verdict(reply, at, &question, &verdict);
        if (!is_good)
            verdict = (struct verdict){.kind = VERDICT_LOST, .owner = question.owner};
        limits->options.on_verdict(limits->options.owner, &verdict);
        if (!is_good)
            return false;
    }
    return true;
}

static bool take_double(struct bytes *text, int64_t *number) {
    double value;
    if (text->size < sizeof value)
        return false;
    memcpy(&value, text->data, sizeof value);
    *text = bytes_of(text->data + sizeof value, text->size - sizeof value);
    /* From 2^53 on it is not exact, as in an answer of numbers; it is no reason to leave a Redis. */
    bool is_whole = fabs(value) < 0x1p63 && value == (double)(int64_t)value;
    *number = is_whole ? (int64_t)value : 0;
    return is_whole;
}

static bool take_counted(struct bytes *text, const struct question *question, struct verdict *verdict) {
    if (!is_answer_to(question, 0))
        return false;
    set_kind(verdict, question, 0);
    for (uint8_t i = 0; i < question->limit_count; i++)
        if (!take_double(text, &verdict->spent_minor[i]))
            return false;
    return true;
}

/* All were counted: the epoch and what the limits of each stand at, packed. */
static bool tell_counted(struct limits *limits, struct group *group, struct bytes text) {
    int64_t epoch;
    if (!take_double(&text, &epoch) || epoch < 0 || epoch > INT32_MAX)
        return false;
    struct question question;
    while (group_take_question(limits, group, &question)) {
        struct verdict verdict = {.owner = question.owner, .epoch = (int32_t)epoch};
        bool is_good = take_counted(&text, &question, &verdict);
        if (!is_good)
            verdict = (struct verdict){.kind = VERDICT_LOST, .owner = question.owner};
        limits->options.on_verdict(limits->options.owner, &verdict);
        if (!is_good)
            return false;
    }
    return text.size == 0;
}

/* One and the same for every question of the group. */
static void tell_all(struct limits *limits, struct group *group, enum verdict_kind kind) {
    struct question question;
    while (group_take_question(limits, group, &question)) {
        const struct verdict verdict = {.kind = kind, .owner = question.owner};
        limits->options.on_verdict(limits->options.owner, &verdict);
    }
}

/* What comes next in the reply is a text when all were counted, or a number when the counters are cold; else it is a
 * list, whose elements are those of the reply, or among them. */
static bool tell(struct limits *limits, struct group *group, size_t *at, bool is_alone) {
    const struct reply *reply = &limits->reply;
    if (*at == reply->part_count || (!is_alone && !reply->is_array))
        return false;
    const struct part *part = &reply->parts[*at];
    bool is_list = is_alone && reply->is_array;
    if (!is_list && part->text.data != NULL) {
        (*at)++;
        return tell_counted(limits, group, part->text);
    }
    if (!is_list && part->number == (is_alone ? 0 : SAYS_COLD)) {
        (*at)++;
        tell_all(limits, group, VERDICT_COLD);
        return true;
    }
    return reply->is_array && tell_list(limits, group, at);
}

bool verdicts_tell(struct limits *limits, uint32_t first_group, struct failure *failure) {
    const bool is_alone = limits->groups[first_group].next == NOBODY;
    size_t at = 0;
    /* Each is let go before the next is told, for who is told may ask anew. */
    for (uint32_t index = first_group; index != NOBODY;) {
        struct group *group = &limits->groups[index];
        uint32_t next = group->next;
        int32_t organisation = group->organisation;
        if (!tell(limits, group, &at, is_alone) || (next == NOBODY && at != limits->reply.part_count)) {
            verdicts_lose(limits, index);
            return failure_set(failure, "Redis answers a call of organisation %d with something else", organisation);
        }
        groups_release(limits, index);
        index = next;
    }
    return true;
}

void verdicts_redirect(struct limits *limits, uint32_t group, const char *endpoint) {
    struct group *redirected = &limits->groups[group];
    bool may_ask = endpoint != NULL && !redirected->is_asking;
    struct question question;
    while (group_take_question(limits, redirected, &question)) {
        const struct verdict lost = {.kind = VERDICT_LOST, .owner = question.owner};
        if (!may_ask || !limits->place.on_ask(limits->place.router, &question, endpoint))
            limits->options.on_verdict(limits->options.owner, &lost);
    }
    groups_release(limits, group);
}

void verdicts_lose(struct limits *limits, uint32_t first_group) {
    for (uint32_t group = first_group, next; group != NOBODY; group = next) {
        next = limits->groups[group].next;
        tell_all(limits, &limits->groups[group], VERDICT_LOST);
        groups_release(limits, group);
    }
}
