/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/log.h"
#include "wallet/internal.h"

#include <stdlib.h>
#include <sys/stat.h>

#define BODY_BYTES 65536
#define IDLE_US INT64_C(60000000)

static struct timespec keys_time(const struct wallet *wallet) {
    struct stat file;
    return stat(wallet->settings.wallet_keys, &file) == 0 ? file.st_mtim : (struct timespec){0};
}

bool wallet_has_new_keys(struct wallet *wallet) {
    struct timespec now = keys_time(wallet);
    return now.tv_sec != wallet->keys_time.tv_sec || now.tv_nsec != wallet->keys_time.tv_nsec;
}

bool wallet_reload_keys(struct wallet *wallet, struct failure *failure) {
    wallet->keys_time = keys_time(wallet);
    struct token_keys *keys = token_keys_read(wallet->settings.wallet_keys, failure);
    if (keys == NULL)
        return false;
    pthread_rwlock_wrlock(&wallet->keys_lock);
    struct token_keys *old = wallet->keys;
    wallet->keys = keys;
    pthread_rwlock_unlock(&wallet->keys_lock);
    token_keys_destroy(old);
    log_info("wallet", "keys read keys=%zu", token_keys_count(keys));
    return true;
}

/* The connections to the switch keep the certificate they were made with until they are made anew. */
bool wallet_reload_certificates(struct wallet *wallet, struct failure *failure) {
    return http_reload(wallet->server, wallet->settings.drain_us, failure);
}

static bool start_server(struct wallet *wallet, int socket, struct failure *failure) {
    const struct settings *settings = &wallet->settings;
    struct http_options options = {
        .address = settings->wallet,
        .socket = socket,
        .certificate = settings->wallet_certificate,
        .key = settings->wallet_key,
        .authority = settings->wallet_authority,
        .connections = (uint32_t)settings->wallet_connections,
        .body_bytes = BODY_BYTES,
        .idle_timeout_us = IDLE_US,
        .arrival_timeout_us = settings->wallet_arrival_timeout_us,
        .handler = wallet_handle,
        .owner = wallet,
    };
    wallet->server = http_start(&options, failure);
    return wallet->server != NULL;
}

static void wallet_free(struct wallet *wallet) {
    if (wallet->asker != NULL)
        asker_stop(wallet->asker);
    if (wallet->references != NULL)
        references_close(wallet->references);
    token_keys_destroy(wallet->keys);
    pthread_rwlock_destroy(&wallet->keys_lock);
    free(wallet);
}

struct wallet *wallet_start(const struct settings *settings, int socket, struct failure *failure) {
    struct wallet *wallet = calloc(1, sizeof(*wallet));
    CHECK(wallet != NULL);
    wallet->settings = *settings;
    pthread_rwlock_init(&wallet->keys_lock, NULL);
    CHECK(currency_parse(settings->currency, &wallet->currency));
    if (!wallet_reload_keys(wallet, failure)) {
        wallet_free(wallet);
        return NULL;
    }
    const struct net_tls_files files = {.certificate = wallet->settings.wallet_certificate,
                                        .key = wallet->settings.wallet_key,
                                        .authority = wallet->settings.wallet_authority};
    uint32_t askers = (uint32_t)settings->wallet_askers;
    wallet->asker = asker_start(settings->connect, &files, askers);
    wallet->references = references_open(settings->postgres, askers, settings->wallet_timeout_us);
    if (start_server(wallet, socket, failure))
        return wallet;
    wallet_free(wallet);
    return NULL;
}

void wallet_stop(struct wallet *wallet) {
    http_stop(wallet->server, wallet->settings.drain_us);
    wallet_free(wallet);
}
