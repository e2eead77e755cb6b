/* SPDX-License-Identifier: Apache-2.0 */
/* signer: keys made for a test, and tokens signed by them. */
#ifndef VAXEL_TESTS_WALLET_SIGNER_H
#define VAXEL_TESTS_WALLET_SIGNER_H

#include <cjose/cjose.h>
#include <stdint.h>

#define SIGNER_TEXT 4096

struct signer {
    cjose_jwk_t *ec;
    cjose_jwk_t *rsa;
};

void signer_make(struct signer *signer);
void signer_forget(struct signer *signer);

/* A JWK set of the two public keys, as "ec-1" and "rsa-1" of issuer "100"; and ec again, as "ec-2" of issuer "200". */
void signer_write_set(const struct signer *signer, const char *path);

/* `claims` signed by a key; `header` is JSON without braces: "\"alg\":\"ES256\",\"kid\":\"ec-1\"". */
void signer_sign(const cjose_jwk_t *key, const char *header, const char *claims, char token[SIGNER_TEXT]);

/* The usual claims, until ten minutes from now, with more of them behind a comma: "" or ",\"nbf\":…". */
void signer_claims(const char *issuer, int64_t expires_s, const char *more, char claims[SIGNER_TEXT]);

#endif
