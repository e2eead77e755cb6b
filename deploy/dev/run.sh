# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ./dev run: the whole at work, for a person to see.

EXAMPLE_CARD=9932543656338003
EXAMPLE_APP=5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01

# STATE: the last purchase in PostgreSQL, for a person.
show_row() {
    psql -X -q -x "$(conninfo_of "$(services_place "$1")")" -c "
        SELECT id, amount_minor, month, organisation, traveller, credit, product, recorded_at
        FROM entry ORDER BY recorded_at DESC LIMIT 1" | sed '/^(/d; /^$/d; s/^/    /'
}

# STATE: buys, and shows what PostgreSQL has of it. Fails unless one more row is there.
show_purchase() {
    local before after
    before=$(query "$1" "SELECT count(*) FROM entry")
    printf '\n$ vaxel purchase --card %s --amount 130.00 --product single\n' "$EXAMPLE_CARD"
    vaxel "$1" purchase --card "$EXAMPLE_CARD" --amount 130.00 --product single || return 1
    after=$(query "$1" "SELECT count(*) FROM entry")
    [[ $after -eq $((before + 1)) ]] || { echo "The purchase is not in PostgreSQL." >&2; return 1; }
    printf '\nPostgreSQL has it:\n'
    show_row "$1"
}

show_next() {
    cat << NEXT

The dashboard, for a browser:
    http://$(ops_address "$1")/

Try next, from another terminal in $ROOT:
    build/release/vaxel purchase --card $EXAMPLE_CARD --amount 130.00 --product single
    build/release/vaxel balance --card $EXAMPLE_CARD
    build/release/vaxel audit
    build/release/vaxel --help
    curl --cacert $1/tls/authority.pem --cert $1/tls/app-backend-1.pem --key $1/tls/app-backend-1.key \\
        -H "X-BoB-AuthToken: \$(cat $1/wallet-token)" \\
        https://$(wallet_address "$1")/api/v3/traveller/$EXAMPLE_APP/wallet

NEXT
    services_show "$1"
    echo
    echo "Ctrl-C stops what this started."
}

# A purchase in services of its own, made new each time, so that no credit is spent before.
run_once() {
    local state=$STATE_DIRECTORY/once
    services_down "$state"
    run_once_clean "$state"
    trap 'services_down "$STATE_DIRECTORY/once"' EXIT
    trap 'trap "" INT TERM; exit 130' INT TERM
    services_up "$state"
    show_purchase "$state" || { echo "The log of vaxeld is $state/vaxeld.log" >&2; exit 1; }
    services_down "$state"
    trap - EXIT
    run_once_clean "$state"
}

run_once_clean() {
    local place
    [[ -d $1 ]] || return 0
    place=$(services_place "$1")
    rm -rf "$1" "$place"
}

run() { # [--once]
    if [[ ${1:-} == --once ]]; then
        run_once
        return
    fi
    started=()
    # To the end, though tail may be gone already, and who ends this may press twice.
    trap 'kill $(jobs -p) 2> /dev/null || true; services_down "$STATE_DIRECTORY" "${started[@]:-nothing}"' EXIT
    trap 'trap "" INT TERM; echo; exit 130' INT TERM
    services_up "$STATE_DIRECTORY"
    show_purchase "$STATE_DIRECTORY" || true
    show_next "$STATE_DIRECTORY"
    tail -n 0 -F --pid="$(< "$STATE_DIRECTORY/vaxeld.pid")" "$STATE_DIRECTORY/vaxeld.log" &
    wait $!
    echo "vaxeld ended; the end of its log:"
    tail -n 20 "$STATE_DIRECTORY/vaxeld.log"
    return 1
}
