/* SPDX-License-Identifier: Apache-2.0 */
/* reader: one who reads a node's /events, by curl. */
#ifndef VAXEL_TESTS_OPS_READER_H
#define VAXEL_TESTS_OPS_READER_H

#include "scrape.h"

#include "json/json.h"
#include <stdio.h>

struct reader {
    FILE *pipe;
    char *line;
    size_t line_capacity;
    char event[16];
    long id;
    struct json_object *data; /* of the last event; stands until the next */
};

/* Reads the first event, which must be the hello. */
void reader_open(struct reader *reader, const struct cluster *cluster, int node);
/* Waits for the next event, which must be a sample. */
void reader_next(struct reader *reader);
void reader_close(struct reader *reader);

/* A member by its way, "stand_in.journal"; it must be there. NULL is null. */
struct json_object *reader_member(struct json_object *of, const char *way);
double reader_number(struct json_object *of, const char *way);
const char *reader_text(struct json_object *of, const char *way);
bool reader_truth(struct json_object *of, const char *way);

#endif
