/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/ask.h"

#include "base/card.h"
#include "base/check.h"
#include "vaxel/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_US INT64_C(50000)

/* ---- options ---- */

static bool take_card(const struct invocation *invocation, const char *card, struct credential *credential,
                      char text[ASK_CREDENTIAL_TEXT]) {
    credential->kind = CREDENTIAL_CARD;
    if (!card_parse(card, &credential->card)) {
        usage_wrong(invocation, "--card wants the 16 digits printed on the card");
        return false;
    }
    card_mask(credential->card, text);
    return true;
}

static bool take_app(const struct invocation *invocation, const char *app, struct credential *credential,
                     char text[ASK_CREDENTIAL_TEXT]) {
    struct request_id id;
    credential->kind = CREDENTIAL_APP;
    if (strlen(app) != REQUEST_ID_TEXT_SIZE - 1 || !request_id_parse(app, &id)) {
        usage_wrong(invocation, "--app wants a UUID, as 8-4-4-4-12 hex digits");
        return false;
    }
    memcpy(credential->app, id.bytes, sizeof credential->app);
    request_id_format(&id, text);
    return true;
}

bool ask_credential(const struct invocation *invocation, struct credential *credential,
                    char text[ASK_CREDENTIAL_TEXT]) {
    const char *card = invocation_value(invocation, "card");
    const char *app = invocation_value(invocation, "app");
    if ((card == NULL) == (app == NULL)) {
        usage_wrong(invocation, "either --card or --app is wanted");
        return false;
    }
    return card != NULL ? take_card(invocation, card, credential, text) : take_app(invocation, app, credential, text);
}

bool ask_id(const struct invocation *invocation, const char *option, struct request_id *id) {
    const char *text = invocation_value(invocation, option);
    if (text != NULL && strlen(text) == REQUEST_ID_TEXT_SIZE - 1 && request_id_parse(text, id) && request_id_is_v7(id))
        return true;
    usage_wrong(invocation, "--%s wants an id as the switch knows it: a UUID of version 7", option);
    return false;
}

struct request_id ask_new_id(void) {
    uint8_t random[10];
    CHECK(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    return request_id_make(instant_now(), random);
}

bool ask_currency(const struct invocation *invocation, struct currency *currency) {
    const char *given = invocation_value(invocation, "currency");
    if (currency_parse(given != NULL ? given : invocation->settings.currency, currency))
        return true;
    usage_wrong(invocation, "--currency wants the three capital letters of a currency of two decimals");
    return false;
}

/* ---- asking ---- */

void ask_set_deadline(struct wire_request *request, int64_t timeout_us) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        request->authorize.timeout_us = timeout_us;
        break;
    case CALL_BALANCE:
        request->balance.timeout_us = timeout_us;
        break;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        request->settle.timeout_us = timeout_us;
        break;
    case CALL_LOOKUP:
    case CALL_ECHO:
    case CALL_ADVISE: /* each advice bears its own */
    case CALL_BLOCK_LIST:
        break;
    }
}

static bool ask_once(const struct settings *settings, const struct net_tls_files *files, struct wire_request *request,
                     struct tick until, struct asked *asked) {
    struct failure failure;
    struct client_connection *connection = client_connect(settings->connect, files, until.us - tick_now().us, &failure);
    if (connection == NULL) {
        asked->trouble = failure;
        return false;
    }
    struct tick started = tick_now();
    ask_set_deadline(request, until.us - started.us);
    bool is_answered = client_call(connection, request, until.us - started.us, &asked->reply, &failure);
    asked->took_us = tick_now().us - started.us;
    if (!is_answered)
        asked->trouble = failure;
    client_disconnect(connection);
    return is_answered;
}

static bool are_readable(const struct net_tls_files *files, struct failure *failure) {
    const char *const paths[] = {files->certificate, files->key, files->authority};
    static const char *const options[] = {"--certificate", "--key", "--authority"};
    for (size_t i = 0; i < 3; i++)
        if (access(paths[i], R_OK) != 0)
            return failure_set(failure,
                               "%s can't be read (%s): name another file with %s, or in [client] of the settings",
                               paths[i], strerror(errno), options[i]);
    return true;
}

static struct net_tls_files files_of(const struct settings *settings) {
    return (struct net_tls_files){
        .certificate = settings->client_certificate,
        .key = settings->client_key,
        .authority = settings->client_authority,
    };
}

struct client_connection *ask_connect(const struct invocation *invocation, int64_t timeout_us,
                                      struct failure *failure) {
    const struct net_tls_files files = files_of(&invocation->settings);
    if (!are_readable(&files, failure))
        return NULL;
    return client_connect(invocation->settings.connect, &files, timeout_us, failure);
}

bool ask(const struct invocation *invocation, struct wire_request *request, int64_t timeout_us, bool is_repeated,
         struct asked *asked) {
    const struct settings *settings = &invocation->settings;
    const struct net_tls_files files = files_of(settings);
    struct tick until = {tick_now().us + timeout_us};
    asked->attempts = 0;
    asked->trouble.text[0] = '\0';
    if (!are_readable(&files, &asked->trouble))
        return false;
    for (;;) {
        asked->attempts++;
        if (ask_once(settings, &files, request, until, asked))
            return true;
        if (!is_repeated || tick_now().us + PAUSE_US >= until.us)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_US * 1000}, NULL);
    }
}

/* ---- what came of it ---- */

int ask_rejected(const struct invocation *invocation, const struct wire_reply *reply) {
    CHECK(reply->kind == WIRE_REPLY_FAULT);
    if (reply->fault.reason == REASON_UNSPECIFIED)
        return command_broken(invocation, "the switch rejected the request: %s", reply->fault.text);
    return command_broken(invocation, "the switch rejected the request: %s: %s", reason_name(reply->fault.reason),
                          reply->fault.text);
}

int ask_status(const struct answer *answer) {
    switch (answer->decision) {
    case DECISION_APPROVED:
        return EXIT_YES;
    case DECISION_DECLINED:
        return EXIT_NO;
    case DECISION_FAILED:
        break;
    }
    return EXIT_BROKEN;
}
