/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS engine of a stream. OpenSSL reads through a BIO straight from what was received, and writes straight into
 * what will be sent; it never sees a socket. Its error queue is a thread's, and others use OpenSSL too (libpq): emptied
 * when they have had their turn, and after each failure. */
#include "net/internal.h"

#include "base/check.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* What TLS may add of its own (alerts, key updates, a handshake's flight) beyond what the peer may leave unread. */
#define ENGINE_BYTES 65536
/* What a record of TLS 1.3 costs: header, type and tag, and some more to be sure. */
#define RECORD_OVERHEAD 64

static int bio_read(BIO *bio, char *data, size_t size, size_t *taken) {
    struct net_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (stream->received.size == 0) {
        BIO_set_retry_read(bio);
        *taken = 0;
        return 0;
    }
    size_t part = size < stream->received.size ? size : stream->received.size;
    memcpy(data, stream->received.data, part);
    stream->received.data += part;
    stream->received.size -= part;
    *taken = part;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *taken) {
    struct net_stream *stream = BIO_get_data(bio);
    struct buffer *encrypted = &stream->encrypted;
    size_t most = send_capacity(stream) + ENGINE_BYTES;
    BIO_clear_retry_flags(bio);
    *taken = 0;
    if (encrypted->size + size > most || !pool_reserve(&stream->net->pool, encrypted, size)) {
        return 0;
    }
    CHECK(buffer_append(encrypted, data, size));
    *taken = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *stream_bio;

static void stream_bio_make(void) {
    stream_bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vaxel stream");
    CHECK(stream_bio != NULL);
    CHECK(BIO_meth_set_read_ex(stream_bio, bio_read) == 1 && BIO_meth_set_write_ex(stream_bio, bio_write) == 1);
    CHECK(BIO_meth_set_ctrl(stream_bio, bio_control) == 1 && BIO_meth_set_create(stream_bio, bio_create) == 1);
}

void tls_errors_forget(void) {
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* The server must be whom we dialled, not just anybody with a certificate of the authority. */
static bool tls_stream_expect(SSL *ssl, const struct dial *dial) {
    if (!dial->is_name) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), dial->host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, dial->host) == 1 && SSL_set_tlsext_host_name(ssl, dial->host) == 1;
}

bool tls_stream_start(struct net_stream *stream, struct net_tls *tls) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, stream_bio_make);
    tls_errors_forget();
    SSL *ssl = tls_session(tls);
    BIO *bio = ssl != NULL ? BIO_new(stream_bio) : NULL;
    if (bio == NULL) {
        SSL_free(ssl);
        return false;
    }
    BIO_set_data(bio, stream);
    SSL_set_bio(ssl, bio, bio);
    stream->ssl = ssl;
    if (tls_is_server(tls)) {
        SSL_set_accept_state(ssl);
        return true;
    }
    SSL_set_connect_state(ssl);
    return tls_stream_expect(ssl, stream->dial);
}

void tls_stream_finish(struct net_stream *stream) {
    SSL_free(stream->ssl);
    stream->ssl = NULL;
}

/* Says what OpenSSL found, and lets its alert leave. */
static void tls_stream_fail(struct net_stream *stream, const char *during) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    long verified = SSL_get_verify_result(stream->ssl);
    char why[WHY_SIZE];
    if (verified != X509_V_OK) {
        snprintf(why, sizeof(why), "%s: the peer's certificate: %s", during, X509_verify_cert_error_string(verified));
    } else {
        snprintf(why, sizeof(why), "%s: %s", during, reason != NULL ? reason : "the peer broke off");
    }
    ERR_clear_error();
    stream->tls_is_up = false;
    stream_close(stream, why);
}

/* The one common name; none when there are several, or it is too long, or holds a NUL to look like another's. */
static void tls_stream_name(struct net_stream *stream) {
    X509 *certificate = SSL_get0_peer_certificate(stream->ssl);
    const X509_NAME *subject = certificate != NULL ? X509_get_subject_name(certificate) : NULL;
    int at = subject != NULL ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return;
    }
    unsigned char *text = NULL;
    int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size > 0 && size < NAME_SIZE && memchr(text, '\0', (size_t)size) == NULL) {
        memcpy(stream->name, text, (size_t)size);
        stream->name[size] = '\0';
    }
    OPENSSL_free(text);
}

bool net_speaks(const struct net_stream *stream, const char *protocol) {
    const unsigned char *chosen = NULL;
    unsigned int size = 0;
    if (stream->ssl != NULL) {
        SSL_get0_alpn_selected(stream->ssl, &chosen, &size);
    }
    return size > 0 && size == strlen(protocol) && memcmp(chosen, protocol, size) == 0;
}

static void tls_stream_shaken(struct net_stream *stream) {
    const unsigned char *protocol;
    unsigned int size;
    SSL_get0_alpn_selected(stream->ssl, &protocol, &size);
    if (size == 0) {
        tls_stream_fail(stream, "handshake failed: no common protocol");
        return;
    }
    tls_stream_name(stream);
    tls_errors_forget();
    stream->net->facts.handshakes += stream->is_accepted;
    stream->tls_is_up = true;
    dial_finish(stream);
    stream_opened(stream);
    tls_stream_read(stream);
}

void tls_stream_shake(struct net_stream *stream) {
    tls_errors_forget();
    int status = SSL_do_handshake(stream->ssl);
    if (stream->encrypted.size > 0) {
        stream_touch(stream);
    }
    if (status == 1) {
        tls_stream_shaken(stream);
    } else if (SSL_get_error(stream->ssl, status) != SSL_ERROR_WANT_READ) {
        tls_stream_fail(stream, "handshake failed");
    }
}

static void tls_stream_stopped(struct net_stream *stream) {
    switch (SSL_get_error(stream->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_ZERO_RETURN:
        stream_close(stream, "closed by the peer");
        break;
    default:
        tls_stream_fail(stream, "TLS failed");
        break;
    }
}

void tls_stream_read(struct net_stream *stream) {
    while (stream->state == STREAM_OPEN && (stream->received.size > 0 || SSL_has_pending(stream->ssl))) {
        size_t size;
        if (SSL_read_ex(stream->ssl, stream->net->decrypted, RECORD_SIZE, &size) != 1) {
            tls_stream_stopped(stream);
            break;
        }
        if (!stream->handler.on_bytes(stream->owner, stream, bytes_of(stream->net->decrypted, size))) {
            stream_close(stream, "closed by this side");
        }
    }
    if (stream->encrypted.size > 0) {
        stream_touch(stream);
    }
}

bool tls_stream_write(struct net_stream *stream) {
    struct buffer *plain = &stream->plain;
    size_t overhead = (plain->size / RECORD_SIZE + 1) * RECORD_OVERHEAD;
    size_t written = 0;
    if (!pool_reserve(&stream->net->pool, &stream->encrypted, plain->size + overhead) ||
        SSL_write_ex(stream->ssl, plain->data, plain->size, &written) != 1) {
        stream->tls_is_up = false;
        ERR_clear_error();
        stream_abort(stream, "no memory for what waits to be sent");
        return false;
    }
    CHECK(written == plain->size);
    pool_give(&stream->net->pool, plain);
    return true;
}

void tls_stream_end(struct net_stream *stream) {
    tls_errors_forget();
    (void)SSL_shutdown(stream->ssl); /* 0: ours is said, the peer's is not waited for */
    tls_errors_forget();
    stream->tls_is_up = false;
}
