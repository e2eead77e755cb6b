# SPDX-License-Identifier: Apache-2.0
# The simulator: tests/sim/*.c as a library, tests/simulate that lives through seeds, tests/test_sim that tests its models.

pkg_check_modules(lua REQUIRED IMPORTED_TARGET lua5.1)

# Hours are lived through in seconds, whatever the preset; assertions stay on.
set(simulator_options -O2)

# What is simulated, compiled so too. Tools for sources have it from the rooms themselves.
set(simulated_sources "")
foreach(room base switch limits test_checker)
    get_target_property(room_sources vaxel_${room} SOURCES)
    list(APPEND simulated_sources ${room_sources})
endforeach()
add_library(vaxel_simulated STATIC ${simulated_sources})
set_target_properties(vaxel_simulated PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
target_include_directories(vaxel_simulated PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
target_include_directories(vaxel_simulated SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/generated/limits)
target_compile_options(vaxel_simulated PRIVATE ${simulator_options})
target_link_libraries(vaxel_simulated PUBLIC Threads::Threads PkgConfig::hiredis)

file(GLOB simulator_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/sim/*.c)
set(simulator_main ${PROJECT_SOURCE_DIR}/tests/sim/simulate.c)
set(simulator_tests ${simulator_sources})
list(FILTER simulator_tests INCLUDE REGEX "_test\\.c$")
set(has_simulator_main FALSE)
if(simulator_main IN_LIST simulator_sources)
    set(has_simulator_main TRUE)
endif()
list(REMOVE_ITEM simulator_sources ${simulator_main} ${simulator_tests})

add_library(vaxel_simulator STATIC ${simulator_sources})
target_compile_options(vaxel_simulator PRIVATE ${simulator_options})
target_link_libraries(vaxel_simulator PUBLIC vaxel_simulated PkgConfig::lua)

if(has_simulator_main)
    add_executable(simulate ${simulator_main})
    set_target_properties(simulate PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_compile_options(simulate PRIVATE ${simulator_options})
    target_link_libraries(simulate PRIVATE vaxel_simulator)
endif()

vaxel_test_program(sim "${simulator_tests}" simulator)
