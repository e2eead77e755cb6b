# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# PRESET [TARGETS...]: configures where that has not been done, and builds. Who comes second waits: two builds at once in one
# directory would spoil it.
build() {
    local jobs=${VAXEL_JOBS:-$(nproc)} log
    mkdir -p build
    log=build/configure-$1.log
    (
        flock 9
        if [[ ! -f build/$1/build.ninja ]]; then
            cmake --preset "$1" > "$log" 2>&1 9>&- || { cat "$log" >&2; exit 1; }
        fi
        NINJA_STATUS="[$1 %f/%t] " cmake --build "build/$1" -j "$jobs" ${2:+--target "${@:2}"} 9>&-
    ) 9> "build/$1.lock"
}

# The Debian package of this version, and no older one, in build/.
package() {
    local log=build/package.log
    build release
    rm -f build/vaxel_*.deb
    cpack --config build/release/CPackConfig.cmake -B build/package > "$log" 2>&1 || { cat "$log" >&2; return 1; }
    mv build/package/vaxel_*.deb build/
    ls build/vaxel_*.deb
}
