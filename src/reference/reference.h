/* SPDX-License-Identifier: Apache-2.0 */
/* reference: which request of the switch a wallet's transaction is, kept in PostgreSQL (sql/0007_wallet.sql and
 * 0012_declined.sql).
 *
 * A requestor names a purchase by a reference, the switch by a UUIDv7 of its moment. The id can't be worked out of the
 * reference, for a repeat that comes a day later does not know that moment. So it is claimed here first, once for all
 * processes. Calls wait, no longer than the time given when it was opened; any number of threads may call, so many at
 * once as there are connections. A server that has a synchronous standby is believed only when that has heard from it.
 */
#ifndef VAXEL_REFERENCE_REFERENCE_H
#define VAXEL_REFERENCE_REFERENCE_H

#include "base/failure.h"
#include "base/id.h"

#define REFERENCE_ISSUER_SIZE 128
#define REFERENCE_CREDENTIAL_SIZE 48
#define REFERENCE_TEXT_SIZE 129
#define REFERENCE_DESCRIPTION_SIZE 257
#define REFERENCE_REASON_SIZE 48
#define REFERENCE_DETAIL_SIZE 256

/* From the first to any other, and from approved to cancelled; else never. */
enum reference_state {
    REFERENCE_ASKED,     /* the switch may have been asked; nobody was told what it said */
    REFERENCE_APPROVED,  /* the requestor was told, or is about to be */
    REFERENCE_CANCELLED, /* by the requestor */
    REFERENCE_DECLINED,  /* the requestor was told no, or is about to be */
};

struct reference_transaction {
    char issuer[REFERENCE_ISSUER_SIZE];
    char credential[REFERENCE_CREDENTIAL_SIZE];
    char reference[REFERENCE_TEXT_SIZE];
    struct request_id id;
    int64_t amount_minor;
    bool is_hold;
    char description[REFERENCE_DESCRIPTION_SIZE];
    enum reference_state state;
    struct instant expires_at; /* of an approved hold; else us 0 */
    bool has_replaced;
    struct request_id replaced;         /* to be reversed before anything is bought under `id`, or a no is told */
    char reason[REFERENCE_REASON_SIZE]; /* of a declined one, as the switch names it */
    char detail[REFERENCE_DETAIL_SIZE];
};

struct references;

/* Connects when it is needed. `conninfo` is copied. */
struct references *references_open(const char *conninfo, uint32_t connections, int64_t timeout_us);
void references_close(struct references *references);

/* All below: false when PostgreSQL could not be asked, did not answer in time, or does not know a transaction that it
 * should, or has it in a state that this version does not know; it may have done it all the same, but not to a
 * transaction in such a state. */

/* Makes the transaction unless its issuer, credential and reference have one already; what there is then, in
 * `transaction`. */
bool references_claim(struct references *references, struct reference_transaction *transaction, bool *is_new,
                      struct failure *failure);

/* Gives it a new id instead of one that nobody should buy under any more, unless another has done so, or its state is
 * no more REFERENCE_ASKED; what there is then, in `transaction`. With `is_owed` the old one is `replaced`. */
bool references_renew(struct references *references, struct reference_transaction *transaction,
                      const struct request_id *id, bool is_owed, struct failure *failure);

/* Each moves it on, if its state may go there; what there is then, by its id, in `transaction`: another may have been
 * first. One that is approved after it was declined stays declined, with its own id as `replaced`; so does one that is
 * declined with `is_owed`: something may be bought under it. */
bool references_approve(struct references *references, struct reference_transaction *transaction,
                        struct instant expires_at, struct failure *failure);
bool references_decline(struct references *references, struct reference_transaction *transaction, const char *reason,
                        const char *detail, bool is_owed, struct failure *failure);
bool references_cancel(struct references *references, struct reference_transaction *transaction,
                       struct failure *failure);

/* Nothing of a declined one is to be reversed any more. */
bool references_undone(struct references *references, struct reference_transaction *transaction,
                       struct failure *failure);

/* The transaction of an id that is this issuer's and this credential's. */
bool references_find(struct references *references, const char *issuer, const char *credential,
                     const struct request_id *id, struct reference_transaction *transaction, bool *is_found,
                     struct failure *failure);

#endif
