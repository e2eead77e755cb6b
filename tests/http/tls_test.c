/* SPDX-License-Identifier: Apache-2.0 */
#include "curl.h"

#include <stdlib.h>

/* curl's arguments of a client that trusts the authority, and shows a certificate of `name`. */
static const char *as(const struct parrot *parrot, const char *name) {
    static char text[6 * TEST_TEXT];
    snprintf(text, sizeof(text), "--cacert %s/authority.pem --cert %s/%s.pem --key %s/%s.key", parrot->directory,
             parrot->directory, name, parrot->directory, name);
    return text;
}

static void run(const char *format, const struct parrot *parrot, int *status) {
    char command[1024];
    snprintf(command, sizeof(command), format, parrot->directory, parrot->directory, parrot->directory);
    *status = system(command);
}

/* The first digits of a digest of the client's certificate, as openssl says them. */
static void digest(const struct parrot *parrot, const char *kind, char text[3]) {
    char command[1024];
    snprintf(command, sizeof(command), "openssl x509 -in %s/client.pem -outform der | openssl %s -r", parrot->directory,
             kind);
    FILE *output = popen(command, "r");
    cr_assert(output != NULL);
    cr_assert_eq(fread(text, 1, 2, output), 2);
    text[2] = '\0';
    pclose(output);
}

Test(tls, a_handler_is_told_whose_certificate_the_client_showed) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    char sha1[3], sha256[3], wanted[64];
    digest(&parrot, "sha1", sha1);
    digest(&parrot, "sha256", sha256);
    snprintf(wanted, sizeof(wanted), "client=client digests=%s%s ", sha1, sha256);
    const char *answer = curl(NULL, "%s https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect(strstr(answer, wanted) != NULL, "%s, not %s", answer, wanted);
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, only_tls_1_3_is_spoken) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    int status;
    (void)curl(&status, "%s --tls-max 1.2 https://%s/ 2>&1", as(&parrot, "client"), parrot.address);
    cr_expect_neq(status, 0);
    (void)curl(&status, "%s --tlsv1.3 https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect_eq(status, 0);
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, a_client_without_a_certificate_of_the_authority_is_refused) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    const char *answer = curl(NULL, "-i --cacert %s/authority.pem https://%s/", parrot.directory, parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 403 ") != NULL, "%s", answer);
    cr_expect(strstr(answer, "authority has signed") != NULL, "%s", answer);

    int status;
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=client -days 2 "
        "-keyout %s/other.key -out %s/other.pem 2> %s/other.log",
        &parrot, &status);
    cr_assert_eq(status, 0);
    answer = curl(NULL, "-i %s https://%s/", as(&parrot, "other"), parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 403 ") != NULL, "%s", answer);
    cr_expect_eq(atomic_load(&parrot.calls), 0, "no handler hears of them");
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, files_that_can_not_be_used_are_named) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    static const char *const wrong[][3] = {{"client.key", "server.key", "authority.pem"},
                                           {"server.pem", "client.key", "authority.pem"},
                                           {"server.pem", "server.key", "server.key"},
                                           {"server.pem", "server.key", "nothing.pem"}};
    static const char *const told[] = {"client.key", "client.key", "server.key", "nothing.pem"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char paths[3][2 * TEST_TEXT];
        for (size_t j = 0; j < 3; j++)
            snprintf(paths[j], sizeof(paths[j]), "%s/%s", parrot.directory, wrong[i][j]);
        struct parrot other = {0};
        struct http_options options = parrot_options(&other);
        snprintf(other.address, sizeof(other.address), "127.0.0.1:%d", test_free_port());
        options.certificate = paths[0];
        options.key = paths[1];
        options.authority = paths[2];
        struct failure failure = {""};
        cr_expect(http_start(&options, &failure) == NULL);
        cr_expect(strstr(failure.text, told[i]) != NULL, "%s", failure.text);
    }
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, certificates_are_read_again_and_bad_ones_change_nothing) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    int status;
    struct failure failure = {""};

    run("cp %s/server.pem %s/kept.pem && echo broken > %s/server.pem", &parrot, &status);
    cr_assert_eq(status, 0);
    cr_expect(http_reload(parrot.server, PATIENCE_US, &failure) == false);
    cr_expect(strstr(failure.text, "server.pem") != NULL, "%s", failure.text);
    (void)curl(&status, "%s https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect_eq(status, 0, "the old one stays");

    /* Another authority altogether, and all new certificates. */
    run("cd %s && cp authority.pem old.pem && cp client.pem old_client.pem && cp client.key old_client.key && "
        "rm authority.* server.* client.*",
        &parrot, &status);
    cr_assert_eq(status, 0);
    test_certificates(parrot.directory, (const char *[]){"server", "client"}, 2);
    cr_expect(http_reload(parrot.server, PATIENCE_US, &failure), "%s", failure.text);
    (void)curl(&status, "%s https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect_eq(status, 0, "the new ones are shown and trusted");
    const char *answer = curl(&status, "-i %s https://%s/", as(&parrot, "old_client"), parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 403 ") != NULL, "the old authority is trusted no more: %s", answer);
    http_stop(parrot.server, PATIENCE_US);
}
