/* SPDX-License-Identifier: Apache-2.0 */
#include "scrape.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_US (60 * SECOND_US)

TestSuite(ops_pages, .timeout = 300);

static struct cluster cluster;
static char place[TEST_TEXT];

static void write_file(const char *name, const char *text) {
    char path[TEST_TEXT + 64];
    snprintf(path, sizeof path, "%s/%s", place, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* A page such as the build makes, and a secret beside it. */
static void start(const char *more) {
    char path[TEST_TEXT + 64], secret[TEST_TEXT + 64];
    static char settings[1024];
    test_directory(place);
    snprintf(path, sizeof path, "%s/assets", place);
    cr_assert_eq(mkdir(path, 0755), 0);
    write_file("index.html", "<!doctype html>the page");
    write_file("assets/main-AB12.js", "code");
    write_file("assets/style-CD34.css", "style");
    write_file("assets/icon-EF56.svg", "<svg/>");
    write_file("secret.js", "secret");
    snprintf(path, sizeof path, "%s/assets/link.js", place);
    snprintf(secret, sizeof secret, "%s/secret.js", place);
    cr_assert_eq(symlink(secret, path), 0);
    snprintf(settings, sizeof settings, "[ops]\npages = %s\n%s", place, more);
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = settings});
}

/* The headers and the body. */
static const char *get(const char *path, const char *options) {
    const char *text;
    ops_run(&text, "curl --silent --include --path-as-is --max-time 30 %s 'http://127.0.0.1:%d%s'", options,
            cluster.nodes[0].ops_port, path);
    return text;
}

static void expect(const char *text, const char *words) {
    cr_expect_not_null(strstr(text, words), "no \"%s\" in %s", words, text);
}

Test(ops_pages, are_served_with_their_types_and_run_nothing_else) {
    start("nodes = http://10.0.0.5:7512, https://ops.example/b\n");
    const char *text = get("/", "");
    expect(text, "HTTP/1.1 200 ");
    expect(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
    expect(text, "\r\nCache-Control: no-cache\r\n");
    expect(text, "\r\nX-Content-Type-Options: nosniff\r\n");
    expect(text, "default-src 'none'; script-src 'self'; ");
    expect(text, " connect-src 'self' http://10.0.0.5:7512 https://ops.example\r\n");
    expect(text, "\r\n\r\n<!doctype html>the page");
    text = get("/assets/main-AB12.js", "");
    expect(text, "\r\nContent-Type: text/javascript; charset=utf-8\r\n");
    expect(text, "\r\nCache-Control: public, max-age=31536000, immutable\r\n");
    expect(text, "\r\n\r\ncode");
    expect(get("/assets/style-CD34.css", ""), "\r\nContent-Type: text/css; charset=utf-8\r\n");
    expect(get("/assets/icon-EF56.svg", ""), "\r\nContent-Type: image/svg+xml\r\n");
    expect(get("/", "--head"), "HTTP/1.1 200 ");
    expect(get("/", "--request POST --data x"), "HTTP/1.1 405 ");
    cluster_stop(&cluster);
}

Test(ops_pages, are_not_sent_twice_and_are_new_when_the_file_is) {
    start("");
    const char *text = get("/", "");
    const char *tag = strstr(text, "\r\nETag: \"");
    cr_assert_not_null(tag, "%s", text);
    char option[64];
    snprintf(option, sizeof option, "--header 'If-None-Match: %.18s'", tag + 8);
    text = get("/", option);
    expect(text, "HTTP/1.1 304 ");
    cr_expect_null(strstr(text, "the page"));
    write_file("index.html", "<!doctype html>a newer one");
    text = get("/", option);
    expect(text, "HTTP/1.1 200 ");
    expect(text, "a newer one");
    cluster_stop(&cluster);
}

Test(ops_pages, are_all_that_is_served_of_the_disk) {
    static const char *const ways[] = {
        "/secret.js",
        "/index.html",
        "/assets/../secret.js",
        "/assets/..%2fsecret.js",
        "/assets/%2e%2e/secret.js",
        "/assets/..%5csecret.js",
        "/assets/link.js",
        "/assets//etc/passwd",
        "/assets/%2fetc/passwd",
        "/assets/",
        "/assets",
        "/assets/.",
        "/assets/..",
        "/assets/main-AB12.js/",
        "/../assets/main-AB12.js",
        "/assets/nothing.js",
        "//",
    };
    start("");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *text = get(ways[i], "");
        cr_expect(strstr(text, "HTTP/1.1 404 ") == text || strstr(text, "HTTP/1.1 400 ") == text, "%s: %s", ways[i],
                  text);
        cr_expect_null(strstr(text, "secret"), "%s: %s", ways[i], text);
    }
    expect(get("/assets/main-AB12.js", ""), "HTTP/1.1 200 ");
    cluster_stop(&cluster);
}

Test(ops_pages, that_are_not_there_are_told_how_to_be_made_and_found_while_it_runs) {
    start("");
    cluster_change_settings(&cluster, 0, "[ops]\npages = /nowhere/dashboard\n");
    cluster_wait_log(&cluster, 0, "key=pages");
    ops_wait_page(&cluster, 0, "/", 200, "there is no index.html in /nowhere/dashboard", PATIENCE_US);
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/", &text), 200);
    expect(text, "./dev build");
    expect(text, "/metrics");
    cr_expect_eq(ops_get(&cluster, 0, "/assets/main-AB12.js", &text), 404);
    cluster_stop(&cluster);
}
