/* SPDX-License-Identifier: Apache-2.0 */
/* counting: what goes into the measures, where that is more than one store. */
#include "base/check.h"
#include "node/measures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- what a worker counts ---- */

void measures_count_answer(struct measures *measures, enum call call, enum client_kind client,
                           enum credential_kind channel, const struct answer *answer) {
    CHECK((uint32_t)call < MEASURED_CALLS && (uint32_t)client < MEASURED_CLIENTS);
    CHECK((uint32_t)channel < MEASURED_CHANNELS);
    CHECK((uint32_t)answer->decision < MEASURED_DECISIONS && (uint32_t)answer->reason < MEASURED_REASONS);
    metric_add(&measures->answers[call][client][channel][answer->decision][answer->reason], 1);
    if (answer->is_repeat)
        metric_add(&measures->repeats, 1);
    if (answer->safety != SAFETY_NONE)
        metric_add(&measures->approvals[answer->safety], 1);
}

static struct tick later(struct tick one, struct tick other) {
    return one.us > other.us ? one : other;
}

/* The record's stage ends when the worker wakes with its outcome; what the worker does then is the answer's. */
static void time_stages(struct measures *measures, struct tick read_at, struct tick woken_at,
                        const struct answer *answer) {
    const struct stage_times *times = &answer->times;
    enum measured_stage keeping = answer->safety == SAFETY_JOURNALED ? MEASURED_JOURNAL : MEASURED_RECORD;
    struct tick kept = later(woken_at, times->told);
    metric_note(&measures->stage_us[MEASURED_ASK], times->asked.us - read_at.us);
    metric_note(&measures->stage_us[MEASURED_COUNT], times->told.us - times->asked.us);
    metric_note(&measures->stage_us[keeping], kept.us - times->told.us);
    metric_note(&measures->stage_us[MEASURED_ANSWER], times->answered.us - kept.us);
}

void measures_time_answer(struct measures *measures, enum call call, struct tick read_at, struct tick woken_at,
                          const struct answer *answer) {
    metric_note(&measures->answer_us[call], answer->times.answered.us - read_at.us);
    if (call == CALL_AUTHORIZE && answer->decision == DECISION_APPROVED)
        time_stages(measures, read_at, woken_at, answer);
}

/* ---- what the process looks up ---- */

void measures_take_directory(struct process_measures *measures, const struct directory_facts *facts) {
    const size_t rows[ROWS_KINDS] = {
        [ROWS_ORGANISATIONS] = facts->organisations,
        [ROWS_DEPARTMENTS] = facts->departments,
        [ROWS_TRAVELLERS] = facts->travellers,
        [ROWS_CREDITS] = facts->credits,
        [ROWS_CLIENTS] = facts->clients,
    };
    for (int kind = 0; kind < ROWS_KINDS; kind++)
        metric_set(&measures->directory_rows[kind], (int64_t)rows[kind]);
    metric_set(&measures->directory_bytes, (int64_t)facts->memory_bytes);
    metric_set(&measures->directory_lag_us, facts->age_us);
}

static int64_t us_of(struct timeval time) {
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static int64_t count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return 0;
    int64_t count = -1; /* its own */
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count - 2; /* "." and ".." */
}

static int64_t read_resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    long pages = 0;
    if (fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void measures_take_process(struct process_measures *measures) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    metric_set_count(&measures->cpu_us, (uint64_t)(us_of(usage.ru_utime) + us_of(usage.ru_stime)));
    metric_set(&measures->resident_bytes, read_resident_bytes());
    metric_set(&measures->descriptors, count_descriptors());
}
