/* SPDX-License-Identifier: Apache-2.0 */
/* token: the JSON Web Tokens of BoB's header X-BoB-AuthToken, verified by cjose.
 *
 * A token is taken that is signed by ES256 or RS256 with a key of the set its header names, whose issuer is the key's,
 * whose time is now within TOKEN_SKEW_S, and, when it is bound to a certificate (bobHok), that comes with that
 * certificate. The header of a token chooses among the keys of the set and nothing
 * else: the algorithm is the key's own, and keys that a token brings along are not looked at. */
#ifndef VAXEL_TOKEN_TOKEN_H
#define VAXEL_TOKEN_TOKEN_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/failure.h"

#define TOKEN_SKEW_S 300
#define TOKEN_TEXT_MAX 8192
#define TOKEN_NAME_SIZE 128

/* A JWK set (RFC 7517): public keys, EC on P-256 or RSA from 2048 bits, each with `kid`, and with `iss`: whose key it
 * is, a string as in the tokens. */
struct token_keys;
struct token_keys *token_keys_read(const char *path, struct failure *failure);
void token_keys_destroy(struct token_keys *keys);
size_t token_keys_count(const struct token_keys *keys);

/* What a token must say besides. */
struct token_wishes {
    const char *classes;  /* of bobAuthZ, with commas between: one of these */
    const char *audience; /* a token that has an `aud` must name this; "" takes none that has one */
    /* Hexadecimal digests of the client's certificate, lower case. */
    const char *client_sha1;
    const char *client_sha256;
};

struct token {
    char issuer[TOKEN_NAME_SIZE];
    char subject[TOKEN_NAME_SIZE];
    bool is_allowed; /* its class is one of those wished for */
};

/* False: it is not to be believed, or not meant for this service; `failure` says why in words that the client may see.
 * Several threads may verify by the same keys. */
bool token_verify(const struct token_keys *keys, const char *text, struct instant now,
                  const struct token_wishes *wishes, struct token *token, struct failure *failure);

#endif
