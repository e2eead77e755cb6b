# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of vaxel(1) for bash. What may follow is asked of the program itself: vaxel help --words.

_vaxel() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' word
    local -a words=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $word != -* ]] && vaxel help "$word" > /dev/null 2>&1; then
            command=$word
            break
        fi
    done
    COMPREPLY=()
    case $previous in
    --config | --certificate | --key | --authority | --answers | --journals)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    if [[ $command == advise && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    mapfile -t words < <(vaxel help --words ${command:+"$command"} 2> /dev/null | cut -f 1)
    if [[ $command == help ]]; then
        mapfile -t -O "${#words[@]}" words < <(vaxel help --words 2> /dev/null | cut -f 1 | grep -v '^--')
    fi
    mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$current")
}

complete -o filenames -F _vaxel vaxel
