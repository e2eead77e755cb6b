# SPDX-License-Identifier: Apache-2.0
# tests/fuzz/fuzz_NAME.c is a libFuzzer program, fuzz/fuzz_NAME in the build directory.

file(GLOB fuzzers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
foreach(source IN LISTS fuzzers)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    # libFuzzer finds its entry by name; no header declares it.
    target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE vaxel_wire vaxel_grpc vaxel_limits vaxel_journal vaxel_config vaxel_json)
endforeach()
