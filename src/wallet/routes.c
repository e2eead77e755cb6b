/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to what is done for it: which wallet, who asks, and may they. */
#include "base/card.h"
#include "base/check.h"
#include "wallet/internal.h"

#include <stdio.h>
#include <string.h>

#define BASE "/api/v3/"
#define SEGMENTS_MAX 6
#define SEGMENT_SIZE 64

/* "traveller/ID/wallet/transaction/ID" in its parts. */
struct path {
    size_t count;
    char segments[SEGMENTS_MAX][SEGMENT_SIZE];
};

static bool split(const char *text, struct path *path) {
    path->count = 0;
    for (;;) {
        size_t size = strcspn(text, "/");
        if (size == 0 || size >= SEGMENT_SIZE || path->count == SEGMENTS_MAX)
            return false;
        snprintf(path->segments[path->count++], SEGMENT_SIZE, "%.*s", (int)size, text);
        if (text[size] == '\0')
            return true;
        text += size + 1;
    }
}

typedef bool visit_function(struct visit *visit);

static const struct route {
    size_t segments;
    const char *method;
    visit_function *visit;
} routes[] = {
    {3, "GET", visit_wallet},
    {4, "POST", visit_purchase},
    {5, "GET", visit_look},
    {5, "PATCH", visit_change},
};

static bool is_known(const struct path *path) {
    bool has_owner = path->count >= 3 && path->count <= 5 &&
                     (strcmp(path->segments[0], "traveller") == 0 || strcmp(path->segments[0], "token") == 0);
    return has_owner && strcmp(path->segments[2], "wallet") == 0 &&
           (path->count == 3 || strcmp(path->segments[3], "transaction") == 0);
}

/* NULL: the visit's problem says why. */
static visit_function *find_route(struct visit *visit, const struct path *path) {
    char allowed[32] = "";
    const char *method = strcmp(visit->request->method, "HEAD") == 0 ? "GET" : visit->request->method;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (routes[i].segments != path->count)
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return routes[i].visit;
        size_t size = strlen(allowed);
        snprintf(allowed + size, sizeof(allowed) - size, "%s%s", size > 0 ? ", " : "", routes[i].method);
    }
    http_answer_header(visit->exchange, "Allow", allowed);
    problem_set(&visit->problem, 405, "WRONG_METHOD", NULL, "Only %s can be done here.", allowed);
    return NULL;
}

static bool take_traveller(struct visit *visit, const char *text) {
    struct request_id id;
    char name[REQUEST_ID_TEXT_SIZE];
    if (strlen(text) != REQUEST_ID_TEXT_SIZE - 1 || !request_id_parse(text, &id))
        return problem_set(&visit->problem, 404, "UNKNOWN_CREDENTIAL", "travellerId",
                           "A travellerId is the UUID that the app was given when the credit was activated.");
    visit->credential.kind = CREDENTIAL_APP;
    memcpy(visit->credential.app, id.bytes, sizeof(visit->credential.app));
    request_id_format(&id, name);
    snprintf(visit->credential_text, sizeof(visit->credential_text), "app/%s", name);
    snprintf(visit->prefix, sizeof(visit->prefix), BASE "traveller/%s/wallet", name);
    return true;
}

static bool take_card(struct visit *visit, const char *text) {
    visit->credential.kind = CREDENTIAL_CARD;
    if (strlen(text) != 16 || !card_parse(text, &visit->credential.card))
        return problem_set(&visit->problem, 404, "UNKNOWN_CREDENTIAL", "tokenId",
                           "A tokenId is the 16 digits that are printed on the card.");
    snprintf(visit->credential_text, sizeof(visit->credential_text), "card/%s", text);
    snprintf(visit->prefix, sizeof(visit->prefix), BASE "token/%s/wallet", text);
    return true;
}

static bool take_path(struct visit *visit, const struct path *path) {
    bool is_traveller = strcmp(path->segments[0], "traveller") == 0;
    if (is_traveller ? !take_traveller(visit, path->segments[1]) : !take_card(visit, path->segments[1]))
        return false;
    const char *transaction = path->count == 5 ? path->segments[4] : NULL;
    if (transaction == NULL)
        return true;
    if (strlen(transaction) != REQUEST_ID_TEXT_SIZE - 1 || !request_id_parse(transaction, &visit->transaction) ||
        !request_id_is_v7(&visit->transaction))
        return problem_set(&visit->problem, 404, "NOT_FOUND", "transactionId",
                           "There is no such transaction of this requestor in this wallet.");
    return true;
}

/* ---- who asks ---- */

static void write_digest(const uint8_t *digest, size_t size, char *text) {
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static bool verify(struct visit *visit, const char *text, struct failure *failure) {
    char sha1[2 * HTTP_SHA1_SIZE + 1];
    char sha256[2 * HTTP_SHA256_SIZE + 1];
    write_digest(visit->request->client_sha1, HTTP_SHA1_SIZE, sha1);
    write_digest(visit->request->client_sha256, HTTP_SHA256_SIZE, sha256);
    struct wallet *wallet = visit->wallet;
    const struct token_wishes wishes = {.classes = wallet->settings.wallet_classes,
                                        .audience = wallet->settings.wallet_audience,
                                        .client_sha1 = sha1,
                                        .client_sha256 = sha256};
    pthread_rwlock_rdlock(&wallet->keys_lock);
    bool is_taken = token_verify(wallet->keys, text, instant_now(), &wishes, &visit->token, failure);
    pthread_rwlock_unlock(&wallet->keys_lock);
    return is_taken;
}

static bool check_token(struct visit *visit) {
    struct failure failure;
    const char *text = http_header(visit->exchange, "X-BoB-AuthToken");
    bool is_taken =
        text != NULL ? verify(visit, text, &failure) : failure_set(&failure, "there is none: ask for one and send it");
    if (!is_taken) {
        http_answer_header(visit->exchange, "WWW-Authenticate", "BoB-AuthToken");
        return problem_set(&visit->problem, 401, "UNAUTHORIZED", "X-BoB-AuthToken", "The token can't be taken: %s.",
                           failure.text);
    }
    if (visit->token.is_allowed)
        return true;
    return problem_set(&visit->problem, 403, "NOT_ALLOWED", "X-BoB-AuthToken",
                       "The token's bobAuthZ does not allow the use of wallets.");
}

static bool handle(struct visit *visit) {
    struct path path;
    size_t base = strlen(BASE);
    if (strncmp(visit->request->path, BASE, base) != 0 || !split(visit->request->path + base, &path) ||
        !is_known(&path))
        return problem_set(&visit->problem, 404, "NOT_FOUND", NULL,
                           "There is nothing of this path: see docs/wallet.openapi.json.");
    visit_function *function = find_route(visit, &path);
    return function != NULL && check_token(visit) && take_path(visit, &path) && function(visit);
}

void wallet_handle(void *owner, struct http_exchange *exchange, const struct http_request *request) {
    struct wallet *wallet = owner;
    struct visit visit = {.wallet = wallet,
                          .exchange = exchange,
                          .request = request,
                          .until_us = tick_now().us + wallet->settings.wallet_timeout_us};
    if (!handle(&visit))
        answer_problem_details(exchange, &visit.problem);
}
