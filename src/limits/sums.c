/* SPDX-License-Identifier: Apache-2.0 */
/* sums: counters written anew from the records.
 *
 *   stage (the epoch, sums) ─▶ remember (ids, by day) ─▶ stage (more sums) … ─▶ rebuild (the last sums): all count now
 *
 * A few sums with nothing to remember need the rebuild alone. Else the stage comes first, for it is what the rebuild
 * knows by that Redis still has all that was sent before. No call is so large that Redis is held up by it. */
#include "limits/internal.h"

#include <stdlib.h>
#include <string.h>

#define SUMS_PER_CALL 500u
#define REMEMBERED_PER_CALL 256u
/* What one call takes at most: 500 fields and values, or 256 ids and memories, as RESP; and ASKING. */
#define SUMS_CALL_SIZE 24832u
/* Jobs that wait may take this much memory; one alone may be larger. */
#define JOBS_SIZE (64u << 20)

struct job {
    struct job *next;
    size_t size;
    int32_t organisation;
    struct month month;
    int32_t epoch;
    bool is_staged; /* the stage stands, with the epoch and `next_sum` sums when the calls so far are done */
    bool is_sent;
    bool is_asking;
    bool is_redirected;           /* nothing more is sent here */
    char endpoint[ENDPOINT_SIZE]; /* where to; "": the core begins again */
    uint32_t calls_owed;
    size_t sum_count, next_sum;
    size_t remembered_count, next_remembered;
    struct sum *sums;
    struct remembered *remembered;
};

static void copy(void *into, const void *from, size_t size) {
    if (size > 0)
        memcpy(into, from, size);
}

bool sums_queue(struct limits *limits, const struct sums *sums, bool is_asking) {
    size_t sums_size = sums->sum_count * sizeof *sums->sums;
    size_t remembered_size = sums->remembered_count * sizeof *sums->remembered;
    size_t size = sizeof(struct job) + sums_size + remembered_size;
    if (limits->first_job != NULL && limits->job_bytes + size > JOBS_SIZE)
        return false;
    struct job *job = malloc(size);
    if (job == NULL)
        return false;
    *job = (struct job){.size = size,
                        .organisation = sums->organisation,
                        .month = sums->month,
                        .epoch = sums->epoch,
                        .is_asking = is_asking,
                        .sum_count = sums->sum_count,
                        .remembered_count = sums->remembered_count};
    job->sums = (struct sum *)(job + 1);
    job->remembered = (struct remembered *)(job->sums + sums->sum_count);
    copy(job->sums, sums->sums, sums_size);
    copy(job->remembered, sums->remembered, remembered_size);
    if (limits->last_job == NULL)
        limits->first_job = job;
    else
        limits->last_job->next = job;
    limits->last_job = job;
    if (limits->unsent_job == NULL)
        limits->unsent_job = job;
    limits->job_bytes += size;
    return true;
}

static size_t at_most(size_t count, size_t most) {
    return count < most ? count : most;
}

static void write_sums(struct writer *writer, struct job *job, size_t count) {
    for (size_t end = job->next_sum + count; job->next_sum < end; job->next_sum++) {
        const struct sum *sum = &job->sums[job->next_sum];
        char field[FIELD_SIZE];
        write_bulk(writer, field, name_field(field, sum->kind, sum->id));
        write_number(writer, sum->spent_minor);
    }
}

static void write_stage(struct writer *writer, struct job *job) {
    size_t count = at_most(job->sum_count - job->next_sum, SUMS_PER_CALL);
    struct name key = name_stage(job->organisation, job->month, job->epoch);
    write_array(writer, 4 + 2 * count + (job->is_staged ? 0 : 2));
    write_text(writer, "FCALL");
    write_text(writer, "vaxel_stage");
    write_text(writer, "1");
    write_name(writer, &key);
    if (!job->is_staged) {
        write_text(writer, "e");
        write_number(writer, job->epoch);
    }
    job->is_staged = true;
    write_sums(writer, job, count);
}

/* The run of ids of one day. */
static size_t remembered_of_a_day(const struct job *job) {
    const struct remembered *first = &job->remembered[job->next_remembered];
    size_t most = at_most(job->remembered_count - job->next_remembered, REMEMBERED_PER_CALL);
    size_t count = 1;
    while (count < most && first[count].day.yyyymmdd == first->day.yyyymmdd)
        count++;
    return count;
}

static void write_remember(struct writer *writer, struct job *job) {
    size_t count = remembered_of_a_day(job);
    const struct remembered *first = &job->remembered[job->next_remembered];
    struct name key = name_day(job->organisation, first->day);
    write_array(writer, 5 + 2 * count);
    write_text(writer, "FCALL");
    write_text(writer, "vaxel_remember");
    write_text(writer, "1");
    write_name(writer, &key);
    write_number(writer, job->epoch);
    for (size_t i = 0; i < count; i++) {
        char memory[MEMORY_SIZE];
        write_bulk(writer, first[i].id.bytes, REQUEST_ID_SIZE);
        write_bulk(writer, memory, name_memory(memory, &first[i].memory, job->epoch));
    }
    job->next_remembered += count;
}

static void write_rebuild(struct writer *writer, struct job *job) {
    size_t count = job->sum_count - job->next_sum;
    struct name month = name_month(job->organisation, job->month);
    struct name key = name_stage(job->organisation, job->month, job->epoch);
    write_array(writer, (job->is_staged ? 7 : 6) + 2 * count);
    write_text(writer, "FCALL");
    write_text(writer, "vaxel_rebuild");
    write_text(writer, job->is_staged ? "2" : "1");
    write_name(writer, &month);
    if (job->is_staged)
        write_name(writer, &key);
    write_number(writer, job->epoch);
    write_number(writer, job->is_staged ? (int64_t)job->next_sum + 1 : 0);
    write_sums(writer, job, count);
    job->is_sent = true;
}

static void write_next(struct writer *writer, struct job *job) {
    bool is_large = job->sum_count - job->next_sum > SUMS_PER_CALL;
    bool has_memories = job->next_remembered < job->remembered_count;
    if (!job->is_staged && (is_large || has_memories))
        write_stage(writer, job);
    else if (has_memories)
        write_remember(writer, job);
    else if (is_large)
        write_stage(writer, job);
    else
        write_rebuild(writer, job);
}

/* Half of the output at most: the questions have theirs. */
void sums_output(struct limits *limits, struct buffer *output) {
    size_t end = output->size + buffer_room(output) / 2;
    while (limits->unsent_job != NULL && output->size <= end && buffer_room(output) >= SUMS_CALL_SIZE &&
           call_has_room(limits)) {
        struct job *job = limits->unsent_job;
        struct writer writer = {output->data + output->size, output->data + output->capacity};
        if (job->is_asking) {
            write_asking(&writer);
            call_push(limits, (struct call_in_flight){.kind = CALL_ASKING});
        }
        write_next(&writer, job);
        output->size = (size_t)(writer.at - output->data);
        job->calls_owed++;
        call_push(limits, (struct call_in_flight){.kind = CALL_SUMS, .job = job});
        if (job->is_sent)
            limits->unsent_job = job->next;
    }
}

static void tell(const struct limits *limits, const struct job *job, bool is_written) {
    limits->options.on_sums_written(limits->options.owner, job->organisation, job->month, job->epoch, is_written);
}

/* Whether they are on their way to where the slot is on its way to. */
static bool ask_there(const struct limits *limits, const struct job *job) {
    const struct sums sums = {.organisation = job->organisation,
                              .month = job->month,
                              .epoch = job->epoch,
                              .sum_count = job->sum_count,
                              .sums = job->sums,
                              .remembered_count = job->remembered_count,
                              .remembered = job->remembered};
    return job->endpoint[0] != '\0' && !job->is_asking &&
           limits->place.on_ask_sums(limits->place.router, &sums, job->endpoint);
}

static void finish_first(struct limits *limits, bool is_written) {
    struct job *job = limits->first_job;
    limits->first_job = job->next;
    if (limits->first_job == NULL)
        limits->last_job = NULL;
    limits->job_bytes -= job->size;
    if (is_written || !ask_there(limits, job))
        tell(limits, job, is_written);
    free(job);
}

void sums_redirect(struct limits *limits, struct job *job, const char *endpoint) {
    CHECK(job == limits->first_job && job->calls_owed > 0);
    job->calls_owed--;
    if (!job->is_redirected && endpoint != NULL)
        endpoint_copy(job->endpoint, endpoint);
    job->is_redirected = true;
    job->is_sent = true;
    if (limits->unsent_job == job)
        limits->unsent_job = job->next;
    if (job->calls_owed == 0)
        finish_first(limits, false);
}

bool sums_reply(struct limits *limits, struct job *job, struct failure *failure) {
    const struct reply *reply = &limits->reply;
    CHECK(job == limits->first_job && job->calls_owed > 0);
    job->calls_owed--;
    bool is_last = job->is_sent && job->calls_owed == 0;
    if (job->is_redirected) {
        if (is_last)
            finish_first(limits, false);
        return true;
    }
    const struct part *part = &reply->parts[0];
    bool is_text = reply->part_count == 1 && part->text.data != NULL;
    bool is_one = reply->part_count == 1 && part->text.data == NULL && part->number == 1;
    if (reply->is_array || (is_last ? !is_text || part->text.size >= IDENTITY_SIZE : !is_one))
        return failure_set(failure, "Redis answers the sums of organisation %d with something else", job->organisation);
    if (!is_last)
        return true;
    bool is_written = part->text.size > 0;
    /* A primary's identity may change while it is connected (when its last replica has been gone for an hour). */
    if (is_written)
        greeting_take_identity(limits, part->text);
    finish_first(limits, is_written);
    return true;
}

void sums_lose(struct limits *limits) {
    struct job *job = limits->first_job;
    limits->first_job = limits->last_job = limits->unsent_job = NULL;
    limits->job_bytes = 0;
    while (job != NULL) {
        struct job *next = job->next;
        tell(limits, job, false);
        free(job);
        job = next;
    }
}

void sums_finish(struct limits *limits) {
    while (limits->first_job != NULL) {
        struct job *next = limits->first_job->next;
        free(limits->first_job);
        limits->first_job = next;
    }
}
