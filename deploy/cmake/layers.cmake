# SPDX-License-Identifier: Apache-2.0
# Lower rooms never include upper ones; fails the build, not only the tests.
file(GLOB_RECURSE layered CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.[ch])
add_custom_command(
    OUTPUT ${PROJECT_BINARY_DIR}/layers.checked
    COMMAND ${PROJECT_SOURCE_DIR}/tests/layers/check ${PROJECT_SOURCE_DIR}
    COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/layers.checked
    DEPENDS ${layered} ${PROJECT_SOURCE_DIR}/tests/layers/table ${PROJECT_SOURCE_DIR}/tests/layers/check.awk
    COMMENT "Checking the layers"
    VERBATIM
)
add_custom_target(layers ALL DEPENDS ${PROJECT_BINARY_DIR}/layers.checked)
