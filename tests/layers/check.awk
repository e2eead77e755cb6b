# SPDX-License-Identifier: Apache-2.0
# Reads the table, then sources; names each #include that the table does not allow.

function wrong(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    wrongs++
}

# Whether a comma-separated list of names, or of beginnings with a *, has the header.
function has(list, header,    names, count, i, stem) {
    count = split(list, names, ",")
    for (i = 1; i <= count; i++) {
        stem = names[i]
        if (stem == header || (sub(/\*$/, "", stem) && index(header, stem) == 1))
            return 1
    }
    return 0
}

function check_room(from, to, header) {
    if (!(to in row))
        wrong("\"" to "/" header "\" is of no room in the table")
    else if (to == from)
        return
    else if (row[to] > row[from])
        wrong(from " is below " to " and may not include it")
    else if (row[to] == row[from])
        wrong(from " and " to " stand in one row: neither includes the other")
    else if (!has(faces[to], header))
        wrong("\"" to "/" header "\" is private to " to ": include its face (" faces[to] ")")
}

# True when the header is some room's own; then it is checked.
function check_own(from, header,    room, owners) {
    for (room in row)
        if (own[room] != "-" && has(own[room], header))
            owners = owners (owners ? " or " : "") room
    if (owners && !has(own[from], header))
        wrong("only " owners " may include " header)
    return owners != ""
}

FILENAME ~ /(^|\/)table$/ {
    if ($0 !~ /^#/ && NF) {
        row[$2] = $1
        faces[$2] = $3
        own[$2] = $4
    }
    next
}

FNR == 1 {
    split(FILENAME, parts, "/")
    from = parts[2]
    if (!(from in row)) {
        wrong("src/" from " is not in the table")
        nextfile
    }
}

/^[ \t]*#[ \t]*include/ {
    checked++
    if (!match($0, /["<][^">]+[">]/)) {
        wrong("an #include by macro can't be checked")
        next
    }
    is_quoted = substr($0, RSTART, 1) == "\""
    header = substr($0, RSTART + 1, RLENGTH - 2)
    if (check_own(from, header))
        next
    slash = index(header, "/")
    if (is_quoted && !slash)
        wrong("write \"" from "/" header "\": every header is named with its room")
    else if (is_quoted || (slash && substr(header, 1, slash - 1) in row))
        check_room(from, substr(header, 1, slash - 1), substr(header, slash + 1))
}

END {
    printf "layers: %d includes, %d not allowed\n", checked, wrongs
    exit(wrongs > 0 || checked == 0)
}
