/* SPDX-License-Identifier: Apache-2.0 */
/* What limits' files share. Questions go through them so:
 *
 *   limits_ask ─▶ a group of its organisation and day (groups.c)
 *   limits_output ─▶ calls of the groups that wait (calls.c), sums before them (sums.c) ─▶ the calls in flight
 *   limits_input ─▶ a whole reply (replies.c) ─▶ the oldest call in flight ─▶ its verdicts (verdicts.c)
 *
 * One write is in flight at a time: what is asked meanwhile goes out together in the next, in larger groups, which cost
 * Redis less. */
#ifndef VAXEL_LIMITS_INTERNAL_H
#define VAXEL_LIMITS_INTERNAL_H

#include "base/check.h"
#include "limits/limits.h"
#include "limits/slots.h"

#include <hiredis/read.h>

#define NOBODY UINT32_MAX

/* Questions of a call at most, and groups, which take as many calls in a Redis Cluster; such a call fits
 * LIMITS_OUTPUT_MIN. */
#define GROUP_MAX 128
#define GROUPS_OF_CALL 16

/* ---- names.c: keys, fields and values as Redis has them ---- */

#define NAME_SIZE 64
#define FIELD_SIZE 12 /* "c2147483647" */
#define MEMORY_SIZE 64
#define IDENTITY_SIZE 41
#define CURSOR_SIZE 21

struct name {
    uint32_t size;
    char text[NAME_SIZE];
};

/* Decimal text without a NUL; returns its size, at most 20. */
size_t name_number(char *text, int64_t number);

struct name name_month(int32_t organisation, struct month month);
struct name name_day(int32_t organisation, struct day day);
struct name name_stage(int32_t organisation, struct month month, int32_t epoch);

/* Returns the field's size. FIELD_LAST is that of a credit's last purchase, which is no counter. */
#define FIELD_LAST ((enum limit_kind)0)
size_t name_field(char text[FIELD_SIZE], enum limit_kind kind, int32_t id);
/* False for what is no counter. */
bool name_parse_field(struct bytes text, enum limit_kind *kind, int32_t *id);
bool name_parse_number(struct bytes text, int64_t *number);
/* The head of a month's counters, the field HEAD_FIELD. */
#define HEAD_FIELD "h"
bool name_parse_head(struct bytes text, struct bytes *identity, int32_t *epoch);

/* What an id did, as stored; returns its size. */
size_t name_memory(char text[MEMORY_SIZE], const struct memory *memory, int32_t epoch);
bool name_parse_memory(struct bytes text, struct memory *memory);

/* ---- replies.c: a reply without allocation ---- */

/* The largest reply to a call: each question's verdict, memory and limits, after its group's epoch. */
#define PARTS_CAPACITY (GROUPS_OF_CALL + GROUP_MAX * (2 + LIMITS_CAPACITY))
#define REPLY_TEXT_CAPACITY 65536

/* An element that is no array; arrays are flattened, for of ours only the list of functions and a slice are nested. */
struct part {
    int64_t number; /* when `text.data` is NULL */
    struct bytes text;
};

struct reply {
    bool is_error; /* the only part is what Redis says */
    bool is_array;
    bool is_too_large;
    size_t part_count;
    struct part parts[PARTS_CAPACITY];
    size_t text_size;
    char text[REPLY_TEXT_CAPACITY];
};

/* Fills the reply handed to the reader as privdata. */
redisReader *reply_reader_create(struct reply *reply);
void reply_clear(struct reply *reply);
/* Whether a part is this text. */
bool part_is(const struct part *part, const char *text);

/* ---- writing: RESP straight into the output. hiredis's own formatting allocates every command. ---- */

struct writer {
    uint8_t *at;
    const uint8_t *end;
};

void write_raw(struct writer *writer, const void *data, size_t size);
void write_array(struct writer *writer, size_t count);
void write_bulk_header(struct writer *writer, size_t size);
void write_bulk(struct writer *writer, const void *data, size_t size);
void write_text(struct writer *writer, const char *text);
void write_name(struct writer *writer, const struct name *name);
void write_number(struct writer *writer, int64_t number);
/* AUTH; user "": the default one. */
void write_auth(struct writer *writer, const char *user, const char *password);
void write_asking(struct writer *writer);

/* ---- the room ---- */

enum stage { STAGE_AWAY, STAGE_GREETING, STAGE_LOADING, STAGE_READY };

struct node {
    struct question question;
    uint32_t next; /* in its group, or the free list */
};

/* Questions of one organisation and day, in order of arrival. */
struct group {
    int32_t organisation;
    struct day day;
    bool is_asking; /* of one question, in a slot that is on its way here */
    uint32_t count;
    uint32_t first, last;  /* nodes */
    uint32_t next;         /* group: in the queue, the call in flight, or the free list */
    uint32_t next_in_slot; /* group: those that are open to more questions, by organisation and day */
};

enum call_kind {
    CALL_AUTH,
    CALL_GREETING_WHO,
    CALL_GREETING_POLICY,
    CALL_GREETING_LIBRARY,
    CALL_LOAD,
    CALL_GROUPS,
    CALL_SUMS,
    CALL_SLICE,
    CALL_ASKING, /* goes before a call of an organisation whose slot is on its way here */
};

/* What Redis owes a reply to. */
struct call_in_flight {
    enum call_kind kind;
    uint32_t first_group;
    struct job *job;
};

/* The place of a counter among the fields of the call that is being formatted. */
struct place_of_field {
    uint32_t generation;
    enum limit_kind kind;
    int32_t id;
    uint16_t place;
};

/* Fields of a group's call at most: counters, and credits' last purchases. */
#define FIELDS_CAPACITY (GROUP_MAX * (LIMITS_CAPACITY + 1))
#define PLACES_SIZE 4096 /* a power of two, more than FIELDS_CAPACITY */

/* The counters of a month as they are read, a slice at a time. */
struct month_reading {
    bool is_wanted;
    bool is_sent; /* a slice is owed */
    int32_t organisation;
    struct month month;
    int32_t epoch; /* of the slices so far; 0: none yet */
    char cursor[CURSOR_SIZE];
    struct sum *sums; /* kept for the next reading */
    size_t sum_count, sum_capacity;
};

/* What a primary of many is told by its router. */
struct limits_place {
    void *router;
    /* NULL unless this is of a Redis Cluster. The slot is another's; endpoint NULL: whose, is to be asked for. */
    void (*on_moved)(void *router, uint32_t slot, const char *endpoint);
    /* The slot is on its way there. False: it can't be asked there. */
    bool (*on_ask)(void *router, const struct question *question, const char *endpoint);
    bool (*on_ask_sums)(void *router, const struct sums *sums, const char *endpoint);
    const char *user;     /* "": the default one */
    const char *password; /* NULL or "": none is asked for */
};

struct limits {
    struct limits_options options;
    struct limits_place place;
    bool is_of_cluster; /* so it says */
    enum stage stage;
    char identity[IDENTITY_SIZE]; /* of the primary: its replication id, which is new with every start and promotion */

    struct node *nodes;
    uint32_t free_node;
    struct group *groups;
    uint32_t free_group;
    uint32_t first_group, last_group; /* that wait */
    uint32_t *slots;                  /* open groups by organisation and day */
    uint32_t slot_mask;

    struct call_in_flight *calls; /* a ring: one write's */
    uint32_t call_mask;
    uint32_t first_call, call_count;

    struct job *first_job, *last_job; /* sums to be written; the first ones' calls may be in flight */
    struct job *unsent_job;           /* the first that has something left to send */
    size_t job_bytes;
    struct month_reading reading;

    struct place_of_field places[PLACES_SIZE];
    uint32_t generation;

    redisReader *reader;
    struct reply reply;
};

void call_push(struct limits *limits, struct call_in_flight call);
bool call_has_room(const struct limits *limits);

/* ---- groups.c ---- */

void groups_init(struct limits *limits);
void groups_finish(struct limits *limits);
/* False when all nodes are taken. */
bool groups_add(struct limits *limits, const struct question *question, bool is_asking);
/* Takes the first group that waits; it is open to no more. */
uint32_t groups_take(struct limits *limits);
void groups_release(struct limits *limits, uint32_t group);
/* Takes a group's first question out; false when there is none. */
bool group_take_question(struct limits *limits, struct group *group, struct question *question);

/* ---- calls.c ---- */

/* How many of the groups that wait go in the next call. */
uint32_t call_count_groups(const struct limits *limits);
/* Of so many of the first groups, with ASKING before it where that is needed. False, and nothing written, when it does
 * not fit. */
bool call_format(struct limits *limits, uint32_t group_count, struct buffer *output);

/* ---- verdicts.c ---- */

/* Tells the verdicts of a call's reply, and lets its groups go. */
bool verdicts_tell(struct limits *limits, uint32_t first_group, struct failure *failure);
void verdicts_lose(struct limits *limits, uint32_t first_group);
/* The same for those of a call's only group that can't be asked at `endpoint`; NULL: all. */
void verdicts_redirect(struct limits *limits, uint32_t group, const char *endpoint);

/* ---- sums.c ---- */

bool sums_queue(struct limits *limits, const struct sums *sums, bool is_asking);
void sums_output(struct limits *limits, struct buffer *output);
bool sums_reply(struct limits *limits, struct job *job, struct failure *failure);
/* The slot is another's; or, with an endpoint, on its way there. */
void sums_redirect(struct limits *limits, struct job *job, const char *endpoint);
void sums_lose(struct limits *limits);
void sums_finish(struct limits *limits);

/* ---- reading.c ---- */

bool reading_begin(struct limits *limits, int32_t organisation, struct month month);
void reading_output(struct limits *limits, struct buffer *output);
bool reading_reply(struct limits *limits, struct failure *failure);
void reading_lose(struct limits *limits);
void reading_finish(struct limits *limits);

/* ---- redirects.c: what a node of a cluster says when a slot is not its own ---- */

/* Whether the error in the reply is one of those; then it is dealt with. */
bool redirect_take(struct limits *limits, struct call_in_flight call);
/* Where an error says that a slot has moved to; unchanged when it is no such error. */
void redirect_names(struct bytes error, char endpoint[ENDPOINT_SIZE]);

/* ---- for router.c ---- */

void limits_set_place(struct limits *limits, const struct limits_place *place);
bool limits_is_ready(const struct limits *limits);
bool limits_is_of_cluster(const struct limits *limits);
/* As limits_ask() and limits_write_sums(), for an organisation whose slot is on its way here. */
bool limits_ask_there(struct limits *limits, const struct question *question);
bool limits_write_sums_there(struct limits *limits, const struct sums *sums);

/* ---- greeting.c ---- */

/* What is asked of a primary on connecting; its answers end in `on_ready` or a failure. */
void greeting_output(struct limits *limits, struct buffer *output);
bool greeting_reply(struct limits *limits, enum call_kind kind, struct failure *failure);
void greeting_take_identity(struct limits *limits, struct bytes identity);
/* Says what an error means that came instead of a reply; always false. */
bool greeting_error(const struct limits *limits, enum call_kind kind, struct failure *failure);

#endif
