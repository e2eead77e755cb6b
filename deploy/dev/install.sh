# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The Debian packages that the commands of ./dev need, by what they are for.

packages_of() {
    case $1 in
    build)
        echo gcc libc6-dev cmake ninja-build pkg-config liburing-dev libssl-dev libhiredis-dev libpq-dev \
            libprotobuf-c-dev protobuf-c-compiler libinih-dev libnghttp2-dev libmicrohttpd-dev libgnutls28-dev \
            libjson-c-dev libcjose-dev libcurl4-openssl-dev libncurses-dev libsystemd-dev
        ;;
    package) echo dpkg-dev file gzip ;;
    container) echo debootstrap systemd-container ;;
    services) echo postgresql-15 postgresql-client-15 redis-server openssl tzdata util-linux ;;
    bench) echo python3 librsvg2-bin ;;
    page)
        # Any Node from 18 on will do, also one that is not Debian's.
        [[ -n $(type -P node) && -n $(type -P npm) ]] || echo nodejs npm
        ;;
    test)
        echo curl haproxy prometheus libvterm-dev python3-jsonschema python3-yaml clang libclang-rt-14-dev libcriterion-dev liblua5.1-0-dev git \
            chromium fonts-inter
        ;;
    lint) echo clang-format clang-tidy cppcheck shellcheck pyflakes3 lua-check git ;;
    esac
}

# GROUPS...: installs what is missing, or names it and ends with 3.
need_packages() {
    local group package installed missing=()
    installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2> /dev/null | sed -n 's/^ii //p' | tr '\n' ' ')"
    for group in "$@"; do
        for package in $(packages_of "$group"); do
            [[ $installed == *" $package "* ]] || missing+=("$package")
        done
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ $EUID -eq 0 ]]; then
        install_packages "${missing[@]}"
    elif sudo -n true 2> /dev/null; then
        sudo bash -c "$(declare -f install_packages); install_packages \"\$@\"" install "${missing[@]}"
    else
        printf 'These Debian packages are missing: %s\nInstall them by: apt install %s\n' \
            "${missing[*]}" "${missing[*]}" >&2
        exit 3
    fi
}

# As root. PostgreSQL and Redis come as tools alone: nothing is started by their packages, and no cluster is made.
install_packages() {
    local policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.d/vaxel.conf status=0
    echo "Installing $*"
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod +x "$policy"
    else
        policy=
    fi
    mkdir -p "${clusters%/*}"
    echo 'create_main_cluster = false' > "$clusters"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" \
        > /dev/null; } || status=$?
    rm -f "$clusters" ${policy:+"$policy"}
    return "$status"
}
