# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# PRESET [TARGETS...]: configures where that has not been done, and builds.
build() {
    local jobs=${VAXEL_JOBS:-$(nproc)} log
    mkdir -p build
    log=build/configure-$1.log
    if [[ ! -f build/$1/build.ninja ]]; then
        cmake --preset "$1" > "$log" 2>&1 || { cat "$log" >&2; return 1; }
    fi
    NINJA_STATUS="[$1 %f/%t] " cmake --build "build/$1" -j "$jobs" ${2:+--target "${@:2}"}
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
