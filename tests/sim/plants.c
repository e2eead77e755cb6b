/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/plants.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 2

struct plant {
    const char *name;
    const char *words;
    const char *lines[LINES_MAX][2]; /* of the library: what stands there, and what stands there instead */
};

static const struct plant plants[] = {
    /* In the library. */
    {"skip_identity",
     "counters that another primary built are believed",
     {{"    if not head or string.sub(head, 9, 8 + #identity) ~= identity then return 0 end",
       "    if not head then return 0 end"}}},
    {"believe_old_memory",
     "what an id did under counters that are no more is believed",
     {{"    return letter ~= 'A' or made + 0 >= epoch", "    return true or made == letter or epoch"}}},
    {"lower_twice",
     "a reversal is taken off each time it is told",
     {{"    if letter == 'V' then return 0 end\n    local value = 'V'", "    local value = 'V'"}}},
    {"effect_twice",
     "an effect is counted each time it is told",
     {{"        if letter == 'E' and made + 0 >= epoch then return 0 end", ""}}},
    {"apply_any_epoch",
     "an effect is counted by counters that were built with it",
     {{"    if group.epoch ~= numbers[n + n + 2] then return STANDS, 0 end", ""}}},
    {"advice_twice",
     "an advice is counted each time it is told",
     {{"    if made + 0 == epoch then amount = amount - counted end", ""}}},
    {"limits_of_one",
     "only the first limit of purchases that are all new is looked at",
     {{"            if ceiling >= 0 and spent > ceiling then return nil end",
       "            if j == i + 1 and ceiling >= 0 and spent > ceiling then return nil end"}}},
    /* In the model of PostgreSQL. */
    {"skip_fence", "rows of an old epoch are recorded", {{NULL, NULL}}},
    {"forget_ids", "a rebuild forgets what ids did", {{NULL, NULL}}},
    {"no_confirmation", "nobody marks that somebody was told of another's row", {{NULL, NULL}}},
    {"undo_without_tombstone", "an undo of what has no row yet leaves nothing behind", {{NULL, NULL}}},
    {"reverse_without_tombstone", "a reversal that comes first leaves nothing behind", {{NULL, NULL}}},
    {"capture_beyond", "more is captured than is held", {{NULL, NULL}}},
    {"refund_beyond", "more is refunded than was paid", {{NULL, NULL}}},
    {"no_expiry", "holds do not expire", {{NULL, NULL}}},
    /* Between the core and the world. */
    {"answer_before_commit", "an append is told as recorded before it is", {{NULL, NULL}}},
    {"decline_unchecked", "a refusal is told without asking the records", {{NULL, NULL}}},
    {"journal_before_sync", "a purchase is told as journaled before the disk has it", {{NULL, NULL}}},
    {"drain_drops", "one in ten entries of a journal is forgotten", {{NULL, NULL}}},
    {"audit_adjusts",
     "the audit writes what it read into the counters, instead of having them rebuilt",
     {{NULL, NULL}}},
    {"no_audit", "nobody looks whether counters are the sums of the records", {{NULL, NULL}}},
};

#define PLANT_COUNT (sizeof plants / sizeof *plants)

static const struct plant *chosen;

bool plants_choose(const char *name) {
    chosen = NULL;
    for (size_t i = 0; name != NULL && i < PLANT_COUNT; i++)
        if (strcmp(plants[i].name, name) == 0)
            chosen = &plants[i];
    return name == NULL || chosen != NULL;
}

bool plants_has(const char *name) {
    return chosen != NULL && strcmp(chosen->name, name) == 0;
}

const char *plants_name(size_t number) {
    return number < PLANT_COUNT ? plants[number].name : NULL;
}

const char *plants_words(size_t number) {
    return number < PLANT_COUNT ? plants[number].words : NULL;
}

static char *replace(char *text, const char *line, const char *by) {
    const char *at = strstr(text, line);
    if (at == NULL || strstr(at + 1, line) != NULL) {
        fprintf(stderr, "plant %s: the library does not have this line exactly once: %s\n", chosen->name, line);
        abort();
    }
    size_t before = (size_t)(at - text);
    char *changed = malloc(strlen(text) + strlen(by) + 1);
    CHECK(changed != NULL);
    sprintf(changed, "%.*s%s%s", (int)before, text, by, at + strlen(line));
    free(text);
    return changed;
}

char *plants_library(const char *library) {
    char *text = strdup(library);
    CHECK(text != NULL);
    for (size_t i = 0; chosen != NULL && i < LINES_MAX && chosen->lines[i][0] != NULL; i++)
        text = replace(text, chosen->lines[i][0], chosen->lines[i][1]);
    return text;
}
