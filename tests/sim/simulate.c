/* SPDX-License-Identifier: Apache-2.0 */
/* simulate [--seed N] [--seeds COUNT] [--hours H] [--plant NAME] [--trace] | --suite | --plants
 *
 * Lives through seeds and judges each. --suite: what `./dev test sim` asks: fixed seeds and new ones, a seed twice, and
 * every planted fault until it is found. */
#include "sim/plants.h"
#include "sim/world.h"

#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_LENGTH_US (40 * SECOND)
#define FIXED_SEEDS 60
#define NEW_SEEDS 40
#define PLANT_SEEDS 1000

struct options {
    uint64_t seed, seeds;
    int64_t length_us;
    bool is_traced;
    const char *plant;
};

static bool live(const struct options *options, uint64_t seed, uint64_t *fingerprint,
                 struct verdict_of_checker *verdict, size_t *operations) {
    const struct world_options world = {seed, options->length_us, options->is_traced};
    world_live(&world, verdict, fingerprint, operations);
    return verdict->is_good;
}

static void tell_broken(const struct options *options, uint64_t seed, const struct verdict_of_checker *verdict) {
    printf("seed %llu breaks I%d: %s\n", (unsigned long long)seed, verdict->invariant, verdict->text);
    printf("  again: build/debug/tests/simulate --seed %llu --hours %.4f%s%s --trace\n", (unsigned long long)seed,
           (double)options->length_us / 3600e6, options->plant == NULL ? "" : " --plant ",
           options->plant == NULL ? "" : options->plant);
}

/* The number of seeds that broke something; ends at the first with `is_first_enough`. */
static uint64_t live_all(const struct options *options, bool is_first_enough, uint64_t *lived) {
    uint64_t broken = 0;
    size_t operations_of_all = 0, approvals = 0, standing = 0;
    for (*lived = 0; *lived < options->seeds;) {
        struct verdict_of_checker verdict;
        uint64_t fingerprint;
        size_t operations;
        uint64_t seed = options->seed + (*lived)++;
        bool is_good = live(options, seed, &fingerprint, &verdict, &operations);
        operations_of_all += operations;
        approvals += verdict.approvals;
        standing += verdict.standing_after_failure + verdict.standing_after_crash;
        if (options->is_traced || options->seeds == 1)
            printf("seed %llu fingerprint %016llx operations %zu approvals %zu\n", (unsigned long long)seed,
                   (unsigned long long)fingerprint, operations, verdict.approvals);
        if (is_good)
            continue;
        broken++;
        if (is_first_enough)
            break;
        tell_broken(options, seed, &verdict);
    }
    if (!is_first_enough)
        printf("%llu seeds, %llu broken: %zu requests, %zu approvals, %zu purchases stand after DEADLINE alone\n",
               (unsigned long long)*lived, (unsigned long long)broken, operations_of_all, approvals, standing);
    return broken;
}

/* ---- the suite ---- */

static int passed, failed;

static void result(bool is_good, const char *name) {
    passed += is_good;
    failed += !is_good;
    printf("%s: %s\n", is_good ? "ok" : "FAILED", name);
    fflush(stdout);
}

static void check_seeds(const char *name, uint64_t first, uint64_t count) {
    const struct options options = {.seed = first, .seeds = count, .length_us = DEFAULT_LENGTH_US};
    uint64_t lived;
    result(live_all(&options, false, &lived) == 0, name);
}

static void check_again(void) {
    struct options options = {.length_us = DEFAULT_LENGTH_US};
    struct verdict_of_checker verdict;
    uint64_t one = 0, other = 1;
    size_t operations;
    live(&options, 7, &one, &verdict, &operations);
    live(&options, 7, &other, &verdict, &operations);
    result(one == other, "the same seed gives the same run");
    live(&options, 8, &other, &verdict, &operations);
    result(one != other, "another seed gives another");
}

/* In a process of its own: a fault may also be found by the core, which then refuses to go on. */
static bool is_found(const char *name, uint64_t *lived) {
    const struct options options = {.seeds = PLANT_SEEDS, .seed = 1, .length_us = DEFAULT_LENGTH_US, .plant = name};
    pid_t child = fork();
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        plants_choose(name);
        _exit(live_all(&options, true, lived) > 0);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}

static bool is_sound(uint64_t seed) {
    const struct options options = {.seeds = 1, .seed = seed, .length_us = DEFAULT_LENGTH_US};
    uint64_t lived;
    return live_all(&options, false, &lived) == 0;
}

static void check_plant(const char *name, const char *words) {
    uint64_t *lived = mmap(NULL, sizeof *lived, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char line[200];
    /* Found, and not by a seed that breaks without it as well. */
    bool is_good = is_found(name, lived) && is_sound(*lived);
    snprintf(line, sizeof line, "%s (%s) is found, by seed %llu", name, words, (unsigned long long)*lived);
    munmap(lived, sizeof *lived);
    result(is_good, line);
}

static int suite(void) {
    check_again();
    check_seeds("every promise holds in the fixed seeds", 1, FIXED_SEEDS);
    check_seeds("every promise holds in new seeds", (uint64_t)time(NULL) * 1000, NEW_SEEDS);
    for (size_t i = 0; plants_name(i) != NULL; i++)
        check_plant(plants_name(i), plants_words(i));
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int list_plants(void) {
    for (size_t i = 0; plants_name(i) != NULL; i++)
        printf("%-26s %s\n", plants_name(i), plants_words(i));
    return EXIT_SUCCESS;
}

static int fail(const char *words) {
    fprintf(stderr, "simulate: %s\n", words);
    return EXIT_FAILURE;
}

int main(int count, char **arguments) {
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'},  {"seeds", required_argument, NULL, 'c'},
        {"hours", required_argument, NULL, 'h'}, {"plant", required_argument, NULL, 'p'},
        {"trace", no_argument, NULL, 't'},       {"suite", no_argument, NULL, 'S'},
        {"plants", no_argument, NULL, 'P'},      {0}};
    struct options options = {.seed = 1, .seeds = 1, .length_us = DEFAULT_LENGTH_US};
    log_set_level(LOG_LEVEL_CRITICAL);
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 's':
            options.seed = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            options.seeds = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            options.length_us = (int64_t)(strtod(optarg, NULL) * 3600e6);
            break;
        case 'p':
            options.plant = optarg;
            break;
        case 't':
            options.is_traced = true;
            break;
        case 'S':
            return suite();
        case 'P':
            return list_plants();
        default:
            return fail("options are --seed N --seeds COUNT --hours H --plant NAME --trace --suite --plants");
        }
    }
    if (options.length_us <= 0)
        return fail("--hours wants a number above 0, such as 0.01");
    if (!plants_choose(options.plant))
        return fail("there is no such plant: see --plants");
    uint64_t lived;
    return live_all(&options, false, &lived) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
