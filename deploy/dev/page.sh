# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What is made with Node: the dashboard's page. Nothing of it is put into the source tree.

# SOURCE MODULES [OPTIONS...]: installs what SOURCE/package-lock.json names, unless it is there.
npm_modules() {
    mkdir -p "$2"
    ! cmp -s "$1/package-lock.json" "$2/installed" || return 0
    cp "$1/package.json" "$1/package-lock.json" "$2"
    (cd "$2" && npm ci --no-audit --no-fund --loglevel=error --fetch-retries="${NPM_RETRIES:-5}" "${@:3}" > npm.log 2>&1) ||
        { cat "$2/npm.log" >&2; return 1; }
    cp "$1/package-lock.json" "$2/installed"
}

page_is_new() {
    [[ -f build/dashboard/index.html && -z $(find src/dashboard -newer build/dashboard/index.html -print -quit) ]]
}

# The dashboard in build/dashboard.
build_page() {
    ! page_is_new || return 0
    npm_modules src/dashboard build/dashboard-modules --omit=dev &&
        node src/dashboard/build.mjs build/dashboard-modules build/dashboard
}

# For who can do without: a machine may have no Node, or reach no npm registry.
try_page() {
    local log=build/dashboard.log
    mkdir -p build
    ! page_is_new || return 0
    if ! (need_packages page) > "$log" 2>&1 || ! NPM_RETRIES=1 build_page >> "$log" 2>&1; then
        echo "The dashboard is not built, all else goes on: $(grep -v '^$' "$log" | tail -n 1) ($log)" >&2
    fi
}
