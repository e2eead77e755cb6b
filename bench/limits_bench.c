/* SPDX-License-Identifier: Apache-2.0 */
/* What counting costs: limits_bench REDIS_SOCKET [rounds]. Purchases of four limits through limits' own calls, in
 * groups of one organisation of so many, spread over so many organisations; CPU time of Redis and of this program for
 * each. Flushes that Redis. The counters are summed afterwards: a run that does not verify prints no figure.
 *
 * limits_bench REDIS_SOCKET PURCHASES TOGETHER ORGANISATIONS: as the switch asks, so many at once of travellers chosen
 * at random, with the three limits of a generated company; one line of JSON. */
#include "base/check.h"
#include "limits/limits.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CAPACITY 1024
#define SWITCH_GROUP 128 /* redis.group */
#define TRAVELLERS 500   /* of an organisation */
#define MONTH ((struct month){202611})
#define DAY ((struct day){20261121})
#define PURCHASES 200000
#define AMOUNT INT64_C(13000)

struct run {
    struct limits *limits;
    int fd;
    struct buffer output;
    redisContext *context;
    bool is_ready;
    uint32_t warm;
    bool has_departments;
    uint64_t counted;
    uint64_t random;
};

static void on_verdict(void *owner, const struct verdict *verdict) {
    struct run *run = owner;
    CHECK(verdict->kind == VERDICT_COUNTED);
    run->counted++;
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    struct run *run = owner;
    CHECK(organisation > 0 && month.yyyymm == MONTH.yyyymm && epoch == 1 && is_written);
    run->warm++;
}

static void on_ready(void *owner) {
    ((struct run *)owner)->is_ready = true;
}

static uint32_t below(struct run *run, uint32_t bound) {
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return (uint32_t)(run->random >> 33) % bound;
}

/* One write and the answers to it. */
static void turn(struct run *run) {
    uint8_t received[65536];
    struct failure failure;
    limits_output(run->limits, &run->output);
    for (size_t sent = 0; sent < run->output.size;) {
        ssize_t size = send(run->fd, run->output.data + sent, run->output.size - sent, 0);
        CHECK(size > 0);
        sent += (size_t)size;
    }
    run->output.size = 0;
    while (limits_is_owed(run->limits)) {
        ssize_t size = recv(run->fd, received, sizeof received, 0);
        CHECK(size > 0);
        if (!limits_input(run->limits, bytes_of(received, (size_t)size), &failure)) {
            fprintf(stderr, "%s\n", failure.text);
            exit(1);
        }
    }
}

static void ask(struct run *run, int32_t organisation) {
    uint8_t random[10];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)below(run, 256);
    int32_t traveller = organisation * TRAVELLERS + (int32_t)below(run, TRAVELLERS);
    struct question question = {
        .kind = QUESTION_AUTHORIZE,
        .organisation = organisation,
        .day = DAY,
        .id = request_id_make(instant_now(), random),
        .content = {.amount_minor = AMOUNT, .client = 1, .credit = traveller, .kind = ENTRY_PURCHASE},
        .amount_minor = AMOUNT,
        .limit_count = 2,
        .limits = {{LIMIT_CREDIT, traveller, MONEY_MAX_MINOR}, {LIMIT_TRAVELLER, traveller, MONEY_MAX_MINOR}},
    };
    if (run->has_departments)
        question.limits[question.limit_count++] =
            (struct limit){LIMIT_DEPARTMENT, 2 * organisation + traveller % 2, LIMIT_COUNTED_ONLY};
    question.limits[question.limit_count++] = (struct limit){LIMIT_ORGANISATION, organisation, MONEY_MAX_MINOR};
    CHECK(limits_ask(run->limits, &question));
}

static void command(struct run *run, const char *text) {
    redisReply *reply = redisCommand(run->context, text);
    CHECK(reply != NULL && reply->type != REDIS_REPLY_ERROR);
    freeReplyObject(reply);
}

static double redis_cpu_us(struct run *run) {
    redisReply *reply = redisCommand(run->context, "INFO cpu");
    CHECK(reply != NULL && reply->type == REDIS_REPLY_STRING);
    const char *user = strstr(reply->str, "used_cpu_user_main_thread:");
    const char *system = strstr(reply->str, "used_cpu_sys_main_thread:");
    CHECK(user != NULL && system != NULL);
    double seconds = atof(strchr(user, ':') + 1) + atof(strchr(system, ':') + 1);
    freeReplyObject(reply);
    return seconds * 1e6;
}

static double own_cpu_us(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void warm(struct run *run, int32_t organisations) {
    run->warm = 0;
    for (int32_t organisation = 1; organisation <= organisations; organisation++) {
        const struct sums sums = {.organisation = organisation, .month = MONTH, .epoch = 1};
        CHECK(limits_write_sums(run->limits, &sums));
    }
    while (run->warm < (uint32_t)organisations)
        turn(run);
}

static void verify(struct run *run, int32_t organisations, uint64_t counted) {
    long long sum = 0;
    for (int32_t organisation = 1; organisation <= organisations; organisation++) {
        redisReply *reply = redisCommand(run->context, "HGET {%d}:%d o", organisation, MONTH.yyyymm);
        CHECK(reply != NULL);
        sum += reply->type == REDIS_REPLY_STRING ? atoll(reply->str) : 0;
        freeReplyObject(reply);
    }
    CHECK(run->counted == counted && sum == (long long)counted * AMOUNT);
}

/* Asks, and waits for the answers: so many of one organisation a call; 0: whatever comes together at random. */
static uint64_t ask_some(struct run *run, int32_t organisations, uint32_t group, uint32_t together) {
    uint64_t asked = 0;
    int32_t organisation = 0;
    for (; asked < together; asked++) {
        if (group == 0 || asked % group == 0)
            organisation = 1 + (int32_t)below(run, (uint32_t)organisations);
        ask(run, organisation);
    }
    turn(run);
    return asked;
}

struct cost {
    double seconds; /* all of one purchase */
    double redis_us;
    double own_us;
};

static struct cost measure(struct run *run, int32_t organisations, uint32_t group, uint32_t together,
                           uint64_t purchases) {
    command(run, "FLUSHALL");
    warm(run, organisations);
    run->counted = 0;
    uint64_t asked = 0;
    double redis = redis_cpu_us(run);
    double own = own_cpu_us();
    int64_t began_us = tick_now().us;
    while (asked < purchases)
        asked += ask_some(run, organisations, group, together);
    double seconds = (double)(tick_now().us - began_us) / 1e6;
    double count = (double)asked;
    own = own_cpu_us() - own;
    redis = redis_cpu_us(run) - redis;
    verify(run, organisations, asked);
    return (struct cost){seconds / count, redis / count, own / count};
}

static void print_row(struct run *run, int32_t organisations, uint32_t group) {
    uint32_t together = group < 8 ? 64 : 512;
    struct cost cost = measure(run, organisations, group, together, PURCHASES);
    printf("%13d %6u %10.0f %12.2f %10.2f\n", organisations, group, 1 / cost.seconds, cost.redis_us, cost.own_us);
}

static void print_table(struct run *run, int rounds) {
    static const uint32_t groups[] = {1, 2, 4, 8, 32, 128};
    printf("organisations  group purchases/s  redis us each  own us each\n");
    for (; rounds > 0; rounds--)
        for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
            print_row(run, 200, groups[i]);
            print_row(run, 1, groups[i]);
        }
}

static void print_as_switch(struct run *run, uint64_t purchases, uint32_t together, int32_t organisations) {
    CHECK(together > 0 && together <= CAPACITY && organisations > 0);
    struct cost cost = measure(run, organisations, 0, together, purchases);
    printf("{\"rate\":%.0f,\"redis_us\":%.3f,\"own_us\":%.3f}\n", 1 / cost.seconds, cost.redis_us, cost.own_us);
}

static void run_open(struct run *run, const char *path, uint32_t group_capacity) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CHECK(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    run->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(run->fd, (const struct sockaddr *)&address, sizeof address) == 0);
    run->context = redisConnectUnix(path);
    CHECK(run->context != NULL && run->context->err == 0);
    const struct limits_options options = {
        .capacity = CAPACITY,
        .group_capacity = group_capacity,
        .owner = run,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_ready = on_ready,
    };
    run->limits = limits_create(&options);
    buffer_init(&run->output, (size_t)8 * LIMITS_OUTPUT_MIN);
    limits_connected(run->limits);
    while (!run->is_ready)
        turn(run);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2 && argument_count != 3 && argument_count != 5) {
        fprintf(stderr, "usage: limits_bench REDIS_SOCKET [rounds | PURCHASES TOGETHER ORGANISATIONS]\n");
        return 2;
    }
    bool is_as_switch = argument_count == 5;
    struct run run = {.random = 88172645463325252u, .has_departments = !is_as_switch};
    run_open(&run, arguments[1], is_as_switch ? SWITCH_GROUP : 128);
    if (is_as_switch)
        print_as_switch(&run, strtoull(arguments[2], NULL, 10), (uint32_t)atoi(arguments[3]), atoi(arguments[4]));
    else
        print_table(&run, argument_count > 2 ? atoi(arguments[2]) : 1);
    limits_destroy(run.limits);
    buffer_finish(&run.output);
    redisFree(run.context);
    close(run.fd);
    return 0;
}
