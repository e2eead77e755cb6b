/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds/feeds.h"

#include "base/check.h"
#include "feeds/events.h"
#include "feeds/sample.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US INT64_C(1000000)
#define CONNECT_TIMEOUT_MS 2000L
/* A node sends something every second, be it an empty comment: one that sends nothing for so long has gone without a
 * word. */
#define SILENCE_S 10L
#define DESCRIPTORS 4

struct peer {
    struct feed_node node;
    struct feeds *feeds;
    CURL *easy; /* NULL: between two attempts */
    struct tick retry_at;
    char error[CURL_ERROR_SIZE];
    struct failure refusal; /* why what came was refused */
    struct events events;
    double sequence;
    bool is_double; /* another address of a node that is followed already */
};

struct feeds {
    CURLM *multi;
    bool follows_others;
    size_t count;
    struct peer *peers[FEEDS_NODES];
};

/* ---- what is heard ---- */

static bool is_same_process(const struct feed_node *one, const struct feed_node *other) {
    return one->name[0] != '\0' && strcmp(one->name, other->name) == 0 && strcmp(one->started, other->started) == 0;
}

static void follow_listed(struct feeds *feeds, struct json_object *nodes) {
    struct failure failure;
    for (size_t i = 0; feeds->follows_others && i < json_list_size(nodes); i++) {
        const char *url = json_as_text(json_member(json_item(nodes, i), "url"));
        if (url != NULL)
            (void)feeds_follow(feeds, url, &failure); /* the page shows as many as it has room for */
    }
}

static bool hear_hello(struct peer *peer, struct json_object *root, struct failure *failure) {
    struct feeds *feeds = peer->feeds;
    sample_read_hello(root, &peer->node);
    peer->sequence = NAN;
    for (size_t i = 0; i < feeds->count; i++) {
        struct peer *other = feeds->peers[i];
        if (other != peer && !other->is_double && is_same_process(&other->node, &peer->node)) {
            peer->is_double = true;
            return failure_set(failure, "it is followed already");
        }
    }
    follow_listed(feeds, json_member(root, "nodes"));
    return true;
}

static void hear_sample(struct peer *peer, struct json_object *root) {
    struct feed_node *node = &peer->node;
    sample_read(root, &node->sample);
    sample_keep_point(node, node->sample.sequence - peer->sequence - 1, &node->sample);
    peer->sequence = node->sample.sequence;
    node->has_sample = true;
    node->heard = tick_now();
}

static bool hear(void *owner, const char *name, struct bytes data, struct failure *failure) {
    struct peer *peer = owner;
    struct json_object *root;
    struct failure why;
    if (!json_read(data, &root, &why))
        return failure_set(failure, "its feed can't be read: %s", why.text);
    peer->node.trouble[0] = '\0';
    bool is_well = true;
    if (strcmp(name, "hello") == 0)
        is_well = hear_hello(peer, root, failure);
    if (strcmp(name, "sample") != 0) {
        json_release(root);
        return is_well;
    }
    hear_sample(peer, root);
    json_release(peer->node.json);
    peer->node.json = root;
    return true;
}

static bool is_feed(CURL *easy) {
    const char *type = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL &&
           strncmp(type, "text/event-stream", 17) == 0;
}

/* Anything but `size` ends the transfer. */
static size_t on_data(char *data, size_t one, size_t size, void *owner) {
    struct peer *peer = owner;
    (void)one;
    if (!is_feed(peer->easy)) {
        failure_set(&peer->refusal, "what answers there is no node's ops port");
        return 0;
    }
    return events_input(&peer->events, bytes_of(data, size), hear, peer, &peer->refusal) ? size : 0;
}

/* ---- connections ---- */

static void begin(struct peer *peer) {
    char url[FEED_TEXT_SIZE + 16];
    snprintf(url, sizeof url, "%s/events", peer->node.url);
    events_clear(&peer->events);
    peer->refusal.text[0] = '\0';
    peer->error[0] = '\0';
    CURL *easy = peer->easy = curl_easy_init();
    CHECK(easy != NULL);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, peer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, peer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, peer->error);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
    CHECK(curl_multi_add_handle(peer->feeds->multi, easy) == CURLM_OK);
}

static void end(struct peer *peer) {
    if (peer->easy == NULL)
        return;
    curl_multi_remove_handle(peer->feeds->multi, peer->easy);
    curl_easy_cleanup(peer->easy);
    peer->easy = NULL;
}

static void lose(struct peer *peer, CURLcode result) {
    const char *why = peer->refusal.text;
    if (why[0] == '\0' && result == CURLE_OK)
        why = "the node ended its feed";
    else if (why[0] == '\0')
        why = peer->error[0] != '\0' ? peer->error : curl_easy_strerror(result);
    sample_copy_text(peer->node.trouble, sizeof peer->node.trouble, why);
    peer->retry_at.us = tick_now().us + RETRY_US;
    end(peer);
}

static void drive(struct feeds *feeds) {
    int running;
    int left;
    struct CURLMsg *message;
    curl_multi_perform(feeds->multi, &running);
    while ((message = curl_multi_info_read(feeds->multi, &left)) != NULL) {
        struct peer *peer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &peer);
        CHECK(peer != NULL);
        lose(peer, message->data.result);
    }
    for (size_t i = 0; i < feeds->count; i++) {
        struct peer *peer = feeds->peers[i];
        if (peer->easy == NULL && !peer->is_double && tick_now().us >= peer->retry_at.us)
            begin(peer);
    }
}

/* ---- the face ---- */

enum feed_state feed_state_at(const struct feed_node *node, struct tick now) {
    if (!node->has_sample)
        return FEED_WAITING;
    return node->trouble[0] == '\0' && now.us - node->heard.us < FEED_STALLED_US ? FEED_LIVE : FEED_STALLED;
}

struct feeds *feeds_open(bool follows_others) {
    struct feeds *feeds = calloc(1, sizeof *feeds);
    CHECK(feeds != NULL);
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    feeds->multi = curl_multi_init();
    CHECK(feeds->multi != NULL);
    feeds->follows_others = follows_others;
    return feeds;
}

void feeds_close(struct feeds *feeds) {
    if (feeds == NULL)
        return;
    for (size_t i = 0; i < feeds->count; i++) {
        struct peer *peer = feeds->peers[i];
        end(peer);
        events_finish(&peer->events);
        json_release(peer->node.json);
        free(peer);
    }
    curl_multi_cleanup(feeds->multi);
    curl_global_cleanup();
    free(feeds);
}

/* "http://host:port" of whatever way it was written. */
static bool read_url(const char *text, char url[FEED_TEXT_SIZE], struct failure *failure) {
    static const char path[] = "/events";
    bool has_scheme = strstr(text, "://") != NULL;
    if (has_scheme && strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return failure_set(failure, "\"%.200s\" is no address of a node: http://host:port is wanted", text);
    int size = snprintf(url, FEED_TEXT_SIZE, "%s%s", has_scheme ? "" : "http://", text);
    if (size >= FEED_TEXT_SIZE)
        return failure_set(failure, "the address of a node is longer than %d characters", FEED_TEXT_SIZE - 1);
    size_t length = (size_t)size;
    if (length > sizeof path && strcmp(url + length - (sizeof path - 1), path) == 0)
        length -= sizeof path - 1;
    while (length > 0 && url[length - 1] == '/')
        length--;
    url[length] = '\0';
    const char *host = strstr(url, "://");
    if (host == NULL || host[3] == '\0' || strpbrk(url, " \t\r\n") != NULL)
        return failure_set(failure, "\"%.200s\" is no address of a node: http://host:port is wanted", text);
    return true;
}

bool feeds_follow(struct feeds *feeds, const char *url, struct failure *failure) {
    char wanted[FEED_TEXT_SIZE];
    if (!read_url(url, wanted, failure))
        return false;
    for (size_t i = 0; i < feeds->count; i++)
        if (strcmp(feeds->peers[i]->node.url, wanted) == 0)
            return true;
    if (feeds->count == FEEDS_NODES)
        return failure_set(failure, "more than %d nodes can't be followed at once", FEEDS_NODES);
    struct peer *peer = calloc(1, sizeof *peer);
    CHECK(peer != NULL);
    peer->feeds = feeds;
    events_init(&peer->events);
    memcpy(peer->node.url, wanted, sizeof wanted);
    feeds->peers[feeds->count++] = peer;
    return true;
}

void feeds_wait(struct feeds *feeds, const int *descriptors, size_t count, int timeout_ms) {
    struct curl_waitfd waits[DESCRIPTORS];
    CHECK(count <= DESCRIPTORS);
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct curl_waitfd){.fd = descriptors[i], .events = CURL_WAIT_POLLIN};
    drive(feeds);
    curl_multi_poll(feeds->multi, waits, (unsigned)count, timeout_ms, NULL);
    drive(feeds);
}

static bool is_told(const struct peer *peer) {
    return !peer->is_double;
}

size_t feeds_count(const struct feeds *feeds) {
    size_t count = 0;
    for (size_t i = 0; i < feeds->count; i++)
        count += is_told(feeds->peers[i]);
    return count;
}

const struct feed_node *feeds_node(const struct feeds *feeds, size_t at) {
    for (size_t i = 0; i < feeds->count; i++)
        if (is_told(feeds->peers[i]) && at-- == 0)
            return &feeds->peers[i]->node;
    return NULL;
}
