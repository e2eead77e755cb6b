/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request can have left something. What is drained from a journal goes to PostgreSQL, and what is recorded or
 * rebuilt goes to Redis; whoever looks in this order misses nothing that is on its way. */
#include "base/check.h"
#include "journal/reader.h"
#include "vaxel/trace.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL's complaints may be several lines. */
static void miss(struct trace *trace, const char *source, const struct failure *why) {
    CHECK(trace->missing_count < MISSING_CAPACITY);
    struct missing *missing = &trace->missing[trace->missing_count++];
    size_t size = 0;
    missing->source = source;
    for (const char *from = why->text; *from != '\0'; from++) {
        bool is_space = *from == ' ' || *from == '\n' || *from == '\t';
        if (!is_space || (size > 0 && missing->why.text[size - 1] != ' '))
            missing->why.text[size++] = is_space ? ' ' : *from;
    }
    missing->why.text[size] = '\0';
}

static struct day day_of(const struct request_id *id) {
    struct calendar calendar = {0};
    return calendar_day(&calendar, request_id_time(id));
}

/* A clock that was somewhat off may have put it into the month before. */
static struct month month_before(struct month month) {
    return (struct month){month.yyyymm % 100 == 1 ? month.yyyymm - 89 : month.yyyymm - 1};
}

/* ---- journals ---- */

struct looking {
    struct trace *trace;
    const char *directory;
};

static void on_entry(void *owner, const struct entry *entry, bool is_drained) {
    const struct looking *looking = owner;
    struct trace *trace = looking->trace;
    if (!request_id_equal(&entry->id, &trace->id) || trace->sighting_count == SIGHTINGS_CAPACITY)
        return;
    struct sighting *sighting = &trace->sightings[trace->sighting_count++];
    sighting->entry = *entry;
    sighting->is_drained = is_drained;
    snprintf(sighting->directory, sizeof sighting->directory, "%s", looking->directory);
}

static void look_into(struct trace *trace, const char *directory) {
    struct looking looking = {trace, directory};
    struct failure failure;
    if (journal_read(directory, &looking, on_entry, &failure))
        trace->journals++;
    else if (trace->missing_count < MISSING_CAPACITY - 2) /* the last ones are PostgreSQL's and Redis's */
        miss(trace, "journal", &failure);
}

/* <directory>/worker0, worker1, …; or the directory of one. */
static void look_into_all(struct trace *trace, const char *directory) {
    uint32_t seen = trace->journals + trace->missing_count;
    DIR *opened = opendir(directory);
    const struct dirent *file;
    while (opened != NULL && (file = readdir(opened)) != NULL) {
        char path[CONFIG_TEXT_SIZE + 300];
        bool is_one = strcmp(file->d_name, "mark") == 0;
        if (!is_one && strncmp(file->d_name, "worker", 6) != 0)
            continue;
        snprintf(path, sizeof path, is_one ? "%s" : "%s/%s", directory, file->d_name);
        if (strlen(path) < CONFIG_TEXT_SIZE)
            look_into(trace, path);
    }
    if (opened != NULL)
        closedir(opened);
    if (trace->journals + trace->missing_count == seen)
        look_into(trace, directory); /* for its complaint */
}

/* ---- PostgreSQL ---- */

/* What was asked for may have settled something else, and that is what is to be told. */
static bool find_original(struct trace *trace, struct record_reader *reader, struct failure *failure) {
    const struct trace_row *own = trace_find(trace, TRACE_ENTRY, &trace->asked);
    bool is_found = false;
    if (own == NULL ||
        (own->entry_kind != ENTRY_CAPTURE && own->entry_kind != ENTRY_VOID && own->entry_kind != ENTRY_REFUND))
        return true;
    if (!record_reader_original(reader, &trace->asked, own->month, own->organisation, &is_found, &trace->id, failure))
        return false;
    if (!is_found)
        return true;
    int32_t organisation = own->organisation;
    free(trace->rows);
    trace->rows = NULL;
    trace->row_count = 0;
    return record_reader_trace(reader, &trace->id, month_before(month_of(day_of(&trace->id))), organisation,
                               &trace->rows, &trace->row_count, failure);
}

/* All there are, for Redis, when nothing else says whose it is; NULL with 0 when they could not be read. */
static int32_t *look_into_records(struct trace *trace, size_t *organisation_count) {
    struct failure failure;
    int32_t *organisations = NULL;
    *organisation_count = 0;
    struct record_reader *reader = record_reader_open(trace->settings->postgres, &failure);
    trace->has_records = reader != NULL &&
                         record_reader_trace(reader, &trace->asked, month_before(month_of(day_of(&trace->asked))),
                                             trace->organisation, &trace->rows, &trace->row_count, &failure) &&
                         find_original(trace, reader, &failure) &&
                         record_reader_all_organisations(reader, &organisations, organisation_count, &failure);
    record_reader_close(reader);
    if (!trace->has_records)
        miss(trace, "PostgreSQL", &failure);
    return organisations;
}

/* ---- Redis ---- */

static bool recall(struct trace *trace, struct limits_reader *reader, int32_t organisation, struct failure *failure) {
    struct recalled recalled;
    if (!limits_reader_recall(reader, organisation, day_of(&trace->id), &trace->id, &recalled, failure))
        return false;
    if (recalled.kind != RECALLED_NOTHING) {
        trace->recalled = recalled;
        trace->recalled_in = organisation;
    }
    return true;
}

/* Whose it is, by whatever was found; 0: nothing was. */
static int32_t known_organisation(const struct trace *trace) {
    if (trace->organisation != 0)
        return trace->organisation;
    if (trace->row_count > 0)
        return trace->rows[0].organisation;
    return trace->sighting_count > 0 ? trace->sightings[0].entry.organisation : 0;
}

static bool recall_anywhere(struct trace *trace, struct limits_reader *reader, const int32_t *organisations,
                            size_t count, struct failure *failure) {
    int32_t known = known_organisation(trace);
    if (known != 0)
        return recall(trace, reader, known, failure);
    if (count == 0)
        return failure_set(failure, "it keeps a request with its organisation, and nothing says which that is: name it "
                                    "with --organisation");
    for (size_t i = 0; i < count && trace->recalled_in == 0; i++)
        if (!recall(trace, reader, organisations[i], failure))
            return false;
    return true;
}

static bool read_counters(struct trace *trace, struct limits_reader *reader, struct failure *failure) {
    const struct trace_row *row = trace_find(trace, TRACE_ENTRY, &trace->id);
    int32_t organisation = known_organisation(trace) != 0 ? known_organisation(trace) : trace->recalled_in;
    if (organisation == 0)
        return true;
    trace->counters_of = row != NULL ? row->month : month_of(day_of(&trace->id));
    trace->has_counters = limits_reader_read(reader, organisation, trace->counters_of, &trace->counters, failure);
    return trace->has_counters;
}

static void look_into_redis(struct trace *trace, const int32_t *organisations, size_t count) {
    struct failure failure;
    struct limits_reader *reader = limits_reader_open(trace->settings->redis, &failure);
    trace->has_redis = reader != NULL && recall_anywhere(trace, reader, organisations, count, &failure) &&
                       read_counters(trace, reader, &failure);
    limits_reader_close(reader);
    if (!trace->has_redis)
        miss(trace, "Redis", &failure);
}

/* ---- all of them ---- */

void trace_gather(struct trace *trace, const char *journals) {
    size_t organisation_count;
    trace->id = trace->asked;
    const char *directory = journals != NULL ? journals : trace->settings->journal;
    if (directory[0] != '\0')
        look_into_all(trace, directory);
    int32_t *organisations = look_into_records(trace, &organisation_count);
    if (directory[0] != '\0' && !request_id_equal(&trace->id, &trace->asked)) {
        /* Of what was settled there is a row, so nothing is missed by looking now; PostgreSQL answered. */
        trace->journals = trace->missing_count = 0;
        look_into_all(trace, directory);
    }
    look_into_redis(trace, organisations, organisation_count);
    free(organisations);
}

void trace_finish(struct trace *trace) {
    free(trace->rows);
    counters_finish(&trace->counters);
}
