# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Services that survive the loss of one of them, for trying that out: a Redis Cluster of three primaries and three
# replicas, a primary and a replica that three sentinels watch, and a PostgreSQL with a synchronous standby. Redis's
# listen on loopback ports, for neither a cluster nor sentinels know of unix sockets; PostgreSQL's on sockets.
#
# Each server has a directory under PLACE/cluster, PLACE/sentinel or PLACE/pair, with its process id, log and data. What
# of a group still runs is kept, and what died is started again where it was; a group of which nothing runs is made new
# (Redis's counters are rebuilt from the records; the records of PostgreSQL are kept).

CLUSTER_PRIMARIES=3
CLUSTER_NODES=6
SENTINELS=3
SENTINEL_NAME=vaxel
# How long a server may be silent before the others take it for dead.
CLUSTER_SILENCE_MS=1000

# ---- redis: DIRECTORY has redis.conf, and `port` with the port's number ----

node_port() { # DIRECTORY
    cat "$1/port"
}

node_runs() { # DIRECTORY
    process_runs "$1/redis.pid" redis
}

node_says() { # DIRECTORY COMMAND...
    local directory=$1
    shift
    redis-cli -h 127.0.0.1 -p "$(node_port "$directory")" "$@"
}

node_answers() { # DIRECTORY
    [[ $(node_says "$1" PING) == PONG ]]
}

node_start() { # DIRECTORY [--sentinel]
    process_start "$1/redis.pid" "$1/redis.log" redis-server "$1/redis.conf" ${2:+"$2"}
    wait_for 30 node_answers "$1" || { tail -n 20 "$1/redis.log" >&2; return 1; }
}

# DIRECTORY PORT: writes what all have in common; more lines from standard input.
node_make() {
    mkdir -p "$1"
    echo "$2" > "$1/port"
    {
        printf 'bind 127.0.0.1\nport %s\ndir %s\n' "$2" "$1"
        cat
    } > "$1/redis.conf"
}

# What a Redis that counts must be told (docs/operations.md).
counter_settings() {
    printf 'save ""\nappendonly no\nmaxmemory-policy noeviction\nrepl-diskless-sync-delay 0\n'
}

# DIRECTORIES...: whether any of them runs.
any_node_runs() {
    local directory
    for directory in "$@"; do
        ! node_runs "$directory" || return 0
    done
    return 1
}

nodes_down() { # DIRECTORIES...
    local directory
    for directory in "$@"; do
        [[ ! -d $directory ]] || process_end "$directory/redis.pid" redis
    done
}

# A port whose neighbour ten thousand above, where the nodes of a cluster talk to each other, is free as well.
free_cluster_port() { # FIRST
    local port=$1
    until port_is_free "$port" && port_is_free $((port + 10000)); do port=$((port + 1)); done
    echo "$port"
}

# ---- the Redis Cluster ----

cluster_directories() { # PLACE
    local number
    for ((number = 1; number <= CLUSTER_NODES; number++)); do echo "$1/cluster/$number"; done
}

cluster_make() { # DIRECTORIES...
    local directory port=7501 seeds=()
    rm -rf "$@"
    for directory in "$@"; do
        port=$(free_cluster_port "$port")
        # An organisation whose primary is lost waits for its replica; the others go on.
        { counter_settings; cat; } << SETTINGS | node_make "$directory" "$port"
cluster-enabled yes
cluster-node-timeout $CLUSTER_SILENCE_MS
cluster-require-full-coverage no
cluster-replica-validity-factor 0
SETTINGS
        node_start "$directory"
        seeds+=("127.0.0.1:$port")
        port=$((port + 1))
    done
    redis-cli --cluster create "${seeds[@]}" --cluster-replicas $((CLUSTER_NODES / CLUSTER_PRIMARIES - 1)) \
        --cluster-yes > "$(dirname "$1")/create.log" || { cat "$(dirname "$1")/create.log" >&2; return 1; }
}

# DIRECTORY: whether the node there sees all slots served, and every node alive.
cluster_is_whole() {
    local info nodes
    info=$(node_says "$1" CLUSTER INFO)
    nodes=$(node_says "$1" CLUSTER NODES)
    [[ $info == *cluster_state:ok* && $info == *cluster_slots_ok:16384* && $nodes != *fail* && $nodes != *handshake* ]]
}

cluster_up() { # PLACE
    local directory directories
    mapfile -t directories < <(cluster_directories "$1")
    if any_node_runs "${directories[@]}"; then
        for directory in "${directories[@]}"; do
            node_runs "$directory" || node_start "$directory"
        done
    else
        echo "Making a Redis Cluster in $1/cluster"
        cluster_make "${directories[@]}"
    fi
    for directory in "${directories[@]}"; do
        wait_for 60 cluster_is_whole "$directory" || { node_says "$directory" CLUSTER NODES >&2; return 1; }
    done
}

# ---- the pair that sentinels watch ----

sentinel_directories() { # PLACE
    local number
    for ((number = 1; number <= SENTINELS; number++)); do echo "$1/sentinel/sentinel-$number"; done
}

sentinel_make() { # PLACE SENTINELS...
    local place=$1/sentinel directory primary port
    shift
    rm -rf "$place"
    primary=$(free_port 7601)
    counter_settings | node_make "$place/a" "$primary"
    node_start "$place/a"
    port=$(free_port $((primary + 1)))
    { counter_settings; echo "replicaof 127.0.0.1 $primary"; } | node_make "$place/b" "$port"
    node_start "$place/b"
    for directory in "$@"; do
        port=$(free_port $((port + 1)))
        node_make "$directory" "$port" << SETTINGS
sentinel monitor $SENTINEL_NAME 127.0.0.1 $primary $((SENTINELS / 2 + 1))
sentinel down-after-milliseconds $SENTINEL_NAME $CLUSTER_SILENCE_MS
sentinel failover-timeout $SENTINEL_NAME $((5 * CLUSTER_SILENCE_MS))
SETTINGS
        node_start "$directory" --sentinel
    done
}

# DIRECTORY: whether the sentinel there knows the others, and a primary that it could fail over from.
sentinel_is_ready() {
    [[ $(node_says "$1" SENTINEL CKQUORUM $SENTINEL_NAME) == OK* ]] &&
        [[ $(node_says "$1" SENTINEL REPLICAS $SENTINEL_NAME) == *master-link-status*ok* ]]
}

sentinel_up() { # PLACE
    local directory sentinels
    mapfile -t sentinels < <(sentinel_directories "$1")
    if any_node_runs "$1/sentinel/a" "$1/sentinel/b"; then
        for directory in "$1/sentinel/a" "$1/sentinel/b"; do
            node_runs "$directory" || node_start "$directory"
        done
        for directory in "${sentinels[@]}"; do
            node_runs "$directory" || node_start "$directory" --sentinel
        done
    else
        echo "Making a Redis pair with $SENTINELS sentinels in $1/sentinel"
        nodes_down "${sentinels[@]}"
        sentinel_make "$1" "${sentinels[@]}"
    fi
    for directory in "${sentinels[@]}"; do
        wait_for 60 sentinel_is_ready "$directory" || { node_says "$directory" SENTINEL MASTERS >&2; return 1; }
    done
}

# ---- the PostgreSQL pair: PLACE/pair/a is made as the primary, b as its standby ----

pair_query() { # HOSTS SQL
    psql -X -q -At "host=$1 user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=2" -c "$2"
}

pair_make() { # PAIR
    local server
    for server in a b; do
        ! postgres_runs "$1/$server" || postgres_stop "$1/$server"
        rm -rf "$1/${server:?}"
        postgres_directory "$1/$server"
    done
    postgres_initialise "$1/a/data"
    postgres_standby_settings | postgres_settings "$1/a/data"
    postgres_start "$1/a"
    postgres_copy_standby "$1/a" "$1/b" standby
    # From here on nothing is committed that the standby does not have. A server that is promoted goes on alone: the
    # setting is not in what was copied.
    echo "synchronous_standby_names = 'standby'" | postgres_settings "$1/a/data"
    postgres_start "$1/b"
    postgres_reload "$1/a"
    touch "$1/made"
}

pair_is_synchronous() { # PAIR
    [[ $(pair_query "$1/a,$1/b" "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1 ]]
}

pair_is_promoted() { # PAIR
    [[ $(psql -X -q -At "host=$1/b user=postgres dbname=postgres" -c "SELECT pg_is_in_recovery()") == f ]]
}

# A pair whose standby was promoted is left as it is: what its old primary has more than the new one is for a person to
# judge, who ends it by removing the directory.
pair_up() { # PLACE
    local pair=$1/pair
    if [[ ! -e $pair/made ]]; then
        echo "Making a PostgreSQL with a synchronous standby in $pair"
        mkdir -p "$pair"
        pair_make "$pair"
    fi
    postgres_runs "$pair/b" || postgres_start "$pair/b"
    if pair_is_promoted "$pair"; then
        echo "The standby in $pair/b was promoted, and goes on alone; ./dev down and removing $pair makes a new pair." >&2
        return 0
    fi
    postgres_runs "$pair/a" || postgres_start "$pair/a"
    wait_for 60 pair_is_synchronous "$pair" || { as_postgres tail -n 20 "$pair/b/postgres.log" >&2; return 1; }
}

pair_conninfo() { # PLACE
    echo "host=$1/pair/a,$1/pair/b user=postgres dbname=vaxel target_session_attrs=read-write connect_timeout=2"
}

pair_database_up() { # STATE PLACE
    local conninfo exists
    conninfo=$(pair_conninfo "$2")
    exists=$(pair_query "$2/pair/a,$2/pair/b" "SELECT count(*) FROM pg_database WHERE datname = 'vaxel'")
    [[ $exists == 1 ]] || pair_query "$2/pair/a,$2/pair/b" "CREATE DATABASE vaxel"
    vaxel "$1" migrate --set "postgres.conninfo=$conninfo" > "$1/migrate-pair.log" 2>&1 ||
        { cat "$1/migrate-pair.log" >&2; return 1; }
    if [[ $(psql -X -q -At "$conninfo" -c "SELECT count(*) FROM organisation") == 0 ]]; then
        vaxel "$1" example --set "postgres.conninfo=$conninfo" > /dev/null
    fi
}

# ---- all of them ----

# STATE: after services_up; idempotent.
ensemble_up() {
    local place
    place=$(services_place "$1")
    cluster_up "$place"
    sentinel_up "$place"
    pair_up "$place"
    pair_database_up "$1" "$place"
}

ensemble_down() { # STATE
    local place server directories
    [[ -d $1 ]] || return 0
    place=$(services_place "$1")
    # The sentinels first, or they would see to a primary that is gone.
    mapfile -t directories < <(sentinel_directories "$place"; printf '%s\n' "$place"/sentinel/{a,b}; cluster_directories "$place")
    nodes_down "${directories[@]}"
    for server in a b; do
        ! postgres_runs "$place/pair/$server" || postgres_stop "$place/pair/$server"
    done
}

# PLACE/KIND's addresses, with commas between.
addresses_of() { # DIRECTORIES...
    local directory list=()
    for directory in "$@"; do list+=("127.0.0.1:$(node_port "$directory")"); done
    (IFS=,; echo "${list[*]}")
}

ensemble_show() { # STATE
    local place nodes sentinels
    place=$(services_place "$1")
    mapfile -t nodes < <(cluster_directories "$place")
    mapfile -t sentinels < <(sentinel_directories "$place")
    cat << SHOW


What survives a loss, for settings of a switch (vaxeld --config $1/vaxel.ini --set KEY=VALUE):
    redis.address=$(addresses_of "${nodes[@]}")
    redis.address=sentinel:$SENTINEL_NAME@$(addresses_of "${sentinels[@]}")
    postgres.conninfo=$(pair_conninfo "$place")
Process ids: $place/{cluster,sentinel}/*/redis.pid and $place/pair/{a,b}/data/postmaster.pid
To promote the standby, as the owner of its data: $POSTGRES_BIN/pg_ctl promote -D $place/pair/b/data
SHOW
}
