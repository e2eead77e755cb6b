# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The services that one Växel needs, private, in a directory STATE (var/): PostgreSQL and Redis on unix sockets, vaxeld on
# a loopback port. Each is started if it does not run, and ended by its process id alone.

PROGRAMS=${PROGRAMS:-$ROOT/build/release}

# STATE: the directory of PostgreSQL and of the sockets: STATE itself, unless the path is too long for a socket or lies
# where the user postgres may not go (root's home); then one beside /tmp, of the same owner, named after STATE.
services_place() {
    local state=$1 place mark
    if [[ ${#state} -le 70 ]] && as_postgres test -x "$state" 2> /dev/null; then
        echo "$state"
        return 0
    fi
    mark=$(printf '%s' "$state" | cksum | cut -d' ' -f1)
    place=/var/tmp/vaxel-$EUID-$mark
    mkdir -m 711 "$place" 2> /dev/null || true
    [[ -d $place && ! -L $place && -O $place ]] || { echo "./dev: $place is somebody else's" >&2; return 1; }
    echo "$place"
}

# FILE PROGRAM: whether the process of a pid file runs, and is that program still.
process_runs() {
    local pid
    [[ -s $1 ]] && read -r pid < "$1" && [[ $(readlink "/proc/$pid/exe" 2> /dev/null) == *"$2"* ]]
}

# FILE PROGRAM: ends it politely, and waits; by force after half a minute.
process_end() {
    local pid tries
    if process_runs "$1" "$2"; then
        read -r pid < "$1"
        kill "$pid"
        for ((tries = 0; tries < 300; tries++)); do
            kill -0 "$pid" 2> /dev/null || break
            [[ $(ps -o stat= -p "$pid") != Z* ]] || break
            sleep 0.1
        done
        [[ $tries -lt 300 ]] || kill -9 "$pid"
    fi
    rm -f "$1"
}

# FILE LOG COMMAND...: starts a program that survives this shell and its Ctrl-C.
process_start() {
    local file=$1 log=$2
    shift 2
    # shellcheck disable=SC2016 # the inner shell expands them
    setsid --fork bash -c 'echo $$ > "$1"; log=$2; shift 2; exec "$@" < /dev/null >> "$log" 2>&1' start "$file" "$log" "$@"
}

port_is_free() {
    ! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

free_port() { # FIRST
    local port=$1
    until port_is_free "$port"; do port=$((port + 1)); done
    echo "$port"
}

# SECONDS COMMAND...: until it succeeds.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [[ $SECONDS -lt $deadline ]] || return 1
        sleep 0.05
    done
}

postgres_up() { # PLACE
    postgres_runs "$1/postgres" && return
    if [[ ! -s $1/postgres/data/PG_VERSION ]]; then
        echo "Making a PostgreSQL cluster in $1/postgres"
        postgres_directory "$1/postgres"
        rm -rf "$1/postgres/data.new" "$1/postgres/data"
        postgres_initialise "$1/postgres/data.new"
        # What is committed is on the disk. The rest suits two cores that also run the switch and Redis.
        postgres_settings "$1/postgres/data.new" << 'SETTINGS'
listen_addresses = ''
fsync = on
synchronous_commit = on
max_connections = 100
shared_buffers = 256MB
wal_buffers = 16MB
min_wal_size = 512MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = off
jit = off
log_min_messages = warning
SETTINGS
        as_postgres mv "$1/postgres/data.new" "$1/postgres/data"
    fi
    postgres_start "$1/postgres"
    started+=(postgres)
}

redis_answers() { # PLACE
    [[ $(redis-cli -s "$1/redis/redis.sock" PING 2> /dev/null) == PONG ]]
}

# The counters are rebuilt from the records, so nothing is saved; and no key may be evicted.
redis_up() { # PLACE
    process_runs "$1/redis/redis.pid" redis && redis_answers "$1" && return
    mkdir -p "$1/redis"
    chmod 700 "$1/redis"
    process_start "$1/redis/redis.pid" "$1/redis/redis.log" redis-server --port 0 --unixsocket "$1/redis/redis.sock" \
        --unixsocketperm 700 --dir "$1/redis" --save '' --appendonly no --maxmemory-policy noeviction
    wait_for 30 redis_answers "$1" || { tail -n 20 "$1/redis/redis.log" >&2; return 1; }
    started+=(redis)
}

conninfo_of() { # PLACE
    echo "host=$1/postgres user=postgres dbname=vaxel"
}

query() { # STATE SQL
    psql -X -q -At -v ON_ERROR_STOP=1 "$(conninfo_of "$(services_place "$1")")" -c "$2"
}

write_settings() { # STATE PLACE PORT OPS_PORT WALLET_PORT
    cat > "$1/vaxel.ini" << SETTINGS
# Made by ./dev; config/vaxel.ini explains every setting.
[listen]
address = 127.0.0.1:$3

[ops]
listen = 127.0.0.1:$4
pages = $ROOT/build/dashboard

[tls]
certificate = $1/tls/node.pem
key = $1/tls/node.key
authority = $1/tls/authority.pem

[redis]
address = unix:$2/redis/redis.sock

[postgres]
conninfo = $(conninfo_of "$2")

[stand_in]
journal = $1/journal
size = 16 MiB

[client]
connect = 127.0.0.1:$3
certificate = $1/tls/validator-1.pem
key = $1/tls/validator-1.key
authority = $1/tls/authority.pem

[wallet]
address = 127.0.0.1:$5
certificate = $1/tls/wallet-1.pem
key = $1/tls/wallet-1.key
authority = $1/tls/authority.pem
keys = $1/wallet-keys.json
SETTINGS
}

vaxel() { # STATE ARGUMENTS...
    local state=$1
    shift
    "$PROGRAMS/vaxel" --config "$state/vaxel.ini" "$@"
}

database_up() { # STATE PLACE
    local exists
    exists=$(psql -X -At "host=$2/postgres user=postgres dbname=postgres" \
        -c "SELECT count(*) FROM pg_database WHERE datname = 'vaxel'")
    [[ $exists == 1 ]] || createdb -h "$2/postgres" -U postgres vaxel
    vaxel "$1" migrate > "$1/migrate.log" 2>&1 || { cat "$1/migrate.log" >&2; return 1; }
    if [[ $(query "$1" "SELECT count(*) FROM organisation") == 0 ]]; then
        vaxel "$1" example > /dev/null
    fi
}

# A running switch that is not of the programs just built is ended first.
vaxeld_up() { # STATE PLACE
    local pid="$1/vaxeld.pid" port ops_port
    if process_runs "$pid" vaxeld; then
        [[ $(readlink "/proc/$(< "$pid")/exe") != "$PROGRAMS/vaxeld" ]] || return 0
        process_end "$pid" vaxeld
    fi
    port=$(free_port 7443)
    ops_port=$(free_port 7512)
    write_settings "$1" "$2" "$port" "$ops_port" "$(free_port $((port + 1)))"
    database_up "$1" "$2"
    process_start "$pid" "$1/vaxeld.log" "$PROGRAMS/vaxeld" --config "$1/vaxel.ini"
    wait_for 30 vaxel "$1" echo || { tail -n 20 "$1/vaxeld.log" >&2; vaxel "$1" echo >&2 || true; return 1; }
    started+=(vaxeld)
}

wallet_address() { # STATE
    sed -n '/^\[wallet\]/,$s/^address = //p' "$1/vaxel.ini"
}

ops_address() { # STATE
    sed -n 's/^listen = //p' "$1/vaxel.ini"
}

wallet_answers() { # STATE
    ! port_is_free "$(wallet_address "$1" | sed 's/.*://')"
}

# A wallet goes by the settings that its switch was started with.
wallet_up() { # STATE
    local pid="$1/wallet.pid"
    if process_runs "$pid" vaxel-wallet; then
        [[ $(readlink "/proc/$(< "$pid")/exe") != "$PROGRAMS/vaxel-wallet" || " ${started[*]} " == *" vaxeld "* ]] || return 0
        process_end "$pid" vaxel-wallet
    fi
    deploy/dev/wallet-token "$1"
    process_start "$pid" "$1/wallet.log" "$PROGRAMS/vaxel-wallet" --config "$1/vaxel.ini"
    wait_for 30 wallet_answers "$1" || { tail -n 20 "$1/wallet.log" >&2; return 1; }
    started+=(wallet)
}

# STATE: everything, idempotent. `started` has the names of what did not run before.
services_up() {
    local state=$1 place
    started=()
    mkdir -p "$state"
    chmod 711 "$state"
    place=$(services_place "$state")
    deploy/dev/certificates "$state/tls" node validator-1 app-backend-1 wallet-1 office-1 ops-1
    postgres_up "$place"
    redis_up "$place"
    vaxeld_up "$state" "$place"
    wallet_up "$state"
}

# STATE NAMES...: ends those services, all without names; what does not run is passed over.
services_down() {
    local state=$1 place name names
    shift
    [[ -d $state ]] || return 0
    place=$(services_place "$state")
    names=" ${*:-wallet vaxeld redis postgres} "
    for name in wallet vaxeld redis postgres; do
        [[ $names == *" $name "* ]] || continue
        case $name in
        wallet) process_end "$state/wallet.pid" vaxel-wallet ;;
        vaxeld) process_end "$state/vaxeld.pid" vaxeld ;;
        redis) process_end "$place/redis/redis.pid" redis ;;
        postgres) ! postgres_runs "$place/postgres" || postgres_stop "$place/postgres" ;;
        esac
    done
}

services_show() {
    local place
    place=$(services_place "$1")
    cat << SHOW
vaxeld      $(sed -n 's/^connect = //p' "$1/vaxel.ini")   log: $1/vaxeld.log
wallet      https://$(wallet_address "$1")   log: $1/wallet.log
dashboard   http://$(ops_address "$1")/   and /metrics, /healthz, /readyz, /events
PostgreSQL  psql "$(conninfo_of "$place")"
Redis       redis-cli -s $place/redis/redis.sock
settings    $1/vaxel.ini
SHOW
}
