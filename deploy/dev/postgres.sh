# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A private PostgreSQL in a directory of its own: DIRECTORY/data, and its socket in DIRECTORY. PostgreSQL refuses to run
# as root, so root's runs as the user postgres; anybody else's runs as themselves.

POSTGRES_BIN=${POSTGRES_BIN:-/usr/lib/postgresql/15/bin}

# Runs a command as the one who owns the databases, from a directory that they may enter.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@")
    else
        (cd / && "$@")
    fi
}

# DIRECTORY: makes it, for the databases' owner alone (root may look in anyway).
postgres_directory() {
    mkdir -p "$1"
    [[ $EUID -ne 0 ]] || chown postgres:postgres "$1"
    chmod 700 "$1"
}

# DATA: a new cluster with the superuser postgres, open to whoever may enter the socket's directory.
postgres_initialise() {
    as_postgres "$POSTGRES_BIN/initdb" -D "$1" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
        --no-instructions > /dev/null
}

# DATA: appends settings from standard input.
postgres_settings() {
    as_postgres tee -a "$1/postgresql.conf" > /dev/null
}

# DIRECTORY: starts the server and waits until it answers.
postgres_start() {
    as_postgres "$POSTGRES_BIN/pg_ctl" start -s -w -t 60 -D "$1/data" -l "$1/postgres.log" -o "-k '$1'" || {
        as_postgres tail -n 20 "$1/postgres.log" >&2
        return 1
    }
}

# DIRECTORY: whether its server runs.
postgres_runs() {
    [[ -d $1/data ]] && as_postgres "$POSTGRES_BIN/pg_ctl" status -s -D "$1/data" > /dev/null 2>&1
}

postgres_stop() {
    as_postgres "$POSTGRES_BIN/pg_ctl" stop -s -m fast -w -t 60 -D "$1/data"
}

# DIRECTORY: has it read its settings again.
postgres_reload() {
    as_postgres "$POSTGRES_BIN/pg_ctl" reload -s -D "$1/data"
}

# What a server needs to have a standby. It keeps enough of its log for one that was away for a while.
postgres_standby_settings() {
    cat << 'SETTINGS'
listen_addresses = ''
fsync = on
synchronous_commit = on
wal_level = replica
hot_standby = on
max_connections = 100
max_wal_senders = 4
wal_keep_size = 256MB
shared_buffers = 64MB
log_min_messages = warning
SETTINGS
}

# PRIMARY DIRECTORY NAME: a copy of a running server, in DIRECTORY/data, that follows it under a name when it is started.
postgres_copy_standby() {
    as_postgres "$POSTGRES_BIN/pg_basebackup" -D "$2/data" -R -X stream -c fast --no-sync \
        -d "host=$1 user=postgres application_name=$3"
}
