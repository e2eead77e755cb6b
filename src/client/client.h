/* SPDX-License-Identifier: Apache-2.0 */
/* client: one blocking connection to a switch, for the command line and for tests. Connects, asks, waits for the
 * answer. */
#ifndef VAXEL_CLIENT_CLIENT_H
#define VAXEL_CLIENT_CLIENT_H

#include "net/net.h"
#include "wire/wire.h"

struct client_connection;

/* Connects to one of `addresses` ("host:port", comma separated, tried in order) within `timeout_us`. */
struct client_connection *client_connect(const char *addresses, const struct net_tls_files *files, int64_t timeout_us,
                                         struct failure *failure);
void client_disconnect(struct client_connection *connection);

/* Sends one request and waits for its reply, whose `call` is the request's. False: none came within `timeout_us`, the
 * connection broke, or it is more than a frame holds. What a reply points to stands until the next is waited for. */
bool client_call(struct client_connection *connection, struct wire_request *request, int64_t timeout_us,
                 struct wire_reply *reply, struct failure *failure);

/* For many at once: send without waiting, and wait for whichever reply comes next. */
bool client_send(struct client_connection *connection, struct wire_request *request, struct failure *failure);
bool client_receive(struct client_connection *connection, int64_t timeout_us, struct wire_reply *reply,
                    struct failure *failure);

#endif
