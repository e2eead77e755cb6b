/* SPDX-License-Identifier: Apache-2.0 */
/* What a running server takes of settings that were read again. */
#include "config/settings.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct settings running;
static struct settings wanted;
static char taken[512];
static char kept[512];

static void start(void) {
    config_defaults(settings_table, settings_count, &running);
    wanted = running;
}

TestSuite(reload, .init = start);

static void note(void *owner, const struct config_setting *setting, bool is_taken) {
    cr_expect_eq(owner, &running);
    char *text = is_taken ? taken : kept;
    size_t size = strlen(text);
    snprintf(text + size, sizeof taken - size, "%s.%s ", setting->section, setting->key);
}

static void reload(void) {
    config_reload(settings_table, settings_count, &running, &wanted, &running, note);
}

static void set(const char *assignment) {
    struct failure failure;
    cr_assert(config_set(settings_table, settings_count, assignment, &wanted, &failure), "%s", failure.text);
}

Test(reload, the_same_settings_change_nothing_and_are_not_told_of) {
    struct settings before = running;
    /* What stood in a text before is no part of it. */
    wanted.listen[CONFIG_TEXT_SIZE - 1] = 'x';
    reload();
    cr_expect_eq(memcmp(&running, &before, sizeof before), 0);
    cr_expect_str_eq(taken, "");
    cr_expect_str_eq(kept, "");
}

Test(reload, a_setting_that_may_change_is_taken_and_the_others_are_kept_by_name) {
    set("switch.default_timeout=250 ms");
    set("log.level=debug");
    set("switch.workers=7");
    set("redis.address=127.0.0.1:7777");
    reload();
    cr_expect_eq(running.default_timeout_us, 250000);
    cr_expect_eq(running.log_level, 3);
    cr_expect_eq(running.workers, 1);
    cr_expect_str_eq(running.redis, "127.0.0.1:6379");
    cr_expect_str_eq(taken, "switch.default_timeout log.level ");
    cr_expect_str_eq(kept, "redis.address switch.workers ");
}

Test(reload, what_was_kept_is_told_of_again_the_next_time) {
    set("switch.workers=7");
    reload();
    kept[0] = '\0';
    reload();
    cr_expect_str_eq(kept, "switch.workers ");
}

static bool is_among(const struct config_setting *setting, const char *const names[]) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", setting->section, setting->key);
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Pools and connections are made of these at the start, or other servers agree on them. */
Test(reload, a_capacity_or_an_address_is_never_taken) {
    static const char *const fixed[] = {"switch.requests",      "switch.advices",
                                        "switch.workers",       "switch.warm_organisations",
                                        "listen.connections",   "listen.address",
                                        "redis.address",        "postgres.conninfo",
                                        "operator.time_zone",   "operator.currency",
                                        "stand_in.size",        "stand_in.journal",
                                        "operator.time_window", NULL};
    size_t count = 0;
    for (size_t i = 0; i < settings_count; i++) {
        if (!is_among(&settings_table[i], fixed))
            continue;
        count++;
        cr_expect_not(settings_table[i].is_reloadable, "%s.%s", settings_table[i].section, settings_table[i].key);
    }
    cr_expect_eq(count, sizeof fixed / sizeof fixed[0] - 1);
}
