/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of Växel itself. */
#include "config/settings.h"
#include "given.h"

#include "base/calendar.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings settings;

static void start(void) {
    config_defaults(settings_table, settings_count, &settings);
}

TestSuite(settings, .init = start);

Test(settings, the_defaults_are_those_that_are_promised) {
    cr_expect_str_eq(settings.time_zone, "Europe/Stockholm");
    cr_expect_str_eq(settings.currency, "SEK");
    cr_expect_eq(settings.traveller_cap_minor, 600000); /* DOMAIN S6 */
    cr_expect_eq(settings.largest_amount_minor, 10000000);
    cr_expect_eq(settings.time_window_us, 600 * INT64_C(1000000)); /* DESIGN 6 */
    cr_expect_str_eq(settings.listen, "127.0.0.1:7443");
    cr_expect_eq(settings.connections, 12000);
    cr_expect_eq(settings.connections_per_client, 6000);
    cr_expect_eq(settings.handshake_timeout_us, 5000000);
    cr_expect_eq(settings.idle_timeout_us, 600 * INT64_C(1000000));
    cr_expect_eq(settings.unread_bytes, 256 * 1024);
    cr_expect_str_eq(settings.redis, "127.0.0.1:6379");
    cr_expect_eq(settings.redis_reconnect_us, 100000);
    cr_expect_eq(settings.redis_silence_us, 2000000);
    cr_expect_eq(settings.group_capacity, 128);
    cr_expect_str_eq(settings.postgres, "dbname=vaxel");
    cr_expect_eq(settings.postgres_reconnect_us, 200000);
    cr_expect_eq(settings.postgres_silence_us, 5000000);
    cr_expect_eq(settings.batch_rows, 1000);
    cr_expect_eq(settings.refusals_waiting, 10000);
    cr_expect_eq(settings.roll_up_rows, 1000000);
    cr_expect_eq(settings.month_ahead_us, INT64_C(900000000));
    cr_expect_eq(settings.workers, 1);
    cr_expect_eq(settings.requests, 16384);
    cr_expect_eq(settings.requests_per_connection, 1024);
    cr_expect_eq(settings.default_timeout_us, 400000); /* DOMAIN F1: a validator waits 500 ms */
    cr_expect_eq(settings.longest_timeout_us, 10000000);
    cr_expect_eq(settings.answer_margin_us, 5000);
    cr_expect_eq(settings.warm_organisations, 65536);
    cr_expect_eq(settings.drain_us, 10000000);
    cr_expect_eq(settings.log_level, 2);
    cr_expect_str_eq(settings.connect, "127.0.0.1:7443");
}

static const struct config_setting *overlapping(const struct config_setting *one) {
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_setting *other = &settings_table[i];
        bool is_same_name = strcmp(one->section, other->section) == 0 && strcmp(one->key, other->key) == 0;
        if (one != other && (is_same_name || one->offset == other->offset))
            return other;
    }
    return NULL;
}

Test(settings, each_is_explained_and_has_a_name_and_place_of_its_own) {
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_setting *setting = &settings_table[i];
        cr_expect_null(overlapping(setting), "%s.%s", setting->section, setting->key);
        size_t size = strlen(setting->help);
        cr_expect(size > 10 && setting->help[size - 1] == '.', "%s.%s", setting->section, setting->key);
        cr_expect_eq(setting->type == CONFIG_TEXT, setting->wanted != NULL, "%s.%s", setting->section, setting->key);
        cr_expect(setting->type == CONFIG_TEXT || setting->type == CONFIG_CHOICE || setting->least < setting->most,
                  "%s.%s", setting->section, setting->key);
    }
}

static size_t size_of(const struct config_setting *setting) {
    return setting->type == CONFIG_TEXT ? CONFIG_TEXT_SIZE : sizeof(int64_t);
}

Test(settings, every_field_can_be_set) {
    size_t sum = 0;
    for (size_t i = 0; i < settings_count; i++)
        sum += size_of(&settings_table[i]);
    cr_expect_eq(sum, sizeof(struct settings));
}

Test(settings, both_ends_of_every_range_can_be_written_and_no_more) {
    struct failure failure;
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_setting *setting = &settings_table[i];
        if (setting->type != CONFIG_NUMBER)
            continue;
        char assignment[128];
        for (int step = -1; step <= 1; step++) {
            snprintf(assignment, sizeof(assignment), "%s.%s=%lld", setting->section, setting->key,
                     (long long)setting->most + step);
            cr_expect_eq(config_set(settings_table, settings_count, assignment, &settings, &failure), step <= 0, "%s",
                         assignment);
        }
    }
}

Test(settings, a_currency_or_zone_that_does_not_exist_is_refused) {
    struct failure failure;
    cr_expect_not(config_set(settings_table, settings_count, "operator.currency=kr", &settings, &failure));
    cr_expect_str_eq(failure.text,
                     "operator.currency = \"kr\": the ISO 4217 code of a currency of two decimals is wanted");
    cr_expect_not(config_set(settings_table, settings_count, "operator.time_zone=Sweden", &settings, &failure));
    cr_expect_str_eq(failure.text,
                     "operator.time_zone = \"Sweden\": a name from the system's time zone database is wanted");
    cr_expect(config_set(settings_table, settings_count, "operator.time_zone=Europe/Oslo", &settings, &failure));
    cr_expect(config_set(settings_table, settings_count, "operator.currency=NOK", &settings, &failure));
    cr_expect_str_eq(settings.currency, "NOK");
}

Test(settings, a_default_timeout_over_the_longest_is_refused) {
    struct failure failure;
    cr_expect(settings_check(&settings, &failure));
    settings.default_timeout_us = settings.longest_timeout_us;
    cr_expect(settings_check(&settings, &failure));
    settings.default_timeout_us++;
    cr_expect_not(settings_check(&settings, &failure));
    cr_expect_str_eq(failure.text,
                     "switch.default_timeout (10000001 us) must not be over switch.longest_timeout (10000000 us)");
}

Test(settings, a_default_hold_over_the_longest_is_refused) {
    struct failure failure;
    settings.default_hold_us = settings.longest_hold_us;
    cr_expect(settings_check(&settings, &failure));
    settings.default_hold_us++;
    cr_expect_not(settings_check(&settings, &failure));
    cr_expect_str_eq(failure.text,
                     "operator.default_hold (86400000001 us) must not be over operator.longest_hold (86400000000 us)");
}

static char *written_sample(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    config_write_sample(settings_table, settings_count, file);
    cr_assert_eq(fclose(file), 0);
    return text;
}

/* config/vaxel.ini, seen from this file. */
static char *committed_sample(void) {
    char path[4096];
    snprintf(path, sizeof(path), "%.*s../../config/vaxel.ini", (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__);
    char *text = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    cr_assert_gt(getdelim(&text, &capacity, '\0', file), 0);
    fclose(file);
    return text;
}

Test(settings, the_committed_sample_is_that_of_the_table) {
    char *written = written_sample();
    char *committed = committed_sample();
    cr_expect_str_eq(committed, written, "run: vaxeld --sample-config > config/vaxel.ini");
    free(written);
    free(committed);
}

Test(settings, the_sample_as_it_stands_changes_nothing) {
    char *text = committed_sample();
    given_directory();
    given_file(text);
    free(text);
    struct settings read = settings;
    struct failure failure;
    cr_expect(config_read(settings_table, settings_count, "vaxel.ini", &read, &failure), "%s", failure.text);
    cr_expect_eq(memcmp(&read, &settings, sizeof(read)), 0);
}

/* Takes the # from every "# key = value"; a text may be empty. */
static void uncomment(char *text) {
    for (char *line = text; line != NULL; line = strchr(line + 1, '\n')) {
        char *begin = *line == '\n' ? line + 1 : line;
        char *end = begin + strcspn(begin, "\n");
        char *equals = strstr(begin, " =");
        if (begin[0] == '#' && equals != NULL && equals < end &&
            memchr(begin + 2, ' ', (size_t)(equals - begin - 2)) == NULL)
            memmove(begin, begin + 2, strlen(begin + 2) + 1);
    }
}

Test(settings, the_sample_without_its_hashes_sets_every_default) {
    char *text = committed_sample();
    uncomment(text);
    given_directory();
    given_file(text);
    free(text);
    static struct settings read;
    memset(&read, 0xff, sizeof(read));
    struct failure failure;
    cr_assert(config_read(settings_table, settings_count, "vaxel.ini", &read, &failure), "%s", failure.text);
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_setting *setting = &settings_table[i];
        const char *one = (const char *)&read + setting->offset;
        const char *other = (const char *)&settings + setting->offset;
        if (setting->type == CONFIG_TEXT)
            cr_expect_str_eq(one, other);
        else
            cr_expect_eq(memcmp(one, other, sizeof(int64_t)), 0, "%s.%s", setting->section, setting->key);
    }
}
