/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of token share. */
#ifndef VAXEL_TOKEN_INTERNAL_H
#define VAXEL_TOKEN_INTERNAL_H

#include "token/token.h"

#include <cjose/cjose.h>

struct token_key {
    char name[TOKEN_NAME_SIZE];   /* kid */
    char issuer[TOKEN_NAME_SIZE]; /* iss */
    const char *algorithm;        /* "ES256" or "RS256": by the kind of the key, whatever a token says */
    cjose_jwk_t *key;
};

/* NULL: there is none of that name. */
const struct token_key *keys_find(const struct token_keys *keys, const char *name);

/* Copies a text that fits and is not empty. */
bool token_take(char to[TOKEN_NAME_SIZE], const char *text);

#endif
