# SPDX-License-Identifier: Apache-2.0
# Run by the build: cmake -D kind=texts|migrations -D inputs=a|b [-D names=a|b] -D output=header -P embed.cmake
# Writes files as arrays of characters, NUL terminated; a string literal of that length is not portable C.

function(embed_characters file variable)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," characters "${hex}")
    set(${variable} "${characters}0" PARENT_SCOPE)
endfunction()

get_filename_component(name ${output} NAME)
string(REPLACE "|" ";" inputs "${inputs}")
string(REPLACE "|" ";" names "${names}")

if(kind STREQUAL "texts")
    set(text "")
    foreach(file symbol IN ZIP_LISTS inputs names)
        embed_characters(${file} characters)
        string(APPEND text "static const char ${symbol}[] = {\n${characters}};\n")
    endforeach()
else()
    set(text "#include <stddef.h>\n\nstruct migration {\n    const char *name;\n    const char *sql;\n};\n\n")
    set(rows "")
    set(count 0)
    foreach(file IN LISTS inputs)
        embed_characters(${file} characters)
        get_filename_component(file_name ${file} NAME)
        string(APPEND text "static const char migration_${count}[] = {\n${characters}};\n")
        string(APPEND rows "    {\"${file_name}\", migration_${count}},\n")
        math(EXPR count "${count} + 1")
    endforeach()
    string(APPEND text "static const struct migration migrations[] = {\n${rows}};\n")
    string(APPEND text "static const size_t migrations_count = ${count};\n")
endif()

file(WRITE ${output} "/* Made by deploy/cmake/embed.cmake. */\n${text}")
