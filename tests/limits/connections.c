/* SPDX-License-Identifier: Apache-2.0 */
/* Greeting a Redis, and what becomes of questions when it fails. Each test has a Redis of its own. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct test_redis redis;
static struct peer peer;

static void start(void) {
    test_redis_start(&redis);
}

static void end(void) {
    if (peer.limits != NULL)
        peer_close(&peer);
    test_redis_stop(&redis);
}

TestSuite(connections, .init = start, .fini = end);

static void expect_refused(const char *why) {
    cr_expect(!peer.is_ready);
    cr_expect(peer.is_failed);
    cr_expect(strstr(peer.failure.text, why) != NULL, "\"%s\" does not say \"%s\"", peer.failure.text, why);
}

Test(connections, a_fresh_primary_gets_the_library_and_is_ready) {
    peer_open(&peer, &redis, 32);
    cr_expect(peer.is_ready, "%s", peer.failure.text);
    peer_warm(&peer, 5);
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_COUNTED);
}

Test(connections, a_redis_that_may_evict_is_refused_with_what_to_do) {
    test_redis_command(&redis, "CONFIG SET maxmemory-policy allkeys-lru");
    peer_open(&peer, &redis, 32);
    expect_refused("maxmemory-policy allkeys-lru");
    expect_refused("CONFIG SET maxmemory-policy noeviction");
    test_redis_command(&redis, "CONFIG SET maxmemory-policy noeviction");
    peer_reconnect(&peer, &redis);
    cr_expect(peer.is_ready);
}

Test(connections, a_replica_is_refused) {
    test_redis_command(&redis, "REPLICAOF 127.0.0.1 1");
    peer_open(&peer, &redis, 32);
    expect_refused("replica");
}

Test(connections, a_user_without_config_is_told_what_is_needed) {
    test_redis_command(&redis, "ACL SETUSER default -config");
    peer_open(&peer, &redis, 32);
    expect_refused("CONFIG GET");
}

Test(connections, a_user_without_functions_is_told_what_is_needed) {
    test_redis_command(&redis, "ACL SETUSER default -function");
    peer_open(&peer, &redis, 32);
    expect_refused("FUNCTION");
}

Test(connections, a_password_that_is_missing_is_a_failure) {
    test_redis_command(&redis, "CONFIG SET requirepass secret");
    peer_open(&peer, &redis, 32);
    expect_refused("NOAUTH");
}

static const char *library_code(void) {
    return test_redis_command(&redis, "FUNCTION LIST LIBRARYNAME vaxel WITHCODE");
}

Test(connections, a_library_of_another_text_is_replaced_and_an_equal_one_left_alone) {
    test_redis_command(&redis, "FUNCTION LOAD %s",
                       "#!lua name=vaxel\nredis.register_function('vaxel_decide', function() return 0 end)");
    peer_open(&peer, &redis, 32);
    cr_expect(peer.is_ready);
    cr_expect(strstr(library_code(), "remember_all") != NULL);
    test_redis_command(&redis, "CONFIG RESETSTAT");
    peer_reconnect(&peer, &redis);
    cr_expect(peer.is_ready);
    cr_expect(strstr(test_redis_command(&redis, "INFO commandstats"), "function|load") == NULL);
}

/* During a deploy nodes of two versions share a Redis: if each put its own in place of the other's, neither could go
 * on. */
Test(connections, a_library_of_a_newer_version_is_left_alone_and_an_older_one_replaced) {
    peer_open(&peer, &redis, 32);
    cr_assert(peer.is_ready);
    char newer[32768];
    snprintf(newer, sizeof newer, "#!lua name=vaxel\n-- version 1000\n%s", strstr(library_code(), "local DAY_SECONDS"));
    test_redis_command(&redis, "FUNCTION LOAD REPLACE %s", newer);
    peer_reconnect(&peer, &redis);
    cr_expect(peer.is_ready);
    cr_expect(strstr(library_code(), "-- version 1000\n") != NULL);
    peer_warm(&peer, 5);
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_COUNTED);
    memcpy(strstr(newer, "1000\n"), "0001\n", 5);
    test_redis_command(&redis, "FUNCTION LOAD REPLACE %s", newer);
    peer_reconnect(&peer, &redis);
    cr_expect(peer.is_ready);
    cr_expect(strstr(library_code(), "-- version 0001\n") == NULL);
}

/* Whatever goes wrong, a question is answered LOST, once, and what had been counted stays counted. */
static void expect_lost(void) {
    cr_assert(peer.is_ready);
    uint32_t before = peer.verdict_count;
    uint32_t one = peer_queue(&peer, purchase(1, 130));
    uint32_t other = peer_queue(&peer, purchase(2, 130));
    struct question elsewhere = purchase(3, 130);
    elsewhere.organisation++;
    uint32_t third = peer_queue(&peer, elsewhere);
    const struct sums sums = {.organisation = ORGANISATION, .month = MONTH, .epoch = 9};
    cr_assert(limits_write_sums(peer.limits, &sums));
    cr_assert(limits_read_month(peer.limits, ORGANISATION, MONTH));
    uint32_t read_before = peer.read_count;
    peer_pump(&peer);
    cr_expect(peer.is_failed);
    uint32_t written_before = peer.written_count;
    limits_lost(peer.limits);
    cr_expect_eq(peer.verdict_count, before + 3);
    cr_expect_eq(peer.verdicts[one].kind, VERDICT_LOST);
    cr_expect_eq(peer.verdicts[other].kind, VERDICT_LOST);
    cr_expect_eq(peer.verdicts[third].kind, VERDICT_LOST);
    cr_expect(peer.written_count == written_before + 1 && !peer.is_written);
    cr_expect(peer.read_count == read_before + 1 && peer.read_epoch == -1);
    cr_expect(!limits_read_month(peer.limits, ORGANISATION, MONTH));
    cr_expect(!limits_ask(peer.limits, &elsewhere));
    cr_expect(!limits_write_sums(peer.limits, &sums));
    limits_connected(peer.limits); /* for peer_reconnect() to lose */
}

Test(connections, functions_that_were_flushed_give_a_failure_and_no_verdict) {
    peer_open(&peer, &redis, 32);
    peer_warm(&peer, 5);
    test_redis_command(&redis, "FUNCTION FLUSH");
    expect_lost();
    cr_expect(strstr(peer.failure.text, "Function not found") != NULL);
    peer_reconnect(&peer, &redis);
    cr_expect(peer.is_ready);
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_COUNTED);
}

Test(connections, a_primary_that_becomes_a_replica_gives_a_failure_and_no_verdict) {
    peer_open(&peer, &redis, 32);
    peer_warm(&peer, 5);
    test_redis_command(&redis, "REPLICAOF 127.0.0.1 1");
    expect_lost();
    cr_expect(strstr(peer.failure.text, "READONLY") != NULL);
}

Test(connections, a_redis_that_is_full_gives_a_failure_and_no_verdict) {
    peer_open(&peer, &redis, 32);
    peer_warm(&peer, 5);
    test_redis_command(&redis, "CONFIG SET maxmemory 1");
    expect_lost();
    cr_expect(strstr(peer.failure.text, "OOM") != NULL);
    cr_expect_str_eq(stored(&redis, "o"), "");
}

Test(connections, a_key_of_another_type_gives_a_failure_and_no_verdict) {
    peer_open(&peer, &redis, 32);
    test_redis_command(&redis, "SET {7}:202611 x");
    expect_lost();
    cr_expect(strstr(peer.failure.text, "WRONGTYPE") != NULL);
}

Test(connections, a_redis_that_dies_leaves_every_question_lost) {
    peer_open(&peer, &redis, 32);
    peer_warm(&peer, 5);
    test_redis_kill(&redis);
    expect_lost();
    test_redis_restart(&redis);
    peer_reconnect(&peer, &redis);
    cr_expect(peer.is_ready);
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_COLD);
}

Test(connections, bytes_that_are_no_redis_are_a_failure) {
    static const char *const nonsense[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "$-7\r\n", "*99999999999999\r\n",
                                           ":12x\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"};
    peer_open(&peer, &redis, 32);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        peer_reconnect(&peer, &redis);
        cr_assert(peer.is_ready);
        cr_expect(!limits_input(peer.limits, bytes_of(nonsense[i], strlen(nonsense[i])), &peer.failure));
    }
}

Test(connections, an_answer_that_nobody_asked_for_is_a_failure) {
    peer_open(&peer, &redis, 32);
    cr_expect(!limits_input(peer.limits, bytes_of(":0\r\n", 4), &peer.failure));
    cr_expect(strstr(peer.failure.text, "nobody asked") != NULL);
}

Test(connections, an_answer_without_end_is_a_failure) {
    static const char part[4096];
    peer_open(&peer, &redis, 32);
    bool is_taken = limits_input(peer.limits, bytes_of("$999999999\r\n", 12), &peer.failure);
    for (int i = 0; i < 1000 && is_taken; i++)
        is_taken = limits_input(peer.limits, bytes_of(part, sizeof part), &peer.failure);
    cr_expect(!is_taken);
}

/* Answers of the right protocol that are not to the question: none may pass for a verdict. */
Test(connections, an_answer_to_something_else_is_a_failure_and_no_verdict) {
    static const char *const answers[] = {
        ":1\r\n",
        ":-1\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "+OK\r\n",
        "$2\r\nOK\r\n",
        "*1\r\n:5\r\n",
        "*2\r\n:5\r\n:0\r\n",
        "*5\r\n:5\r\n:0\r\n:1\r\n:1\r\n:1\r\n",
        "*7\r\n:5\r\n:0\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:5\r\n:16\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:5\r\n:-2\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:5\r\n:-3\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:5\r\n:-4\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:5\r\n:-5\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:-5\r\n:0\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n:5\r\n:0\r\n:1\r\n$1\r\n1\r\n:1\r\n:1\r\n",
        "*7\r\n:5\r\n:-1\r\n$3\r\nA5:\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*7\r\n:5\r\n:-1\r\n$35\r\nB5:01234567890123456789012345678901\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*7\r\n:5\r\n:-1\r\n$36\r\nA5:01234567890123456789012345678901x\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*7\r\n:5\r\n:-1\r\n$37\r\nD5:012345678901234567890123456789018,\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
    };
    peer_open(&peer, &redis, 32);
    for (uint32_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        peer_reconnect(&peer, &redis);
        cr_assert(peer.is_ready);
        uint32_t owner = peer_queue(&peer, purchase(i, 130));
        limits_output(peer.limits, &peer.output);
        peer.output.size = 0;
        bool is_taken = limits_input(peer.limits, bytes_of(answers[i], strlen(answers[i])), &peer.failure);
        limits_lost(peer.limits);
        limits_connected(peer.limits);
        cr_expect(peer.is_told[owner]);
        /* One number too many is seen when the verdict has been told; it was whole. */
        if (i == 10)
            cr_expect(!is_taken && peer.verdicts[owner].kind == VERDICT_COUNTED);
        else
            cr_expect(!is_taken && peer.verdicts[owner].kind == VERDICT_LOST, "answer %u", i);
    }
}

Test(connections, the_reader_sees_the_counters_as_they_are) {
    struct failure failure;
    struct counters counters;
    struct limits_reader *reader = limits_reader_open(redis.address, &failure);
    cr_assert(reader != NULL, "%s", failure.text);
    cr_assert(limits_reader_read(reader, ORGANISATION, MONTH, &counters, &failure));
    cr_expect(!counters.is_warm && counters.sum_count == 0);
    counters_finish(&counters);
    peer_open(&peer, &redis, 32);
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    cr_assert(limits_reader_read(reader, ORGANISATION, MONTH, &counters, &failure));
    cr_expect(counters.is_warm);
    cr_expect_eq(counters.epoch, 5);
    cr_expect_eq(counters.sum_count, 4u);
    int64_t seen = 0;
    for (size_t i = 0; i < counters.sum_count; i++) {
        cr_expect_eq(counters.sums[i].spent_minor, 130);
        seen |= INT64_C(1) << (8 * counters.sums[i].kind + counters.sums[i].id);
    }
    cr_expect_eq(seen, INT64_C(1) << 9 | INT64_C(1) << 18 | INT64_C(1) << 27 | INT64_C(1) << 32);
    counters_finish(&counters);
    test_redis_command(&redis, "REPLICAOF 127.0.0.1 1");
    test_redis_command(&redis, "REPLICAOF NO ONE");
    cr_assert(limits_reader_read(reader, ORGANISATION, MONTH, &counters, &failure));
    cr_expect(!counters.is_warm, "built under another primary");
    counters_finish(&counters);
    test_redis_command(&redis, "HSET {7}:202611 o 1x");
    cr_expect(!limits_reader_read(reader, ORGANISATION, MONTH, &counters, &failure));
    test_redis_command(&redis, "HSET {7}:202611 o 1");
    cr_expect(limits_reader_read(reader, ORGANISATION, MONTH, &counters, &failure), "%s", failure.text);
    counters_finish(&counters);
    limits_reader_close(reader);
}

Test(connections, the_reader_says_why_redis_cannot_be_reached) {
    struct failure failure;
    cr_expect(limits_reader_open("unix:/nowhere/redis.sock", &failure) == NULL);
    cr_expect(strstr(failure.text, "/nowhere/redis.sock") != NULL);
    test_redis_command(&redis, "CONFIG SET requirepass secret");
    struct limits_reader *reader = limits_reader_open(redis.address, &failure);
    struct counters counters;
    cr_assert(reader != NULL);
    cr_expect(!limits_reader_read(reader, ORGANISATION, MONTH, &counters, &failure));
    cr_expect(strstr(failure.text, "NOAUTH") != NULL);
    limits_reader_close(reader);
}
