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
