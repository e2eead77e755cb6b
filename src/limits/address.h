/* SPDX-License-Identifier: Apache-2.0 */
/* address: where Redis is, as the setting redis.address says it.
 *
 *   unix:/path                          one Redis
 *   host:port                           one Redis, or any node of a Redis Cluster
 *   host:port,host:port,…               nodes of a Redis Cluster, any of them
 *   sentinel:NAME@host:port,host:port   sentinels, and what they call the primary
 *
 * Each host, or unix:, may have redis://user:password@ before it, or redis://:password@; what is said last holds for
 * all. Of a sentinel it is for the primary: sentinels are asked without. In user and password %40 stands for "@", and
 * so on. */
#ifndef VAXEL_LIMITS_ADDRESS_H
#define VAXEL_LIMITS_ADDRESS_H

#include "base/failure.h"

#include <stdint.h>

#define ENDPOINT_SIZE 128
#define ENDPOINTS_CAPACITY 16
#define CREDENTIAL_SIZE 128

enum address_kind { ADDRESS_ONE, ADDRESS_CLUSTER, ADDRESS_SENTINELS };

struct address {
    enum address_kind kind;
    char name[ENDPOINT_SIZE]; /* SENTINELS: of the primary */
    uint32_t endpoint_count;
    char endpoints[ENDPOINTS_CAPACITY][ENDPOINT_SIZE]; /* "host:port" or "unix:/path" */
    char user[CREDENTIAL_SIZE];                        /* "": the default one */
    char password[CREDENTIAL_SIZE];                    /* "": none is asked for */
};

/* What is copied must fit. */
void endpoint_copy(char into[ENDPOINT_SIZE], const char *endpoint);

/* False: the reason names no password. */
bool address_parse(const char *text, struct address *address, struct failure *failure);

#endif
