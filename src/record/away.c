/* SPDX-License-Identifier: Apache-2.0 */
#include "record/migrate.h"

#include <libpq-fe.h>

/* Where the connection string names no time of its own. */
#define PATIENCE_S "5"

static bool connects(const char *conninfo, const char *session) {
    const char *const keywords[] = {"connect_timeout", "dbname", "target_session_attrs", NULL};
    const char *const values[] = {PATIENCE_S, conninfo, session, NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, true);
    bool is_connected = PQstatus(connection) == CONNECTION_OK;
    PQfinish(connection);
    return is_connected;
}

bool record_is_away(const char *conninfo) {
    const char *const keywords[] = {"connect_timeout", "dbname", NULL};
    const char *const values[] = {PATIENCE_S, conninfo, NULL};
    switch (PQpingParams(keywords, values, true)) {
    case PQPING_REJECT:
    case PQPING_NO_RESPONSE:
        return true;
    case PQPING_NO_ATTEMPT:
        return false;
    case PQPING_OK:
        break;
    }
    /* Between two primaries there are only standbys: they talk, and are not what is asked for. */
    return !connects(conninfo, NULL) && connects(conninfo, "any");
}
