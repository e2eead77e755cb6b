/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include "support/services.h"
#include "wallet/signer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S INT64_C(1795246200)
#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct token_wishes wishes = {
    .classes = "sales, wallet", .audience = "bolaget", .client_sha1 = SHA1, .client_sha256 = SHA256};

struct desk {
    struct signer signer;
    struct token_keys *keys;
    char path[2 * TEST_TEXT];
};

static void desk_open(struct desk *desk) {
    char directory[TEST_TEXT];
    struct failure failure = {""};
    test_directory(directory);
    snprintf(desk->path, sizeof(desk->path), "%s/keys.json", directory);
    signer_make(&desk->signer);
    signer_write_set(&desk->signer, desk->path);
    desk->keys = token_keys_read(desk->path, &failure);
    cr_assert_not_null(desk->keys, "%s", failure.text);
}

static void desk_close(struct desk *desk) {
    token_keys_destroy(desk->keys);
    signer_forget(&desk->signer);
}

static bool verify(const struct desk *desk, const char *text, struct token *token, struct failure *failure) {
    return token_verify(desk->keys, text, (struct instant){NOW_S * 1000000}, &wishes, token, failure);
}

#define EC_HEADER "\"alg\":\"ES256\",\"kid\":\"ec-1\""
#define RSA_HEADER "\"alg\":\"RS256\",\"kid\":\"rsa-1\""

Test(token, one_of_either_algorithm_is_taken) {
    struct desk desk;
    struct token token;
    struct failure failure = {""};
    char claims[SIGNER_TEXT], text[SIGNER_TEXT];
    desk_open(&desk);
    signer_claims("100", NOW_S + 600, "", claims);
    signer_sign(desk.signer.ec, EC_HEADER, claims, text);
    cr_expect(verify(&desk, text, &token, &failure), "%s", failure.text);
    cr_expect_str_eq(token.issuer, "100");
    cr_expect_str_eq(token.subject, "app");
    cr_expect(token.is_allowed);
    signer_sign(desk.signer.rsa, RSA_HEADER, claims, text);
    cr_expect(verify(&desk, text, &token, &failure), "%s", failure.text);
    desk_close(&desk);
}

/* What a token may say, and whether it is taken then. */
static const struct {
    const char *claims;
    bool is_taken, is_allowed;
    const char *told; /* of one that is not taken */
} said[] = {
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246201,\"bobAuthZ\":\"wallet\"}", true, true, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246200.75,\"bobAuthZ\":[\"val\",\"sales\"]}", true, true, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246201,\"bobAuthZ\":\"val\"}", true, false, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246201,\"bobAuthZ\":\"wall\"}", true, false, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246201,\"bobAuthZ\":\"sales,wallet\"}", true, false, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246201,\"bobAuthZ\":\"\"}", true, false, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795246201}", true, false, ""},
    /* 300 seconds of skew, and not one more */
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795245900,\"bobAuthZ\":\"wallet\"}", true, true, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795245899,\"bobAuthZ\":\"wallet\"}", false, false, "expired"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"nbf\":1795246500,\"bobAuthZ\":\"wallet\"}", true, true, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"nbf\":1795246501,\"bobAuthZ\":\"wallet\"}", false, false,
     "nbf"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"iat\":1795246501,\"bobAuthZ\":\"wallet\"}", false, false,
     "iat"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":\"1795249999\",\"bobAuthZ\":\"wallet\"}", false, false, "exp"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1e12,\"bobAuthZ\":\"wallet\"}", false, false, "exp"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":-5,\"bobAuthZ\":\"wallet\"}", false, false, "exp"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"bobAuthZ\":\"wallet\"}", false, false, "exp"},
    {"{\"sub\":\"a\",\"exp\":1795249999,\"bobAuthZ\":\"wallet\"}", false, false, "iss"},
    {"{\"iss\":\"200\",\"sub\":\"a\",\"exp\":1795249999,\"bobAuthZ\":\"wallet\"}", false, false, "iss"},
    {"{\"iss\":100,\"sub\":\"a\",\"exp\":1795249999,\"bobAuthZ\":\"wallet\"}", false, false, "iss"},
    {"{\"iss\":\"100\",\"exp\":1795249999,\"bobAuthZ\":\"wallet\"}", false, false, "sub"},
    {"{\"iss\":\"100\",\"sub\":\"\",\"exp\":1795249999,\"bobAuthZ\":\"wallet\"}", false, false, "sub"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"aud\":\"bolaget\",\"bobAuthZ\":\"wallet\"}", true, true, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"aud\":[\"x\",\"bolaget\"],\"bobAuthZ\":\"wallet\"}", true,
     true, ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"aud\":\"another\",\"bobAuthZ\":\"wallet\"}", false, false,
     "aud"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"bobHok\":\"" SHA1 "\",\"bobAuthZ\":\"wallet\"}", true, true,
     ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"bobHok\":\"" SHA256 "\",\"bobAuthZ\":\"wallet\"}", true, true,
     ""},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"bobHok\":\"\",\"bobAuthZ\":\"wallet\"}", false, false,
     "bobHok"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"bobHok\":null,\"bobAuthZ\":\"wallet\"}", false, false,
     "bobHok"},
    {"{\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"bobHok\":\"1123456789abcdef0123456789abcdef01234567\","
     "\"bobAuthZ\":\"wallet\"}",
     false, false, "bobHok"},
    {"{\"iss\":\"100\",\"iss\":\"100\",\"sub\":\"a\",\"exp\":1795249999,\"bobAuthZ\":\"wallet\"}", false, false,
     "claims"},
    {"[]", false, false, "iss"},
    {"none", false, false, "claims"},
    {"", false, false, "claims"},
};

Test(token, what_it_says_decides) {
    struct desk desk;
    desk_open(&desk);
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct token token = {0};
        struct failure failure = {""};
        char text[SIGNER_TEXT];
        signer_sign(desk.signer.ec, EC_HEADER, said[i].claims, text);
        bool is_taken = verify(&desk, text, &token, &failure);
        cr_expect_eq(is_taken, said[i].is_taken, "%s: %s", said[i].claims, failure.text);
        if (is_taken)
            cr_expect_eq(token.is_allowed, said[i].is_allowed, "%s", said[i].claims);
        else
            cr_expect(strstr(failure.text, said[i].told) != NULL, "%s: %s", said[i].claims, failure.text);
    }
    desk_close(&desk);
}

Test(token, its_header_chooses_a_key_and_nothing_else) {
    struct desk desk;
    struct signer stranger;
    desk_open(&desk);
    signer_make(&stranger);
    /* The bytes of a public key as the secret of HS256: the classic confusion. */
    cjose_err error;
    char *public_key = cjose_jwk_to_json(desk.signer.rsa, false, &error);
    cjose_jwk_t *secret = cjose_jwk_create_oct_spec((const uint8_t *)public_key, strlen(public_key), &error);
    const struct {
        const cjose_jwk_t *key;
        const char *header;
        const char *told;
    } wrong[] = {
        {stranger.ec, EC_HEADER, "signature"},
        {stranger.rsa, RSA_HEADER, "signature"},
        {desk.signer.ec, "\"alg\":\"ES256\",\"kid\":\"unknown\"", "kid"},
        {desk.signer.ec, "\"alg\":\"ES256\"", "kid"},
        {desk.signer.ec, "\"alg\":\"ES256\",\"kid\":\"ec-2\"", "iss"},
        {desk.signer.rsa, "\"alg\":\"RS256\",\"kid\":\"ec-1\"", "ES256"},
        {desk.signer.rsa, "\"alg\":\"RS512\",\"kid\":\"rsa-1\"", "RS256"},
        {desk.signer.rsa, "\"alg\":\"PS256\",\"kid\":\"rsa-1\"", "RS256"},
        {secret, "\"alg\":\"HS256\",\"kid\":\"rsa-1\"", "RS256"},
        {secret, "\"alg\":\"HS256\",\"kid\":\"ec-1\"", "ES256"},
        {desk.signer.ec, EC_HEADER ",\"crit\":[\"b64\"]", "crit"},
        {stranger.ec, EC_HEADER ",\"jwk\":{\"kty\":\"EC\"}", "signature"},
    };
    char claims[SIGNER_TEXT];
    signer_claims("100", NOW_S + 600, "", claims);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct token token;
        struct failure failure = {""};
        char text[SIGNER_TEXT];
        signer_sign(wrong[i].key, wrong[i].header, claims, text);
        cr_expect_not(verify(&desk, text, &token, &failure), "%s", wrong[i].header);
        cr_expect(strstr(failure.text, wrong[i].told) != NULL, "%s: %s", wrong[i].header, failure.text);
    }
    cjose_jwk_release(secret);
    cjose_get_dealloc()(public_key);
    signer_forget(&stranger);
    desk_close(&desk);
}

Test(token, text_that_is_none_or_was_changed_is_refused) {
    struct desk desk;
    struct token token;
    struct failure failure = {""};
    char claims[SIGNER_TEXT], good[SIGNER_TEXT], text[2 * TOKEN_TEXT_MAX];
    desk_open(&desk);
    signer_claims("100", NOW_S + 600, "", claims);
    signer_sign(desk.signer.ec, EC_HEADER, claims, good);
    size_t size = strlen(good);
    for (size_t i = 0; i < size; i++) { /* every byte but the last, some bits of which stand for nothing */
        strcpy(text, good);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        if (i + 1 < size)
            cr_expect_not(verify(&desk, text, &token, &failure), "with another byte %zu", i);
        strcpy(text, good);
        text[i] = '\0';
        cr_expect_not(verify(&desk, text, &token, &failure), "cut at %zu", i);
    }
    /* {"alg":"none","kid":"ec-1"}, and no signature. */
    char *first = strchr(good, '.');
    char *second = strchr(first + 1, '.');
    snprintf(text, sizeof(text), "eyJhbGciOiJub25lIiwia2lkIjoiZWMtMSJ9%.*s.", (int)(second - first), first);
    cr_expect_not(verify(&desk, text, &token, &failure));
    snprintf(text, sizeof(text), "eyJhbGciOiJub25lIiwia2lkIjoiZWMtMSJ9%s", first);
    cr_expect_not(verify(&desk, text, &token, &failure));
    memset(text, 'A', TOKEN_TEXT_MAX + 1);
    text[TOKEN_TEXT_MAX + 1] = '\0';
    cr_expect_not(verify(&desk, text, &token, &failure));
    static const char *const none[] = {"", ".", "..", "...", "a.b.c", "....", "e30.e30.e30"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        cr_expect_not(verify(&desk, none[i], &token, &failure), "%s", none[i]);
    cr_expect(verify(&desk, good, &token, &failure), "%s", failure.text);
    desk_close(&desk);
}

Test(keys, a_set_that_can_not_be_trusted_is_refused_whole_and_the_key_named) {
    static const struct {
        const char *text, *told;
    } wrong[] = {
        {"", "JSON"},
        {"{", "JSON"},
        {"[]", "JWK set"},
        {"{\"keys\":{}}", "JWK set"},
        {"{\"keys\":[{}]}", "kid"},
        {"{\"keys\":[{\"kid\":\"a\"}]}", "\"a\" has no \"iss\""},
        {"{\"keys\":[{\"kid\":\"a\",\"iss\":\"1\"}]}", "\"a\" can't be read"},
        {"{\"keys\":[{\"kid\":\"a\",\"iss\":\"1\",\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
         "\"a\" is for neither"},
        {"{\"keys\":[{\"kid\":\"a\",\"iss\":\"1\",\"kty\":\"EC\",\"d\":\"AA\"}]}", "private"},
        {"{\"keys\":[{\"kid\":\"a\",\"iss\":\"1\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"wQ\"}]}", "\"a\""},
    };
    char directory[TEST_TEXT], path[2 * TEST_TEXT];
    test_directory(directory);
    snprintf(path, sizeof(path), "%s/keys.json", directory);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct failure failure = {""};
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(wrong[i].text, file);
        fclose(file);
        cr_expect_null(token_keys_read(path, &failure), "%s", wrong[i].text);
        cr_expect(strstr(failure.text, path) != NULL, "%s", failure.text);
        cr_expect(strstr(failure.text, wrong[i].told) != NULL, "%s: %s", wrong[i].text, failure.text);
    }
    struct failure failure = {""};
    cr_expect_null(token_keys_read("/nowhere/keys.json", &failure));
    cr_expect(strstr(failure.text, "/nowhere/keys.json") != NULL, "%s", failure.text);
}

Test(keys, two_keys_of_one_name_are_refused) {
    struct desk desk;
    struct failure failure = {""};
    char command[1200];
    desk_open(&desk);
    snprintf(command, sizeof(command), "sed -i s/ec-2/ec-1/ %s", desk.path);
    cr_assert_eq(system(command), 0);
    cr_expect_null(token_keys_read(desk.path, &failure));
    cr_expect(strstr(failure.text, "another's") != NULL, "%s", failure.text);
    desk_close(&desk);
}
