# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# COMMAND...: runs it to its end; when this shell is told to end, it tells the command first, and waits for it. (A shell that
# simply waited for a command would not hear of it before the command's own end.)
run_forwarding() {
    local status=0
    "$@" <&0 &
    forwarded=$!
    trap 'kill -TERM "$forwarded" 2> /dev/null; wait "$forwarded"; exit 143' INT TERM
    wait "$forwarded" || status=$?
    trap - INT TERM
    return "$status"
}
