/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "wire/codec.h"
#include "wire/descriptions.h"
#include "wire/services.h"
#include "wire/writing.h"

#include "grpc/reflection/v1/reflection.pb-c.h"

#include <stdio.h>
#include <string.h>

/* The answer has the request in it. */
#define REQUEST_MAX 2048
#define SERVICES_MAX 8
#define SERVICE_NAME_SIZE 96

/* As gRPC numbers them. */
enum { NOT_FOUND = 5, INVALID_ARGUMENT = 3 };

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

static void append(struct buffer *output, const reflection_response *response) {
    size_t size = grpc__reflection__v1__server_reflection_response__get_packed_size(response);
    CHECK(buffer_room(output) >= size);
    output->size += grpc__reflection__v1__server_reflection_response__pack(response, output->data + output->size);
}

/* The beginning of every answer. */
static reflection_response answer_to(const reflection_request *request) {
    reflection_response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.valid_host = request->host;
    response.original_request = (reflection_request *)(uintptr_t)request;
    return response;
}

static void answer_error(struct buffer *output, const reflection_request *request, int code, const char *text) {
    reflection_response response = answer_to(request);
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    error.error_code = code;
    error.error_message = writing_text(text);
    response.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response.error_response = &error;
    append(output, &response);
}

static void answer_services(struct buffer *output, const reflection_request *request) {
    reflection_response response = answer_to(request);
    Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX];
    Grpc__Reflection__V1__ServiceResponse *pointers[SERVICES_MAX];
    char names[SERVICES_MAX][SERVICE_NAME_SIZE];
    Grpc__Reflection__V1__ListServiceResponse list = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    struct descriptions_walk walk = {0};
    struct bytes file;
    while (descriptions_next(&walk, &file)) {
        struct bytes package = descriptions_package(file);
        struct bytes name;
        while (descriptions_next_service(&file, &name)) {
            CHECK(list.n_service < SERVICES_MAX);
            snprintf(names[list.n_service], SERVICE_NAME_SIZE, "%.*s.%.*s", (int)package.size,
                     (const char *)package.data, (int)name.size, (const char *)name.data);
            grpc__reflection__v1__service_response__init(&services[list.n_service]);
            services[list.n_service].name = names[list.n_service];
            pointers[list.n_service] = &services[list.n_service];
            list.n_service++;
        }
    }
    list.service = pointers;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response.list_services_response = &list;
    append(output, &response);
}

/* Our files import nothing, so that one is all there is to a symbol. */
static void answer_file(struct buffer *output, const reflection_request *request, struct bytes wanted,
                        bool (*is_it)(struct bytes file, struct bytes wanted)) {
    struct descriptions_walk walk = {0};
    struct bytes file;
    do
        if (!descriptions_next(&walk, &file)) {
            answer_error(output, request, NOT_FOUND, "this server has nothing of that name");
            return;
        }
    while (!is_it(file, wanted));
    reflection_response response = answer_to(request);
    ProtobufCBinaryData described = {.len = file.size, .data = (uint8_t *)(uintptr_t)file.data};
    Grpc__Reflection__V1__FileDescriptorResponse found = GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    found.n_file_descriptor_proto = 1;
    found.file_descriptor_proto = &described;
    response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response.file_descriptor_response = &found;
    append(output, &response);
}

bool services_reflect(struct wire_codec *codec, struct bytes message, struct buffer *output) {
    if (message.size > REQUEST_MAX)
        return false;
    const reflection_request *request =
        codec_unpack(codec, &grpc__reflection__v1__server_reflection_request__descriptor, message);
    if (request == NULL)
        return false;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(output, request);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(output, request, codec_string(codec, request->file_by_filename), descriptions_is_named);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(output, request, codec_string(codec, request->file_containing_symbol), descriptions_has);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_error(output, request, NOT_FOUND, "this server's messages have no extensions");
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET:
    case _GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__CASE_IS_INT_SIZE:
        answer_error(output, request, INVALID_ARGUMENT, "nothing is asked, or nothing that this server knows");
        break;
    }
    return true;
}
