/* SPDX-License-Identifier: Apache-2.0 */
#include "http/internal.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)

static char *read_all(FILE *file, const char *path, struct failure *failure) {
    char *text = calloc(1, FILE_MAX + 1);
    if (text == NULL) {
        failure_set(failure, "no memory to read %s", path);
        return NULL;
    }
    size_t size = fread(text, 1, FILE_MAX + 1, file);
    if (size == 0 || size > FILE_MAX || ferror(file)) {
        failure_set(failure, "cannot read %s: it is empty, or over a megabyte, or its disk failed", path);
        text[FILE_MAX] = '\0';
        tls_forget(text);
        return NULL;
    }
    return text;
}

char *tls_read(const char *path, struct failure *failure) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        failure_set(failure, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = read_all(file, path, failure);
    fclose(file);
    return text;
}

void tls_forget(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* For use as a client, signed by the authority, and in its time. */
static bool is_trusted(gnutls_session_t session) {
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = GNUTLS_CERT_INVALID;
    return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

static bool take_name(const gnutls_datum_t *certificate, struct http_exchange *exchange) {
    gnutls_x509_crt_t parsed;
    if (gnutls_x509_crt_init(&parsed) != 0)
        return false;
    size_t size = sizeof(exchange->client);
    bool is_taken =
        gnutls_x509_crt_import(parsed, certificate, GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_x509_crt_get_dn_by_oid(parsed, GNUTLS_OID_X520_COMMON_NAME, 0, 0, exchange->client, &size) == 0;
    gnutls_x509_crt_deinit(parsed);
    return is_taken;
}

bool tls_knows_client(struct http_exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info == NULL || !is_trusted(info->tls_session))
        return false;
    unsigned count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(info->tls_session, &count);
    size_t sha1_size = HTTP_SHA1_SIZE;
    size_t sha256_size = HTTP_SHA256_SIZE;
    return shown != NULL && count > 0 && take_name(&shown[0], exchange) &&
           gnutls_fingerprint(GNUTLS_DIG_SHA1, &shown[0], exchange->client_sha1, &sha1_size) == 0 &&
           gnutls_fingerprint(GNUTLS_DIG_SHA256, &shown[0], exchange->client_sha256, &sha256_size) == 0;
}
