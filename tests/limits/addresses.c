/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/address.h"
#include "limits/slots.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct address parsed(const char *text) {
    struct address address;
    struct failure failure = {""};
    cr_assert(address_parse(text, &address, &failure), "%s: %s", text, failure.text);
    return address;
}

Test(addresses, one_host_or_socket_is_one_redis) {
    static const char *const texts[] = {"unix:/run/redis.sock", "127.0.0.1:6379", "[::1]:6379", "redis.example:7000"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address = parsed(texts[i]);
        cr_expect_eq(address.kind, ADDRESS_ONE);
        cr_expect_eq(address.endpoint_count, 1u);
        cr_expect_str_eq(address.endpoints[0], texts[i]);
        cr_expect_str_eq(address.password, "");
    }
}

Test(addresses, several_hosts_are_a_cluster) {
    struct address address = parsed("10.0.0.1:7000, 10.0.0.2:7000 ,[fe80::1]:7000");
    cr_expect_eq(address.kind, ADDRESS_CLUSTER);
    cr_expect_eq(address.endpoint_count, 3u);
    cr_expect_str_eq(address.endpoints[1], "10.0.0.2:7000");
    cr_expect_str_eq(address.endpoints[2], "[fe80::1]:7000");
}

Test(addresses, sentinels_have_a_name_for_the_primary) {
    struct address address = parsed("sentinel:buses@10.0.0.1:26379,10.0.0.2:26379");
    cr_expect_eq(address.kind, ADDRESS_SENTINELS);
    cr_expect_str_eq(address.name, "buses");
    cr_expect_eq(address.endpoint_count, 2u);
    cr_expect_str_eq(address.endpoints[0], "10.0.0.1:26379");
}

Test(addresses, user_and_password_come_before_the_host) {
    struct address address = parsed("redis://counter:s%3Acr%40t@10.0.0.1:6379,10.0.0.2:6379");
    cr_expect_str_eq(address.user, "counter");
    cr_expect_str_eq(address.password, "s:cr@t");
    cr_expect_str_eq(address.endpoints[0], "10.0.0.1:6379");
    cr_expect_eq(address.kind, ADDRESS_CLUSTER);
    address = parsed("redis://:secret@unix:/run/redis.sock");
    cr_expect_str_eq(address.user, "");
    cr_expect_str_eq(address.password, "secret");
    cr_expect_str_eq(address.endpoints[0], "unix:/run/redis.sock");
    address = parsed("sentinel:buses@redis://counter:secret@10.0.0.1:26379");
    cr_expect_str_eq(address.name, "buses");
    cr_expect_str_eq(address.password, "secret");
    cr_expect_str_eq(address.endpoints[0], "10.0.0.1:26379");
    cr_expect_str_eq(parsed("redis://10.0.0.1:6379").endpoints[0], "10.0.0.1:6379");
}

Test(addresses, what_cannot_be_read_is_refused_with_no_word_of_the_password) {
    static const char *const texts[] = {
        "",
        "10.0.0.1:1,,10.0.0.2:1",
        "10.0.0.1:1,",
        "sentinel:@10.0.0.1:1",
        "sentinel:buses",
        "sentinel:buses@",
        "user:hunter2@10.0.0.1:1",
        "redis://hunter2@10.0.0.1:1",
        "redis://user:@10.0.0.1:1",
        "redis://user:hunter2%4@10.0.0.1:1",
        "redis://user:hunter2%00@10.0.0.1:1",
        "redis://user:hunter2%zz@10.0.0.1:1",
        "redis://user:hunter2@more@10.0.0.1:1",
        "redis://user:hunter2@",
        "unix:/run/one.sock,unix:/run/other.sock",
        "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16,a:17",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address;
        struct failure failure = {""};
        cr_expect(!address_parse(texts[i], &address, &failure), "\"%s\" is read", texts[i]);
        cr_expect(strstr(failure.text, "redis.address") != NULL, "\"%s\"", failure.text);
        cr_expect(strstr(failure.text, "hunter2") == NULL);
    }
}

Test(addresses, what_is_too_long_is_refused) {
    char text[512] = "redis://user:";
    memset(text + 13, 'x', 128);
    strcpy(text + 13 + 128, "@10.0.0.1:1");
    struct address address;
    struct failure failure;
    cr_expect(!address_parse(text, &address, &failure));
    memset(text, 'x', 128);
    strcpy(text + 128, ":6379");
    cr_expect(!address_parse(text, &address, &failure));
}

/* As CLUSTER KEYSLOT says. */
Test(addresses, an_organisation_is_in_the_slot_of_its_number) {
    cr_expect_eq(slot_of_organisation(1), 9842u);
    cr_expect_eq(slot_of_organisation(2), 5649u);
    cr_expect_eq(slot_of_organisation(3), 1584u);
    cr_expect_eq(slot_of_organisation(123456789), 0x31C3 % SLOT_COUNT);
}

Test(addresses, a_map_gives_slots_to_primaries) {
    static struct slot_map map;
    cr_expect(slot_map_give(&map, 0, 99, "a:1"));
    cr_expect(slot_map_give(&map, 100, 100, "b:1"));
    cr_expect(slot_map_give(&map, 16000, SLOT_COUNT - 1, "a:1"));
    cr_expect_eq(map.primary_count, 2u);
    cr_expect(map.owners[99] == 1 && map.owners[100] == 2 && map.owners[101] == 0 && map.owners[SLOT_COUNT - 1] == 1);
    for (int i = 2; i < PRIMARIES_CAPACITY; i++) {
        char name[16];
        snprintf(name, sizeof name, "c:%d", i);
        cr_expect(slot_map_give(&map, 200, 200, name));
    }
    cr_expect(!slot_map_give(&map, 300, 300, "d:1"));
    cr_expect_eq(map.owners[300], 0);
}
