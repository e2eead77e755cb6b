/* SPDX-License-Identifier: Apache-2.0 */
#include "wallet/signer.h"

#include "json/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void signer_make(struct signer *signer) {
    cjose_err error;
    signer->ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    signer->rsa = cjose_jwk_create_RSA_random(2048, (const uint8_t[]){1, 0, 1}, 3, &error);
    cr_assert_not_null(signer->ec);
    cr_assert_not_null(signer->rsa);
}

void signer_forget(struct signer *signer) {
    cjose_jwk_release(signer->ec);
    cjose_jwk_release(signer->rsa);
}

static void add_key(struct json_object *list, const cjose_jwk_t *key, const char *name, const char *issuer) {
    cjose_err error;
    struct failure failure = {""};
    struct json_object *root;
    char *text = cjose_jwk_to_json(key, false, &error);
    cr_assert(json_read(bytes_of(text, strlen(text)), &root, &failure), "%s", failure.text);
    cjose_get_dealloc()(text);
    json_put_text(root, "kid", name);
    json_put_text(root, "iss", issuer);
    json_append(list, root);
}

void signer_write_set(const struct signer *signer, const char *path) {
    struct json_object *root = json_new_map();
    struct json_object *list = json_new_list();
    add_key(list, signer->ec, "ec-1", "100");
    add_key(list, signer->rsa, "rsa-1", "100");
    add_key(list, signer->ec, "ec-2", "200");
    json_put(root, "keys", list);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(json_write(root), file);
    fclose(file);
    json_release(root);
}

static void take_header(cjose_header_t *header, const char *text) {
    char whole[SIGNER_TEXT];
    struct failure failure = {""};
    struct json_object *root;
    cjose_err error;
    snprintf(whole, sizeof(whole), "{%s}", text);
    cr_assert(json_read(bytes_of(whole, strlen(whole)), &root, &failure), "%s", failure.text);
    static const char *const names[] = {"alg", "kid", "crit", "jwk"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_object *member = json_member(root, names[i]);
        const char *plain = json_as_text(member);
        if (plain != NULL)
            cr_assert(cjose_header_set(header, names[i], plain, &error));
        else if (member != NULL)
            cr_assert(cjose_header_set_raw(header, names[i], json_write(member), &error));
    }
    json_release(root);
}

void signer_sign(const cjose_jwk_t *key, const char *header, const char *claims, char token[SIGNER_TEXT]) {
    cjose_err error;
    const char *text;
    cjose_header_t *made = cjose_header_new(&error);
    cr_assert_not_null(made);
    take_header(made, header);
    cjose_jws_t *signed_text = cjose_jws_sign(key, made, (const uint8_t *)claims, strlen(claims), &error);
    cr_assert_not_null(signed_text, "%s", error.message);
    cr_assert(cjose_jws_export(signed_text, &text, &error));
    cr_assert_lt(strlen(text), (size_t)SIGNER_TEXT);
    strcpy(token, text);
    cjose_jws_release(signed_text);
    cjose_header_release(made);
}

void signer_claims(const char *issuer, int64_t expires_s, const char *more, char claims[SIGNER_TEXT]) {
    snprintf(claims, SIGNER_TEXT, "{\"iss\":\"%s\",\"sub\":\"app\",\"exp\":%lld,\"bobAuthZ\":\"wallet\"%s}", issuer,
             (long long)expires_s, more);
}
