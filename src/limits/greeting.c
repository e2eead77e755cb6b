/* SPDX-License-Identifier: Apache-2.0 */
/* greeting: is this a primary, may it evict keys, has it our library? Asked in one write on connecting; then the
 * library is loaded if its text differs. */
#include "limits/internal.h"

#include "vaxel_lua.h"

#include <string.h>

static void write_words(struct writer *writer, size_t count, const char *const *words) {
    write_array(writer, count);
    for (size_t i = 0; i < count; i++)
        write_text(writer, words[i]);
}

static void ask(struct limits *limits, struct writer *writer, enum call_kind kind, size_t count,
                const char *const *words) {
    write_words(writer, count, words);
    call_push(limits, (struct call_in_flight){.kind = kind});
}

static void ask_who(struct limits *limits, struct writer *writer) {
    if (limits->place.password != NULL && limits->place.password[0] != '\0') {
        write_auth(writer, limits->place.user, limits->place.password);
        call_push(limits, (struct call_in_flight){.kind = CALL_AUTH});
    }
    ask(limits, writer, CALL_GREETING_WHO, 3, (const char *[]){"INFO", "replication", "cluster"});
    ask(limits, writer, CALL_GREETING_POLICY, 3, (const char *[]){"CONFIG", "GET", "maxmemory-policy"});
    ask(limits, writer, CALL_GREETING_LIBRARY, 5,
        (const char *[]){"FUNCTION", "LIST", "LIBRARYNAME", "vaxel", "WITHCODE"});
}

void greeting_output(struct limits *limits, struct buffer *output) {
    _Static_assert(sizeof vaxel_lua + 64 <= LIMITS_OUTPUT_MIN, "the library fits an empty output");
    if (buffer_room(output) < sizeof vaxel_lua + 64)
        return;
    struct writer writer = {output->data + output->size, output->data + output->capacity};
    if (limits->stage == STAGE_GREETING)
        ask_who(limits, &writer);
    else
        ask(limits, &writer, CALL_LOAD, 4, (const char *[]){"FUNCTION", "LOAD", "REPLACE", vaxel_lua});
    output->size = (size_t)(writer.at - output->data);
}

static void print_part(const struct part *part, char text[static 160]) {
    size_t size = part->text.data == NULL ? 0 : part->text.size;
    if (size > 159)
        size = 159;
    if (size > 0)
        memcpy(text, part->text.data, size);
    text[size] = '\0';
}

/* The value of "name:value\r\n" in what INFO says; false when it has none or a longer one. */
static bool find_line(const struct part *info, const char *name, char *value, size_t capacity) {
    const char *at = (const char *)info->text.data;
    const char *end = at + info->text.size;
    size_t name_size = strlen(name);
    while (at < end) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        size_t size = (size_t)(line_end - at);
        if (size > name_size && memcmp(at, name, name_size) == 0 && at[name_size] == ':') {
            size -= name_size + 1;
            if (size >= capacity)
                return false;
            memcpy(value, at + name_size + 1, size);
            value[size] = '\0';
            return true;
        }
        at = line_end + (line_end + 1 < end ? 2 : 1);
    }
    return false;
}

void greeting_take_identity(struct limits *limits, struct bytes identity) {
    struct bytes known = bytes_of(limits->identity, strlen(limits->identity));
    bool is_same = known.size == identity.size && memcmp(known.data, identity.data, identity.size) == 0;
    CHECK(identity.size < IDENTITY_SIZE);
    memcpy(limits->identity, identity.data, identity.size);
    limits->identity[identity.size] = '\0';
    if (known.size > 0 && !is_same && limits->options.on_other_primary != NULL)
        limits->options.on_other_primary(limits->options.owner);
}

static bool hear_who(struct limits *limits, struct failure *failure) {
    const struct part *info = &limits->reply.parts[0];
    char role[16], identity[IDENTITY_SIZE] = "";
    if (limits->reply.part_count != 1 || info->text.data == NULL || !find_line(info, "role", role, sizeof role) ||
        !find_line(info, "master_replid", identity, sizeof identity) || identity[0] == '\0')
        return failure_set(failure, "INFO replication names no role and master_replid; is this Redis 7?");
    greeting_take_identity(limits, bytes_of(identity, strlen(identity)));
    char is_cluster[4];
    limits->is_of_cluster =
        find_line(info, "cluster_enabled", is_cluster, sizeof is_cluster) && strcmp(is_cluster, "1") == 0;
    if (limits->is_of_cluster && limits->place.on_moved == NULL)
        return failure_set(failure, "this is a node of a Redis Cluster");
    if (strcmp(role, "master") != 0)
        return failure_set(failure, "this Redis is a replica; the counters need the primary: give its address");
    return true;
}

static bool hear_policy(const struct limits *limits, struct failure *failure) {
    const struct reply *reply = &limits->reply;
    if (reply->part_count != 2 || !part_is(&reply->parts[0], "maxmemory-policy"))
        return failure_set(failure, "CONFIG GET maxmemory-policy has no answer; is this Redis 7?");
    if (part_is(&reply->parts[1], "noeviction"))
        return true;
    char policy[160];
    print_part(&reply->parts[1], policy);
    return failure_set(failure,
                       "this Redis may evict counters (maxmemory-policy %s): run CONFIG SET maxmemory-policy "
                       "noeviction, and write \"maxmemory-policy noeviction\" into its redis.conf",
                       policy);
}

/* A library's version stands in its second line; 0: it is none of ours. */
static int64_t version_of(struct bytes code) {
    static const char mark[] = "\n-- version ";
    const uint8_t *line = memchr(code.data, '\n', code.size);
    size_t size = line == NULL ? 0 : code.size - (size_t)(line - code.data);
    if (size < sizeof mark || memcmp(line, mark, sizeof mark - 1) != 0)
        return 0;
    const uint8_t *digits = line + sizeof mark - 1;
    const uint8_t *end = memchr(digits, '\n', size - (sizeof mark - 1));
    int64_t version;
    return end != NULL && name_parse_number(bytes_of(digits, (size_t)(end - digits)), &version) ? version : 0;
}

/* A newer one has what this node calls, too (vaxel.lua says why): it is left alone, else two nodes would replace each
 * other's for ever. */
static bool may_stay(const struct part *code) {
    return part_is(code, vaxel_lua) ||
           (code->text.data != NULL && version_of(code->text) > version_of(bytes_of(vaxel_lua, sizeof vaxel_lua - 1)));
}

static void hear_library(struct limits *limits) {
    const struct reply *reply = &limits->reply;
    bool is_there = false;
    for (size_t i = 0; i + 1 < reply->part_count; i++)
        if (part_is(&reply->parts[i], "library_code"))
            is_there = may_stay(&reply->parts[i + 1]);
    if (!is_there) {
        limits->stage = STAGE_LOADING;
        return;
    }
    limits->stage = STAGE_READY;
    limits->options.on_ready(limits->options.owner);
}

/* What an error means depends on what was asked. */
bool greeting_error(const struct limits *limits, enum call_kind kind, struct failure *failure) {
    char said[160];
    print_part(&limits->reply.parts[0], said);
    switch (kind) {
    case CALL_AUTH:
        return failure_set(failure, "Redis does not take the user and password: %s", said);
    case CALL_GREETING_POLICY:
        return failure_set(failure,
                           "Redis does not tell its maxmemory-policy, which must be noeviction; allow this user CONFIG "
                           "GET: %s",
                           said);
    case CALL_GREETING_LIBRARY:
    case CALL_LOAD:
        return failure_set(failure, "Redis does not take functions; they need Redis 7.0 and a user with FUNCTION: %s",
                           said);
    case CALL_GREETING_WHO:
    case CALL_GROUPS:
    case CALL_SUMS:
    case CALL_SLICE:
    case CALL_ASKING:
        break;
    }
    return failure_set(failure, "Redis says: %s", said);
}

bool greeting_reply(struct limits *limits, enum call_kind kind, struct failure *failure) {
    if (limits->reply.is_error)
        return greeting_error(limits, kind, failure);
    switch (kind) {
    case CALL_AUTH:
        return true;
    case CALL_GREETING_WHO:
        return hear_who(limits, failure);
    case CALL_GREETING_POLICY:
        return hear_policy(limits, failure);
    case CALL_GREETING_LIBRARY:
        hear_library(limits);
        return true;
    case CALL_LOAD:
        limits->stage = STAGE_READY;
        limits->options.on_ready(limits->options.owner);
        return true;
    case CALL_GROUPS:
    case CALL_SUMS:
    case CALL_SLICE:
    case CALL_ASKING:
        break;
    }
    CHECK(!"a question is no greeting");
    return false;
}
