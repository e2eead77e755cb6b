# SPDX-License-Identifier: Apache-2.0
# How everything is compiled, by GCC and clang alike.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror)
# CHECK(!"words") says in words what cannot be; clang takes the words for a slip.
add_compile_options($<$<C_COMPILER_ID:Clang>:-Wno-string-conversion>)
add_compile_options(-fno-omit-frame-pointer -fstack-protector-strong)
add_link_options(-Wl,-z,relro,-z,now)

if(VAXEL_SANITIZE)
    # The sanitizers watch what a fortified libc would, and the two disagree about it.
    add_compile_options(-fsanitize=${VAXEL_SANITIZE} -fno-sanitize-recover=all -O1)
    add_link_options(-fsanitize=${VAXEL_SANITIZE})
    # GCC is mistaken about these in what it has instrumented; the other presets have them.
    add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-restrict> $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
                        $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> $<$<C_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT has_ipo OUTPUT ignored)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${has_ipo})
endif()
