/* SPDX-License-Identifier: Apache-2.0 */
#include "wallet/fixture.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US INT64_C(60000000)

static void add_credentials(struct cluster *cluster) {
    cluster_sql(cluster, "INSERT INTO credit (id, organisation, traveller, limit_minor, state, app) VALUES "
                         "(201, 1, 1, 100000000, 'active', '" APP_RICH "'), "
                         "(202, 1, 2, 100000, 'active', '" APP_THOUSAND "'), "
                         "(203, 1, 2, 100000, 'blocked', '" APP_BLOCKED "'), "
                         "(204, 1, 2, 100000, 'not_activated', '" APP_INACTIVE "'), "
                         "(205, 2, 4, 100000, 'active', '" APP_SUSPENDED "')");
    cluster_sql(cluster, "INSERT INTO client (name, kind, calls, channels) VALUES ('wallet-1', 'app_backend', "
                         "'{authorize,balance,lookup,echo,capture,void,reverse}', '{card,app}')");
}

void world_start_wallet(struct world *world, int wallet, const char *const *settings) {
    struct wallet_process *process = &world->wallets[wallet];
    const char *directory = world->cluster.directory;
    char program[TEST_TEXT], texts[7][2 * TEST_TEXT];
    test_program("vaxel-wallet", program);
    snprintf(texts[0], sizeof(texts[0]), "wallet.address=127.0.0.1:%d", process->port);
    snprintf(texts[1], sizeof(texts[1]), "wallet.certificate=%s/wallet-1.pem", directory);
    snprintf(texts[2], sizeof(texts[2]), "wallet.key=%s/wallet-1.key", directory);
    snprintf(texts[3], sizeof(texts[3]), "wallet.authority=%s/authority.pem", directory);
    snprintf(texts[4], sizeof(texts[4]), "wallet.keys=%s", world->keys);
    /* Many connect at once, on a machine that may be busy. */
    snprintf(texts[5], sizeof(texts[5]), "wallet.arrival_timeout=1 min");
    snprintf(texts[6], sizeof(texts[6]), "wallet.timeout=20 s");
    const char *arguments[32] = {program, "--config", world->cluster.nodes[0].config};
    int count = 3;
    for (int i = 0; i < 7; i++) {
        arguments[count++] = "--set";
        arguments[count++] = texts[i];
    }
    for (; settings && *settings; settings++) {
        arguments[count++] = "--set";
        arguments[count++] = *settings;
    }
    process->pid = test_process_start(process->log, arguments);
}

void world_wait_wallet(struct world *world, int wallet) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    struct reply reply = {0};
    do {
        cr_assert_eq(waitpid(world->wallets[wallet].pid, NULL, WNOHANG), 0, "the wallet ended: see %s",
                     world->wallets[wallet].log);
        cr_assert_lt(tick_now().us, give_up, "the wallet is not ready: %d %s", reply.status, reply.body);
        usleep(10000);
        world_call(world, (struct asked){.wallet = wallet, .method = "GET", .path = RICH}, &reply);
    } while (reply.status != 200 || json_list_size(json_member(reply.root, "paymentMeans")) != 1);
    reply_forget(&reply);
}

void world_start(struct world *world, struct world_wishes wishes) {
    memset(world, 0, sizeof(*world));
    pthread_mutex_init(&world->lock, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    cluster_start(&world->cluster, wishes.cluster);
    add_credentials(&world->cluster);
    const char *directory = world->cluster.directory;
    test_certificates(directory, (const char *[]){"wallet-1", "backend", "rival"}, 3);
    snprintf(world->keys, sizeof(world->keys), "%.200s/keys.json", directory);
    snprintf(world->answers, sizeof(world->answers), "%.200s/answers.jsonl", directory);
    signer_make(&world->signer);
    signer_write_set(&world->signer, world->keys);
    char claims[SIGNER_TEXT];
    signer_claims("100", time(NULL) + 3600, "", claims);
    signer_sign(world->signer.ec, "\"alg\":\"ES256\",\"kid\":\"ec-1\"", claims, world->token);
    for (int i = 0; i < WALLETS; i++) {
        world->wallets[i].port = test_free_port();
        snprintf(world->wallets[i].log, sizeof(world->wallets[i].log), "%.200s/wallet%d.log", directory, i);
        world_start_wallet(world, i, wishes.settings);
    }
    for (int i = 0; i < WALLETS; i++)
        world_wait_wallet(world, i);
}

/* Every answer of the test, against the description. */
static void check_answers(const struct world *world) {
    char command[4 * TEST_TEXT];
    snprintf(command, sizeof(command), "%s/tests/wallet/described %s/docs/wallet.openapi.json %s >&2",
             VAXEL_SOURCE_DIRECTORY, VAXEL_SOURCE_DIRECTORY, world->answers);
    cr_expect_eq(system(command), 0, "an answer is not as docs/wallet.openapi.json describes it");
}

void world_stop(struct world *world) {
    for (int i = 0; i < WALLETS; i++)
        if (world->wallets[i].pid > 0)
            cr_expect_eq(test_process_end(world->wallets[i].pid, SIGTERM), 0, "wallet %d did not end well", i);
    cluster_stop(&world->cluster);
    check_answers(world);
    signer_forget(&world->signer);
    curl_global_cleanup();
}

/* ---- calls ---- */

static size_t take_body(char *data, size_t size, size_t count, void *owner) {
    struct reply *reply = owner;
    size_t used = strlen(reply->body);
    cr_assert_lt(used + size * count, sizeof(reply->body));
    memcpy(reply->body + used, data, size * count);
    reply->body[used + size * count] = '\0';
    return size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *owner) {
    struct reply *reply = owner;
    int length = (int)(size * count);
    while (length > 0 && (data[length - 1] == '\r' || data[length - 1] == '\n'))
        length--;
    if (length > 10 && strncasecmp(data, "Location: ", 10) == 0)
        snprintf(reply->location, sizeof(reply->location), "%.*s", length - 10, data + 10);
    if (length > 14 && strncasecmp(data, "Content-Type: ", 14) == 0)
        snprintf(reply->type, sizeof(reply->type), "%.*s", length - 14, data + 14);
    return size * count;
}

static void write_down(struct world *world, const struct asked *call, const struct reply *reply) {
    char status[16];
    struct json_object *root = json_new_map();
    snprintf(status, sizeof(status), "%d", reply->status);
    json_put_text(root, "method", call->method);
    json_put_text(root, "path", call->path);
    json_put_digits(root, "status", status);
    json_put_text(root, "type", reply->type);
    json_put_text(root, "location", reply->location);
    json_put_text(root, "body", reply->body);
    pthread_mutex_lock(&world->lock);
    FILE *file = fopen(world->answers, "a");
    cr_assert(file != NULL);
    fprintf(file, "%s\n", json_write(root));
    fclose(file);
    pthread_mutex_unlock(&world->lock);
    json_release(root);
}

static struct curl_slist *headers_of(const struct world *world, const struct asked *call) {
    char token[SIGNER_TEXT + 32], type[128];
    snprintf(token, sizeof(token), "X-BoB-AuthToken: %s", call->token ? call->token : world->token);
    snprintf(type, sizeof(type), "Content-Type: %s", call->type ? call->type : "application/json");
    struct curl_slist *headers = curl_slist_append(NULL, type);
    return call->token && call->token[0] == '\0' ? headers : curl_slist_append(headers, token);
}

void world_call(struct world *world, struct asked call, struct reply *reply) {
    char url[512], certificate[2 * TEST_TEXT], key[2 * TEST_TEXT], authority[2 * TEST_TEXT];
    const char *client = call.client ? call.client : "backend";
    char path[256]; /* it may be the last reply's location */
    snprintf(path, sizeof(path), "%s", call.path);
    call.path = path;
    reply_forget(reply);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d%s", world->wallets[call.wallet].port, call.path);
    snprintf(certificate, sizeof(certificate), "%s/%s.pem", world->cluster.directory, client);
    snprintf(key, sizeof(key), "%s/%s.key", world->cluster.directory, client);
    snprintf(authority, sizeof(authority), "%s/authority.pem", world->cluster.directory);
    CURL *curl = curl_easy_init();
    cr_assert(curl != NULL);
    struct curl_slist *headers = headers_of(world, &call);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate);
    curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    if (call.body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body);
    if (curl_easy_perform(curl) == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        reply->status = (int)status;
        struct failure failure = {""};
        if (reply->body[0] != '\0')
            (void)json_read(bytes_of(reply->body, strlen(reply->body)), &reply->root, &failure);
        write_down(world, &call, reply);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

void world_get(struct world *world, const char *path, struct reply *reply) {
    world_call(world, (struct asked){.method = "GET", .path = path}, reply);
}

void world_post(struct world *world, const char *wallet, const char *body, struct reply *reply) {
    char path[256];
    snprintf(path, sizeof(path), "%s/transaction", wallet);
    world_call(world, (struct asked){.method = "POST", .path = path, .body = body}, reply);
}

void world_patch(struct world *world, const char *path, const char *body, struct reply *reply) {
    world_call(world, (struct asked){.method = "PATCH", .path = path, .body = body}, reply);
}

void reply_forget(struct reply *reply) {
    if (reply->root)
        json_release(reply->root);
    memset(reply, 0, sizeof(*reply));
}

const char *reply_member(const struct reply *reply, const char *name) {
    struct json_object *member = json_member(reply->root, name);
    const char *text = json_as_text(member);
    if (!text)
        text = json_as_digits(member);
    return text ? text : "";
}

void world_balance(struct world *world, const char *wallet, char text[32]) {
    struct reply reply = {0};
    world_get(world, wallet, &reply);
    cr_assert_eq(reply.status, 200, "%s", reply.body);
    struct json_object *means = json_item(json_member(reply.root, "paymentMeans"), 0);
    snprintf(text, 32, "%s", json_as_digits(json_member(means, "balance")));
    reply_forget(&reply);
}
