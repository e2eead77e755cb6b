/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/pages.h"

#include "base/check.h"
#include "config/urls.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_SIZE 512
#define POLICY_SIZE 1024
#define FILE_MAX (INT64_C(8) << 20)
#define ASSETS "/assets/"

struct pages {
    pthread_mutex_t lock;
    char directory[PLACE_SIZE];
    char policy[POLICY_SIZE]; /* Content-Security-Policy */
};

/* ---- settings ---- */

/* Of a URL what browsers hold connections against: without a path. */
static size_t origin_size(const char *url) {
    const char *host = strstr(url, "://");
    CHECK(host != NULL);
    host += 3;
    return (size_t)(host - url) + strcspn(host, "/" URL_SEPARATORS);
}

static void write_policy(const char *nodes, char policy[POLICY_SIZE]) {
    FILE *file = fmemopen(policy, POLICY_SIZE, "w");
    CHECK(file != NULL);
    fputs("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'",
          file);
    while (*(nodes += strspn(nodes, URL_SEPARATORS)) != '\0') {
        fprintf(file, " %.*s", (int)origin_size(nodes), nodes);
        nodes += strcspn(nodes, URL_SEPARATORS);
    }
    CHECK(fclose(file) == 0);
}

void pages_change(struct pages *pages, const char *directory, const char *nodes) {
    char policy[POLICY_SIZE];
    CHECK(strlen(directory) < PLACE_SIZE);
    write_policy(nodes, policy);
    pthread_mutex_lock(&pages->lock);
    memcpy(pages->directory, directory, strlen(directory) + 1);
    memcpy(pages->policy, policy, sizeof policy);
    pthread_mutex_unlock(&pages->lock);
}

struct pages *pages_create(const char *directory, const char *nodes) {
    struct pages *pages = calloc(1, sizeof *pages);
    CHECK(pages != NULL);
    CHECK(pthread_mutex_init(&pages->lock, NULL) == 0);
    pages_change(pages, directory, nodes);
    return pages;
}

void pages_destroy(struct pages *pages) {
    pthread_mutex_destroy(&pages->lock);
    free(pages);
}

void pages_place(struct pages *pages, char *text, size_t size) {
    pthread_mutex_lock(&pages->lock);
    snprintf(text, size, "%s", pages->directory);
    pthread_mutex_unlock(&pages->lock);
}

/* ---- files ---- */

struct file {
    uint8_t *data;
    size_t size;
};

/* One name and no way: what could lead out of the directory is none. */
static bool is_plain_name(const char *name) {
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    return name[0] != '\0' && name[0] != '.' && name[size] == '\0';
}

/* -1: there is none, or it is no file but a link, which may lead anywhere. */
static int open_file(const char *directory, bool is_asset, const char *name) {
    static const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place >= 0 && is_asset) {
        int assets = openat(place, "assets", flags | O_DIRECTORY);
        close(place);
        place = assets;
    }
    if (place < 0)
        return -1;
    int file = openat(place, name, flags);
    close(place);
    return file;
}

static bool read_all(int descriptor, struct file *file) {
    struct stat facts;
    if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size > FILE_MAX)
        return false;
    size_t size = (size_t)facts.st_size;
    file->data = malloc(size + 1);
    CHECK(file->data != NULL);
    for (file->size = 0; file->size < size;) {
        ssize_t got = read(descriptor, file->data + file->size, size - file->size);
        if (got <= 0)
            break;
        file->size += (size_t)got;
    }
    if (file->size == size)
        return true;
    free(file->data);
    return false;
}

static bool read_file(const char *directory, bool is_asset, const char *name, struct file *file) {
    int descriptor = open_file(directory, is_asset, name);
    if (descriptor < 0)
        return false;
    bool is_read = read_all(descriptor, file);
    close(descriptor);
    return is_read;
}

/* ---- answers ---- */

static const char *type_of(const char *name) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/vnd.microsoft.icon"},
        {".woff2", "font/woff2"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* FNV-1a, of 64 bits: whether a file is the one that the browser has, not whether somebody forged it. */
static void write_tag(const struct file *file, char tag[24]) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < file->size; i++)
        hash = (hash ^ file->data[i]) * UINT64_C(0x100000001b3);
    snprintf(tag, 24, "\"%016" PRIx64 "\"", hash);
}

static void answer_file(struct http_exchange *exchange, const struct file *file, const char *name, bool is_asset,
                        const char *policy) {
    char tag[24];
    write_tag(file, tag);
    http_answer_header(exchange, "ETag", tag);
    http_answer_header(exchange, "Cache-Control", is_asset ? "public, max-age=31536000, immutable" : "no-cache");
    http_answer_header(exchange, "Content-Security-Policy", policy);
    http_answer_header(exchange, "X-Content-Type-Options", "nosniff");
    http_answer_header(exchange, "Referrer-Policy", "no-referrer");
    http_answer_header(exchange, "Cross-Origin-Resource-Policy", "same-origin");
    const char *known = http_header(exchange, "If-None-Match");
    if (known != NULL && strstr(known, tag) != NULL)
        http_answer(exchange, 304, NULL, bytes_of("", 0));
    else
        http_answer(exchange, 200, type_of(name), bytes_of(file->data, file->size));
}

bool pages_answer(struct pages *pages, struct http_exchange *exchange, const char *path) {
    char directory[PLACE_SIZE], policy[POLICY_SIZE];
    bool is_asset = strncmp(path, ASSETS, strlen(ASSETS)) == 0;
    const char *name = is_asset ? path + strlen(ASSETS) : "index.html";
    struct file file;
    if ((!is_asset && strcmp(path, "/") != 0) || !is_plain_name(name))
        return false;
    pthread_mutex_lock(&pages->lock);
    memcpy(directory, pages->directory, sizeof directory);
    memcpy(policy, pages->policy, sizeof policy);
    pthread_mutex_unlock(&pages->lock);
    if (!read_file(directory, is_asset, name, &file))
        return false;
    answer_file(exchange, &file, name, is_asset, policy);
    free(file.data);
    return true;
}
