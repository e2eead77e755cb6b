/* SPDX-License-Identifier: Apache-2.0 */
/* wallet: the wallet part of the Swedish BoB Traveller API v3 (DOMAIN F7), as a server of HTTPS and JSON that is a
 * client of the switch. An app's credential is a traveller's id, a card's number a token's; each has one payment means,
 * the company's invoice.
 *
 * It keeps no money: holds, captures, voids and reversals are the switch's. What it keeps is which request of the
 * switch a requestor's reference is (reference.h), so that a reference is charged once, on however many of these
 * servers, and whatever dies in between. docs/wallet.md tells an app backend all of it. */
#ifndef VAXEL_WALLET_WALLET_H
#define VAXEL_WALLET_WALLET_H

#include "base/failure.h"
#include "config/settings.h"

struct wallet;

/* Listens when it returns, on wallet.address or on a socket that somebody else has bound, and keeps (0: none). The
 * switch and the database may be away: calls that need them are then answered 503. */
struct wallet *wallet_start(const struct settings *settings, int socket, struct failure *failure);

/* Reads the certificates again, and the keys. False: what could not be used stays as it was; `failure` says why. */
bool wallet_reload_certificates(struct wallet *wallet, struct failure *failure);
bool wallet_reload_keys(struct wallet *wallet, struct failure *failure);

/* Whether the file of the keys has another time than when it was read. */
bool wallet_has_new_keys(struct wallet *wallet);

/* Answers what is in flight, and ends. */
void wallet_stop(struct wallet *wallet);

#endif
