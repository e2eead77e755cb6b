/* SPDX-License-Identifier: Apache-2.0 */
/* ask: one question to the switch, over a connection made for it. */
#ifndef VAXEL_VAXEL_ASK_H
#define VAXEL_VAXEL_ASK_H

#include "client/client.h"
#include "vaxel/command.h"

/* What comes of asking. */
struct asked {
    struct wire_reply reply;
    int attempts;
    int64_t took_us;        /* of the attempt that was answered, without connecting */
    struct failure trouble; /* of the last attempt that was not answered; "" when all were */
};

#define ASK_DEFAULT_TIMEOUT_US INT64_C(5000000)

/* Asks, for as long as `timeout_us` allows again and again where `is_repeated`; false: no answer, `asked->trouble` says
 * why. The time that is left is the deadline of each request that has one. */
bool ask(const struct invocation *invocation, struct wire_request *request, int64_t timeout_us, bool is_repeated,
         struct asked *asked);

/* A connection for more than one question; NULL: `failure` says why. */
struct client_connection *ask_connect(const struct invocation *invocation, int64_t timeout_us, struct failure *failure);

/* The request's deadline, where its call has one. */
void ask_set_deadline(struct wire_request *request, int64_t timeout_us);

/* A new id of now. */
struct request_id ask_new_id(void);

/* Reads --card or --app. `text` is how it may be shown: masked, or the app's id. False: all is said. */
#define ASK_CREDENTIAL_TEXT 40
bool ask_credential(const struct invocation *invocation, struct credential *credential, char text[ASK_CREDENTIAL_TEXT]);

/* Reads an option that is an id, such as --id; false: it is missing or none, all is said. */
bool ask_id(const struct invocation *invocation, const char *option, struct request_id *id);

/* Reads --currency, or takes the operator's. */
bool ask_currency(const struct invocation *invocation, struct currency *currency);

/* A request that the switch could not take, in words; returns the exit status. */
int ask_rejected(const struct invocation *invocation, const struct wire_reply *reply);

/* The exit status of an answer. */
int ask_status(const struct answer *answer);

#endif
