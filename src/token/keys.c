/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "token/internal.h"
#include "json/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 256
#define FILE_MAX ((size_t)1 << 20)
#define RSA_BITS_LEAST 2048
#define P256_BITS 256

struct token_keys {
    size_t count;
    struct token_key each[KEYS_MAX];
};

bool token_take(char to[TOKEN_NAME_SIZE], const char *text) {
    size_t size = text != NULL ? strlen(text) : 0;
    if (size == 0 || size >= TOKEN_NAME_SIZE)
        return false;
    memcpy(to, text, size + 1);
    return true;
}

/* The one algorithm that a key is for; NULL: it is too weak, or no public key of the two kinds. */
static const char *algorithm_of(const cjose_jwk_t *key) {
    cjose_err error;
    size_t bits = cjose_jwk_get_keysize(key, &error);
    switch (cjose_jwk_get_kty(key, &error)) {
    case CJOSE_JWK_KTY_EC:
        return bits == P256_BITS ? CJOSE_HDR_ALG_ES256 : NULL;
    case CJOSE_JWK_KTY_RSA:
        return bits >= RSA_BITS_LEAST ? CJOSE_HDR_ALG_RS256 : NULL;
    case CJOSE_JWK_KTY_OCT:
        return NULL;
    }
    return NULL;
}

/* What the set itself says a key is for must be this. */
static bool is_for_signing(struct json_object *item, const char *algorithm) {
    const char *use = json_as_text(json_member(item, "use"));
    const char *said = json_as_text(json_member(item, "alg"));
    return (use == NULL || strcmp(use, "sig") == 0) && (said == NULL || strcmp(said, algorithm) == 0);
}

static bool take_key(struct token_keys *keys, struct json_object *item, struct failure *failure) {
    struct token_key *key = &keys->each[keys->count];
    if (!token_take(key->name, json_as_text(json_member(item, "kid"))) || keys_find(keys, key->name) != NULL)
        return failure_set(failure, "key %zu has no \"kid\", or another's", keys->count + 1);
    if (!token_take(key->issuer, json_as_text(json_member(item, "iss"))))
        return failure_set(failure, "key \"%s\" has no \"iss\": say whose tokens it signs", key->name);
    if (json_has(item, "d"))
        return failure_set(failure, "key \"%s\" is a private one: give the public part alone", key->name);
    const char *text = json_write(item);
    cjose_err error;
    key->key = cjose_jwk_import(text, strlen(text), &error);
    if (key->key == NULL)
        return failure_set(failure, "key \"%s\" can't be read: %s", key->name, error.message);
    keys->count++;
    key->algorithm = algorithm_of(key->key);
    if (key->algorithm == NULL || !is_for_signing(item, key->algorithm))
        return failure_set(failure, "key \"%s\" is for neither ES256 (EC, P-256) nor RS256 (RSA, 2048 bits or more)",
                           key->name);
    return true;
}

static bool take_set(struct token_keys *keys, struct bytes text, struct failure *failure) {
    struct json_object *root;
    if (!json_read(text, &root, failure))
        return false;
    struct json_object *list = json_member(root, "keys");
    size_t count = json_list_size(list);
    bool is_taken = json_is_list(list) && count <= KEYS_MAX
                        ? true
                        : failure_set(failure, "it is no JWK set of at most %d \"keys\"", KEYS_MAX);
    for (size_t i = 0; is_taken && i < count; i++)
        is_taken = take_key(keys, json_item(list, i), failure);
    json_release(root);
    return is_taken;
}

static bool read_file(const char *path, struct buffer *text, struct failure *failure) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return failure_set(failure, "%s", strerror(errno));
    text->size = fread(text->data, 1, text->capacity, file);
    bool is_read = !ferror(file) && text->size < text->capacity;
    fclose(file);
    return is_read ? true : failure_set(failure, "it can't be read, or is over a megabyte");
}

struct token_keys *token_keys_read(const char *path, struct failure *failure) {
    struct token_keys *keys = calloc(1, sizeof(*keys));
    CHECK(keys != NULL);
    struct buffer text;
    buffer_init(&text, FILE_MAX);
    bool is_taken = read_file(path, &text, failure) && take_set(keys, buffer_bytes(&text), failure);
    buffer_finish(&text);
    if (is_taken)
        return keys;
    token_keys_destroy(keys);
    failure_set(failure, "cannot use the keys in %s: %s", path, failure->text);
    return NULL;
}

void token_keys_destroy(struct token_keys *keys) {
    for (size_t i = 0; keys != NULL && i < keys->count; i++)
        cjose_jwk_release(keys->each[i].key);
    free(keys);
}

size_t token_keys_count(const struct token_keys *keys) {
    return keys->count;
}

const struct token_key *keys_find(const struct token_keys *keys, const char *name) {
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->each[i].name, name) == 0)
            return &keys->each[i];
    return NULL;
}
