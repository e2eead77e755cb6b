# SPDX-License-Identifier: Apache-2.0

# vaxel_room(NAME [DEPENDS lower rooms] [LIBRARIES third-party]): src/NAME/*.c as the library vaxel_NAME. A room of headers
# alone is a library too.
function(vaxel_room name)
    cmake_parse_arguments(room "" "" "DEPENDS;LIBRARIES" ${ARGN})
    list(TRANSFORM room_DEPENDS PREPEND vaxel_)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
    if(sources)
        add_library(vaxel_${name} STATIC ${sources})
        set(scope PUBLIC)
    else()
        add_library(vaxel_${name} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_include_directories(vaxel_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(vaxel_${name} ${scope} ${room_DEPENDS} ${room_LIBRARIES})
    set_property(GLOBAL APPEND PROPERTY VAXEL_ROOMS ${name})
endfunction()

# vaxel_program(NAME [SERVER] [DEPENDS rooms]): src/NAME/*.c as an installed program at the top of the build directory.
function(vaxel_program name)
    cmake_parse_arguments(program "SERVER" "" "DEPENDS" ${ARGN})
    list(TRANSFORM program_DEPENDS PREPEND vaxel_)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
    if(NOT sources)
        return()
    endif()
    add_executable(${name}_program ${sources})
    set_target_properties(${name}_program PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    target_compile_definitions(${name}_program PRIVATE VAXEL_VERSION="${PROJECT_VERSION}")
    target_link_libraries(${name}_program PRIVATE ${program_DEPENDS})
    if(program_SERVER)
        install(TARGETS ${name}_program RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
    else()
        install(TARGETS ${name}_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
    set_property(GLOBAL APPEND PROPERTY VAXEL_PROGRAMS ${name}_program)
endfunction()

# Gives a room a header that is made while building, visible to that room alone.
function(vaxel_generated_header room header)
    cmake_parse_arguments(made "" "" "COMMAND;DEPENDS" ${ARGN})
    get_target_property(type vaxel_${room} TYPE)
    if(type STREQUAL INTERFACE_LIBRARY)
        return()
    endif()
    set(directory ${PROJECT_BINARY_DIR}/generated/${room})
    add_custom_command(
        OUTPUT ${directory}/${header}
        COMMAND ${made_COMMAND}
        DEPENDS ${made_DEPENDS} ${PROJECT_SOURCE_DIR}/deploy/cmake/embed.cmake
        VERBATIM
    )
    target_sources(vaxel_${room} PRIVATE ${directory}/${header})
    target_include_directories(vaxel_${room} SYSTEM PRIVATE ${directory})
endfunction()

# vaxel_embed_texts(ROOM HEADER SYMBOL FILE...): files as `static const char SYMBOL[]` in HEADER. Without one of the files
# there is no header.
function(vaxel_embed_texts room header)
    set(names "")
    set(files "")
    foreach(argument IN LISTS ARGN)
        list(LENGTH names name_count)
        list(LENGTH files file_count)
        if(name_count EQUAL file_count)
            list(APPEND names ${argument})
        elseif(EXISTS ${PROJECT_SOURCE_DIR}/${argument})
            list(APPEND files ${PROJECT_SOURCE_DIR}/${argument})
        else()
            return()
        endif()
    endforeach()
    list(JOIN names "|" name_list)
    list(JOIN files "|" file_list)
    set(output ${PROJECT_BINARY_DIR}/generated/${room}/${header})
    vaxel_generated_header(${room} ${header}
        COMMAND ${CMAKE_COMMAND} -D kind=texts "-D names=${name_list}" "-D inputs=${file_list}" -D output=${output}
                -P ${PROJECT_SOURCE_DIR}/deploy/cmake/embed.cmake
        DEPENDS ${files})
endfunction()

# The migrations, by name, as `migrations` and `migrations_count` in migrations.h.
function(vaxel_embed_migrations room directory)
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${directory}/[0-9]*.sql)
    list(SORT files)
    set(header ${PROJECT_BINARY_DIR}/generated/${room}/migrations.h)
    list(JOIN files "|" inputs)
    vaxel_generated_header(${room} migrations.h
        COMMAND ${CMAKE_COMMAND} -D kind=migrations "-D inputs=${inputs}" -D output=${header}
                -P ${PROJECT_SOURCE_DIR}/deploy/cmake/embed.cmake
        DEPENDS ${files})
endfunction()

# The protocol's messages; include them as "vaxel/v1/switch.pb-c.h". What protoc-c writes is not held to our warnings.
function(vaxel_protocol room directory file)
    get_target_property(type vaxel_${room} TYPE)
    if(type STREQUAL INTERFACE_LIBRARY)
        return()
    endif()
    find_program(PROTOC_C protoc-c REQUIRED)
    set(generated ${PROJECT_BINARY_DIR}/generated/protocol)
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    file(MAKE_DIRECTORY ${generated})
    add_custom_command(
        OUTPUT ${generated}/${stem}.pb-c.c ${generated}/${stem}.pb-c.h
        COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/${directory} --c_out=${generated} ${file}
        DEPENDS ${PROJECT_SOURCE_DIR}/${directory}/${file}
        VERBATIM
    )
    target_sources(vaxel_${room} PRIVATE ${generated}/${stem}.pb-c.c ${generated}/${stem}.pb-c.h)
    set_source_files_properties(${generated}/${stem}.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
    target_include_directories(vaxel_${room} SYSTEM PUBLIC ${generated})
endfunction()

# The descriptions of .proto files as `static const char descriptors[]` in descriptors.h: what reflection tells.
function(vaxel_embed_descriptors room directory)
    find_program(PROTOC_C protoc-c REQUIRED)
    set(set ${PROJECT_BINARY_DIR}/generated/${room}/descriptors.set)
    set(header ${PROJECT_BINARY_DIR}/generated/${room}/descriptors.h)
    set(files ${ARGN})
    list(TRANSFORM files PREPEND ${PROJECT_SOURCE_DIR}/${directory}/)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated/${room})
    add_custom_command(
        OUTPUT ${set}
        COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/${directory} --descriptor_set_out=${set} ${ARGN}
        DEPENDS ${files}
        VERBATIM
    )
    vaxel_generated_header(${room} descriptors.h
        COMMAND ${CMAKE_COMMAND} -D kind=texts "-D names=descriptors" "-D inputs=${set}" -D output=${header}
                -P ${PROJECT_SOURCE_DIR}/deploy/cmake/embed.cmake
        DEPENDS ${set})
endfunction()
