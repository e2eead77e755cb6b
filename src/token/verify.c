/* SPDX-License-Identifier: Apache-2.0 */
#include "token/internal.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- claims ---- */

/* Whole seconds of a NumericDate, which may have a fraction. */
static bool take_second(struct json_object *claim, int64_t *second) {
    const char *digits = json_as_digits(claim);
    if (digits == NULL)
        return false;
    char *end;
    *second = strtoll(digits, &end, 10);
    return end != digits && (*end == '\0' || *end == '.') && *second >= 0 && *second < INT64_MAX / 2;
}

static bool is_in_time(struct json_object *claims, int64_t now_s, struct failure *failure) {
    int64_t second;
    if (!take_second(json_member(claims, "exp"), &second))
        return failure_set(failure, "it has no \"exp\", a number of seconds since 1970");
    if (now_s > second + TOKEN_SKEW_S)
        return failure_set(failure, "it has expired: get a new one");
    static const char *const begins[] = {"nbf", "iat"};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (json_has(claims, begins[i]) &&
            (!take_second(json_member(claims, begins[i]), &second) || now_s + TOKEN_SKEW_S < second))
            return failure_set(failure, "by its \"%s\" it is not valid yet", begins[i]);
    return true;
}

/* Whether one name of a list "a, b" is this. */
static bool has_name(const char *list, const char *name) {
    size_t size = strlen(name);
    while (*list != '\0') {
        list += strspn(list, " ,");
        size_t length = strcspn(list, " ,");
        if (length > 0 && length == size && strncmp(list, name, size) == 0)
            return true;
        list += length;
    }
    return false;
}

/* A string, or a list of them, of which one is wanted. */
static bool names_one_of(struct json_object *claim, const char *wanted) {
    const char *text = json_as_text(claim);
    if (text != NULL)
        return has_name(wanted, text);
    for (size_t i = 0; i < json_list_size(claim); i++) {
        text = json_as_text(json_item(claim, i));
        if (text != NULL && has_name(wanted, text))
            return true;
    }
    return false;
}

/* bobHok: the SHA-1 of the certificate, as BoB has it, or its SHA-256; in hexadecimal. */
static bool is_held(struct json_object *claims, const struct token_wishes *wishes) {
    if (!json_has(claims, "bobHok"))
        return true;
    const char *holder = json_as_text(json_member(claims, "bobHok"));
    return holder != NULL &&
           (strcasecmp(holder, wishes->client_sha1) == 0 || strcasecmp(holder, wishes->client_sha256) == 0);
}

static bool take_claims(struct json_object *claims, const struct token_key *key, int64_t now_s,
                        const struct token_wishes *wishes, struct token *token, struct failure *failure) {
    if (!token_take(token->issuer, json_as_text(json_member(claims, "iss"))) || strcmp(token->issuer, key->issuer) != 0)
        return failure_set(failure, "its \"iss\" is not whose key signed it");
    if (!token_take(token->subject, json_as_text(json_member(claims, "sub"))))
        return failure_set(failure, "it has no \"sub\"");
    if (!is_in_time(claims, now_s, failure))
        return false;
    if (json_has(claims, "aud") && !names_one_of(json_member(claims, "aud"), wishes->audience))
        return failure_set(failure, "its \"aud\" names another service");
    if (!is_held(claims, wishes))
        return failure_set(failure, "its \"bobHok\" is not the certificate it came with");
    token->is_allowed = names_one_of(json_member(claims, "bobAuthZ"), wishes->classes);
    return true;
}

/* ---- the signature ---- */

static const struct token_key *key_of(const struct token_keys *keys, cjose_jws_t *signed_text,
                                      struct failure *failure) {
    cjose_err error;
    cjose_header_t *header = cjose_jws_get_protected(signed_text);
    const char *name = cjose_header_get(header, CJOSE_HDR_KID, &error);
    const char *algorithm = cjose_header_get(header, CJOSE_HDR_ALG, &error);
    const struct token_key *key = name != NULL ? keys_find(keys, name) : NULL;
    char *critical = cjose_header_get_raw(header, "crit", &error);
    bool is_plain = critical == NULL;
    free(critical);
    if (key == NULL) {
        failure_set(failure, "its \"kid\" names none of the keys that are known here");
        return NULL;
    }
    if (algorithm == NULL || strcmp(algorithm, key->algorithm) != 0 || !is_plain) {
        failure_set(failure, "its key is for %s without \"crit\", and for nothing else", key->algorithm);
        return NULL;
    }
    return key;
}

static bool read_signed(cjose_jws_t *signed_text, const struct token_keys *keys, int64_t now_s,
                        const struct token_wishes *wishes, struct token *token, struct failure *failure) {
    const struct token_key *key = key_of(keys, signed_text, failure);
    if (key == NULL)
        return false;
    cjose_err error;
    uint8_t *text = NULL;
    size_t size = 0;
    if (!cjose_jws_verify(signed_text, key->key, &error) || !cjose_jws_get_plaintext(signed_text, &text, &size, &error))
        return failure_set(failure, "its signature is wrong");
    struct json_object *claims;
    if (!json_read(bytes_of(text, size), &claims, failure))
        return failure_set(failure, "its claims can't be read");
    bool is_taken = take_claims(claims, key, now_s, wishes, token, failure);
    json_release(claims);
    return is_taken;
}

bool token_verify(const struct token_keys *keys, const char *text, struct instant now,
                  const struct token_wishes *wishes, struct token *token, struct failure *failure) {
    size_t size = strlen(text);
    cjose_err error;
    cjose_jws_t *signed_text = size <= TOKEN_TEXT_MAX ? cjose_jws_import(text, size, &error) : NULL;
    if (signed_text == NULL)
        return failure_set(failure, "it is no JSON Web Token in compact form");
    bool is_taken = read_signed(signed_text, keys, instant_second(now), wishes, token, failure);
    cjose_jws_release(signed_text);
    return is_taken;
}
