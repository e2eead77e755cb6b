# SPDX-License-Identifier: Apache-2.0
# tests/ROOM/*.c is one Criterion program, tests/test_ROOM in the build directory.

pkg_check_modules(criterion REQUIRED IMPORTED_TARGET criterion)
get_property(rooms GLOBAL PROPERTY VAXEL_ROOMS)
get_property(programs GLOBAL PROPERTY VAXEL_PROGRAMS)

file(GLOB support_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.c)
if(support_sources)
    add_library(vaxel_test_support STATIC ${support_sources})
    target_link_libraries(vaxel_test_support PUBLIC PkgConfig::criterion PkgConfig::hiredis PkgConfig::libpq)
    target_compile_definitions(vaxel_test_support PRIVATE
        VAXEL_PROGRAMS_DIRECTORY="${PROJECT_BINARY_DIR}" VAXEL_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
    set(support_scope PUBLIC)
else()
    add_library(vaxel_test_support INTERFACE)
    target_link_libraries(vaxel_test_support INTERFACE PkgConfig::criterion)
    set(support_scope INTERFACE)
endif()
target_include_directories(vaxel_test_support ${support_scope} ${PROJECT_SOURCE_DIR}/tests)

if(VAXEL_SANITIZE STREQUAL thread)
    set(sanitizer_sources ${PROJECT_SOURCE_DIR}/tests/support/tsan/rand_r.c)
endif()

# vaxel_test_program(NAME "SOURCES" libraries)
function(vaxel_test_program name sources)
    if(NOT sources)
        return()
    endif()
    set(linked ${ARGN})
    list(TRANSFORM linked PREPEND vaxel_)
    add_executable(test_${name} ${sources} ${sanitizer_sources})
    set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_link_libraries(test_${name} PRIVATE ${linked} vaxel_test_support)
    # Criterion's newer assertions convert inside their own macros.
    target_compile_options(test_${name} PRIVATE -Wno-conversion)
    # A migrated database is made by `vaxel migrate`.
    if(programs AND name MATCHES "^(house|record|reference|directory|node|client|load|ops|balance|wallet|system|break)$")
        add_dependencies(test_${name} ${programs})
    endif()
    add_test(NAME ${name} COMMAND test_${name})
endfunction()

function(vaxel_test name)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*.c)
    vaxel_test_program(${name} "${sources}" ${ARGN})
endfunction()

foreach(room IN LISTS rooms)
    vaxel_test(${room} ${room})
endforeach()

# A journal that is killed is one on a ring.
target_link_libraries(test_journal PRIVATE vaxel_net)

# Tokens are signed by what the wallet's tests sign theirs with.
target_sources(test_token PRIVATE ${PROJECT_SOURCE_DIR}/tests/wallet/signer.c)

# Whole processes, and a client of HTTP.
target_sources(test_wallet PRIVATE ${PROJECT_SOURCE_DIR}/tests/system/cluster.c)
target_compile_definitions(test_wallet PRIVATE VAXEL_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
target_link_libraries(test_wallet PRIVATE PkgConfig::curl)

# The support library itself.
vaxel_test(house)

# What the simulator, the breaker and others' histories are judged by.
file(GLOB checker_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/checker/*.c)
add_library(vaxel_test_checker STATIC ${checker_sources})
target_include_directories(vaxel_test_checker PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(vaxel_test_checker PUBLIC vaxel_switch)
vaxel_test(checker_test test_checker)
add_executable(check_history ${PROJECT_SOURCE_DIR}/tests/check_history/main.c)
set_target_properties(check_history PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_link_libraries(check_history PRIVATE vaxel_test_checker)

# Whole processes.
vaxel_test(system ${rooms})
# What they tell of themselves.
pkg_check_modules(vterm REQUIRED IMPORTED_TARGET vterm)
target_link_libraries(test_ops PRIVATE vaxel_node vaxel_client PkgConfig::vterm)
target_compile_definitions(test_ops PRIVATE VAXEL_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
target_sources(test_ops PRIVATE ${PROJECT_SOURCE_DIR}/tests/system/cluster.c)
# Two nodes behind a balancer.
vaxel_test(balance node client)
target_compile_definitions(test_balance PRIVATE VAXEL_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
target_sources(test_balance PRIVATE ${PROJECT_SOURCE_DIR}/tests/system/cluster.c
    ${PROJECT_SOURCE_DIR}/tests/system/crowd.c ${PROJECT_SOURCE_DIR}/tests/ops/scrape.c)
# The breaker: the same processes, broken at random under load.
vaxel_test(break ${rooms} test_checker)
target_sources(test_break PRIVATE ${PROJECT_SOURCE_DIR}/tests/system/cluster.c)
include(deploy/cmake/sim.cmake)

add_test(NAME layers COMMAND ${PROJECT_SOURCE_DIR}/tests/layers/run)

# Fails on purpose, so it is none of the tests: it shows that leaks are found.
add_executable(planted_leak ${PROJECT_SOURCE_DIR}/tests/planted/leak.c)
set_target_properties(planted_leak PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_link_libraries(planted_leak PRIVATE PkgConfig::criterion)

# The switch without its fence, so that a test can show that it notices.
get_target_property(record_sources vaxel_record SOURCES)
add_library(vaxel_record_without_fence STATIC ${record_sources})
target_include_directories(vaxel_record_without_fence
    PRIVATE ${PROJECT_SOURCE_DIR}/src SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/generated/record)
target_compile_definitions(vaxel_record_without_fence PRIVATE VAXEL_PLANT_WITHOUT_FENCE)
target_link_libraries(vaxel_record_without_fence PUBLIC vaxel_switch PkgConfig::libpq)
file(GLOB vaxeld_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/vaxeld/*.c)
add_executable(vaxeld_without_fence ${vaxeld_sources})
set_target_properties(vaxeld_without_fence PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
target_compile_definitions(vaxeld_without_fence PRIVATE VAXEL_VERSION="${PROJECT_VERSION}")
# Taken whole and first, it gives every symbol of the room, and the room's own library is left alone.
target_link_libraries(vaxeld_without_fence
    PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,vaxel_record_without_fence>" vaxel_node vaxel_ops vaxel_service)
add_dependencies(test_system vaxeld_without_fence)

# Two more, whose node and record have a bug between them.
foreach(bug answers_first forgets_reversals)
    add_executable(vaxeld_${bug} ${vaxeld_sources} ${PROJECT_SOURCE_DIR}/tests/planted/hasty.c)
    set_target_properties(vaxeld_${bug} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    target_link_libraries(vaxeld_${bug} PRIVATE vaxel_node vaxel_ops vaxel_service)
    foreach(function switch_create switch_outcome record_flush record_append record_settle)
        target_link_options(vaxeld_${bug} PRIVATE -Wl,--wrap=${function})
    endforeach()
    add_dependencies(test_break vaxeld_${bug})
endforeach()
target_compile_definitions(vaxeld_answers_first PRIVATE VAXEL_VERSION="${PROJECT_VERSION}" VAXEL_PLANT_ANSWER_FIRST)
target_compile_definitions(vaxeld_forgets_reversals
    PRIVATE VAXEL_VERSION="${PROJECT_VERSION}" VAXEL_PLANT_FORGET_REVERSALS)
add_dependencies(test_break vaxeld_without_fence)
