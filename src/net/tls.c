/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and what both sides must agree on. A reload makes a new context; streams keep the one they began with.
 */
#include "net/internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROTOCOLS_SIZE 32

struct net_tls {
    bool is_server;
    uint8_t protocols[PROTOCOLS_SIZE]; /* as on the wire: a length and a name each */
    unsigned int protocols_size;
    char *certificate;
    char *key;
    char *authority;
    pthread_mutex_t mutex; /* guards what follows */
    SSL_CTX *context;
    struct net_tls_ends ends;
};

static bool tls_refused(struct failure *failure, const char *what, const char *file) {
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);
    if (ERR_GET_LIB(error) == ERR_LIB_SYS) {
        reason = strerror(ERR_GET_REASON(error));
    }
    failure_set(failure, "cannot use the %s in \"%s\": %s", what, file, reason != NULL ? reason : "no reason given");
    ERR_clear_error();
    return false;
}

static bool tls_offers(const unsigned char *offered, unsigned int offered_size, const uint8_t *wanted) {
    for (unsigned int i = 0; i < offered_size; i += 1u + offered[i]) {
        unsigned int size = offered[i];
        if (size == wanted[0] && i + 1 + size <= offered_size && memcmp(offered + i + 1, wanted + 1, size) == 0) {
            return true;
        }
    }
    return false;
}

/* The first of our protocols that the peer offers, or an alert. */
static int tls_select_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                               const unsigned char *offered, unsigned int offered_size, void *argument) {
    (void)ssl;
    const struct net_tls *tls = argument;
    for (unsigned int i = 0; i < tls->protocols_size; i += 1u + tls->protocols[i]) {
        if (tls_offers(offered, offered_size, tls->protocols + i)) {
            *chosen = tls->protocols + i + 1;
            *chosen_size = tls->protocols[i];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A client that offers nothing would slip past the choice above. */
static int tls_require_protocol(SSL *ssl, int *alert, void *argument) {
    (void)argument;
    const unsigned char *extension;
    size_t size;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension, &size) != 1) {
        ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL);
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static bool tls_load_files(const struct net_tls *tls, SSL_CTX *context, struct failure *failure) {
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, tls->certificate) != 1) {
        return tls_refused(failure, "certificate", tls->certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return tls_refused(failure, "private key", tls->key);
    }
    if (SSL_CTX_load_verify_locations(context, tls->authority, NULL) != 1) {
        return tls_refused(failure, "authority", tls->authority);
    }
    if (tls->is_server) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(tls->authority);
        if (names == NULL) {
            return tls_refused(failure, "authority", tls->authority);
        }
        SSL_CTX_set_client_CA_list(context, names);
    }
    return true;
}

static bool tls_set_rules(struct net_tls *tls, SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* what was received is all there: it is taken at once */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    bool is_set = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                  SSL_CTX_set_num_tickets(context, 0) == 1 &&
                  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                                    "TLS_CHACHA20_POLY1305_SHA256") == 1;
    if (tls->is_server) {
        SSL_CTX_set_alpn_select_cb(context, tls_select_protocol, tls);
        SSL_CTX_set_client_hello_cb(context, tls_require_protocol, NULL);
        return is_set;
    }
    return is_set && SSL_CTX_set_alpn_protos(context, tls->protocols, tls->protocols_size) == 0;
}

static SSL_CTX *tls_load(struct net_tls *tls, struct failure *failure) {
    SSL_CTX *context = SSL_CTX_new(tls->is_server ? TLS_server_method() : TLS_client_method());
    if (context == NULL || !tls_set_rules(tls, context)) {
        SSL_CTX_free(context);
        ERR_clear_error();
        failure_set(failure, "cannot set up TLS 1.3");
        return NULL;
    }
    if (!tls_load_files(tls, context, failure)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

/* Names with commas between, to a length and a name each. */
static bool tls_set_protocols(struct net_tls *tls, const char *names) {
    for (;;) {
        size_t size = strcspn(names, ",");
        if (size == 0 || tls->protocols_size + 1 + size > PROTOCOLS_SIZE) {
            return false;
        }
        tls->protocols[tls->protocols_size] = (uint8_t)size;
        memcpy(tls->protocols + tls->protocols_size + 1, names, size);
        tls->protocols_size += 1 + (unsigned int)size;
        if (names[size] == '\0') {
            return true;
        }
        names += size + 1;
    }
}

/* ---- how long they are valid ---- */

static void tls_note_end(const X509 *certificate, struct instant *end) {
    struct tm time;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
        return;
    }
    int64_t us = (int64_t)timegm(&time) * 1000000;
    if (end->us == 0 || us < end->us) {
        end->us = us;
    }
}

static struct net_tls_ends tls_ends_of(SSL_CTX *context) {
    struct net_tls_ends ends = {0};
    STACK_OF(X509) *chain = NULL;
    tls_note_end(SSL_CTX_get0_certificate(context), &ends.certificate);
    SSL_CTX_get0_chain_certs(context, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        tls_note_end(sk_X509_value(chain, i), &ends.certificate);
    }
    STACK_OF(X509_OBJECT) *authorities = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
    for (int i = 0; i < sk_X509_OBJECT_num(authorities); i++) {
        const X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(authorities, i));
        if (authority != NULL) {
            tls_note_end(authority, &ends.authority);
        }
    }
    return ends;
}

struct net_tls_ends net_tls_ends(struct net_tls *tls) {
    pthread_mutex_lock(&tls->mutex);
    struct net_tls_ends ends = tls->ends;
    pthread_mutex_unlock(&tls->mutex);
    return ends;
}

struct net_tls *net_tls_create(bool is_server, const struct net_tls_files *files, const char *protocols,
                               struct failure *failure) {
    tls_memory_arrange();
    struct net_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL || !tls_set_protocols(tls, protocols)) {
        free(tls);
        failure_set(failure, "cannot set up TLS for the protocols \"%s\"", protocols);
        return NULL;
    }
    tls->is_server = is_server;
    tls->certificate = strdup(files->certificate);
    tls->key = strdup(files->key);
    tls->authority = strdup(files->authority);
    pthread_mutex_init(&tls->mutex, NULL);
    tls->context = tls_load(tls, failure);
    if (tls->context == NULL) {
        net_tls_destroy(tls);
        return NULL;
    }
    tls->ends = tls_ends_of(tls->context);
    return tls;
}

bool net_tls_reload(struct net_tls *tls, struct failure *failure) {
    SSL_CTX *context = tls_load(tls, failure);
    if (context == NULL) {
        return false;
    }
    struct net_tls_ends ends = tls_ends_of(context);
    pthread_mutex_lock(&tls->mutex);
    SSL_CTX *before = tls->context;
    tls->context = context;
    tls->ends = ends;
    pthread_mutex_unlock(&tls->mutex);
    SSL_CTX_free(before);
    return true;
}

void net_tls_destroy(struct net_tls *tls) {
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->mutex);
    free(tls->certificate);
    free(tls->key);
    free(tls->authority);
    free(tls);
}

SSL *tls_session(struct net_tls *tls) {
    pthread_mutex_lock(&tls->mutex);
    SSL_CTX *context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->mutex);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    return ssl;
}

bool tls_is_server(const struct net_tls *tls) {
    return tls->is_server;
}
