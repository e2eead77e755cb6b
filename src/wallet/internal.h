/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of wallet share. */
#ifndef VAXEL_WALLET_INTERNAL_H
#define VAXEL_WALLET_INTERNAL_H

#include "base/clock.h"
#include "client/client.h"
#include "config/settings.h"
#include "http/http.h"
#include "reference/reference.h"
#include "token/token.h"
#include "wallet/wallet.h"
#include "json/json.h"

#include <pthread.h>
#include <time.h>

/* ---- asker.c: connections to the switch, each with its thread, for a connection is one thread's ---- */

struct asker;
struct asker *asker_start(const char *addresses, const struct net_tls_files *files, uint32_t connections);
void asker_stop(struct asker *asker);

/* Asks, by new connections if need be, until there is a reply or the time is up. */
bool asker_ask(struct asker *asker, struct wire_request *request, int64_t until_us, struct wire_reply *reply,
               struct failure *failure);

/* ---- wallet.c ---- */

struct wallet {
    struct settings settings;
    struct currency currency;
    struct http_server *server;
    struct asker *asker;
    struct references *references;
    pthread_rwlock_t keys_lock;
    struct token_keys *keys;
    struct timespec keys_time; /* when their file was changed last, as it was read */
};

/* ---- answers.c ---- */

struct problem {
    unsigned status;
    const char *code;  /* "CREDIT_LIMIT" */
    const char *field; /* NULL: it is of none */
    char detail[FAILURE_TEXT_SIZE];
};

/* Sets it, and returns false. */
__attribute__((format(printf, 5, 6))) bool problem_set(struct problem *problem, unsigned status, const char *code,
                                                       const char *field, const char *format, ...);
void answer_problem_details(struct http_exchange *exchange, const struct problem *problem);

enum status { STATUS_PENDING, STATUS_COMMITTED, STATUS_CANCELLED };
const char *status_name(enum status status);

#define PREFIX_SIZE 96
#define PAYMENT_MEANS "invoice"

/* One call, from its path to its answer. */
struct visit {
    struct wallet *wallet;
    struct http_exchange *exchange;
    const struct http_request *request;
    int64_t until_us;
    char prefix[PREFIX_SIZE]; /* "/api/v3/token/9932543656338003/wallet" */
    struct credential credential;
    char credential_text[REFERENCE_CREDENTIAL_SIZE]; /* "card/9932543656338003" */
    struct request_id transaction;                   /* of a path that has one */
    struct token token;
    struct problem problem;
};

/* The transaction as it stands, with its location. */
void answer_transaction(struct visit *visit, unsigned status_code, const struct reference_transaction *transaction,
                        enum status status);
/* 303: it is there already, look there. */
void answer_repeat(struct visit *visit, const struct reference_transaction *transaction);
void answer_wallet(struct visit *visit, const struct answer *balance);

/* ---- bodies.c: what is sent to us; false: the visit's problem says what is wrong ---- */

struct wish {
    char reference[REFERENCE_TEXT_SIZE];
    char description[REFERENCE_DESCRIPTION_SIZE];
    int64_t amount_minor;
    bool is_hold;
};
bool body_read_wish(struct visit *visit, struct wish *wish);

struct change {
    bool is_commit;                      /* else it is to be cancelled */
    char reference[REFERENCE_TEXT_SIZE]; /* "" when it is not told */
};
bool body_read_change(struct visit *visit, struct change *change);

/* ---- switching.c: what is asked of the switch for a visit ---- */

/* Asks until the switch has decided. False: it has not, and the visit's problem says so. */
bool switch_decide(struct visit *visit, struct wire_request *request, struct wire_reply *reply);

/* The problem of a decline; false, always. */
bool switch_declined(struct visit *visit, const struct wire_reply *reply);

/* Whether a decline holds for its reference: it is told as 403 or 409. */
bool switch_is_final(enum reason reason);

/* The problem of one that was kept; false, always. */
bool switch_declined_before(struct visit *visit, const struct reference_transaction *transaction);

/* The problem of a reversal that the switch declines; false, always. */
bool switch_not_undone(struct visit *visit, const struct wire_reply *reply);

/* The problem that it is not known what was done; false, always. */
bool switch_away(struct visit *visit, const char *why);

struct request_id switch_new_id(void);

/* The database could not be asked; false, always. */
bool references_away(struct visit *visit, const struct failure *failure);

/* ---- what is done for a call; each answers, or returns false with the visit's problem ---- */

bool visit_wallet(struct visit *visit);   /* balance.c */
bool visit_purchase(struct visit *visit); /* purchase.c */
bool visit_look(struct visit *visit);     /* settle.c */
bool visit_change(struct visit *visit);   /* settle.c */

/* ---- routes.c ---- */

void wallet_handle(void *owner, struct http_exchange *exchange, const struct http_request *request);

#endif
