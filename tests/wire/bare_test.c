/* SPDX-License-Identifier: Apache-2.0 */
/* Messages without their envelope, and what every gRPC server is asked. */
#include "wire/samples.h"
#include "wire/services.h"

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(bare, .init = sample_start, .fini = sample_finish);

/* Sent bare, and read in the envelope that it is given. */
static struct wire_request pass_bare(const struct wire_request *request) {
    static uint8_t memory[WIRE_WRAP_SIZE + WIRE_ENVELOPE_MAX];
    struct wire_request received = {0};
    struct wire_fault fault = {0};
    frame.size = 0;
    cr_assert(wire_encode_request(codec, &frame, request));
    struct bytes message = wire_bare_message(buffer_bytes(&frame));
    memcpy(memory + WIRE_WRAP_SIZE, message.data, message.size);
    struct bytes envelope = wire_wrap_request(request->call, memory + WIRE_WRAP_SIZE, message.size);
    cr_assert(wire_decode_request(codec, envelope, &received, &fault), "%s", fault.text);
    cr_assert(eq(int, received.call, request->call));
    cr_assert(eq(ulong, received.correlation, 0));
    return received;
}

Test(bare, a_request_is_the_same_without_its_envelope) {
    static const enum call settlements[] = {CALL_CAPTURE, CALL_VOID, CALL_REVERSE, CALL_REFUND};
    struct wire_request sent = sample_authorize();
    struct wire_request received = pass_bare(&sent);
    cr_assert(request_id_equal(&received.authorize.id, &sent.authorize.id));
    cr_assert(eq(long, received.authorize.amount.minor, sent.authorize.amount.minor));
    sent = sample_balance();
    pass_bare(&sent);
    sent = sample_lookup();
    received = pass_bare(&sent);
    cr_assert(request_id_equal(&received.lookup.id, &sent.lookup.id));
    sent = sample_echo();
    received = pass_bare(&sent);
    cr_assert(eq(sz, received.echo.size, sent.echo.size));
    for (size_t i = 0; i < 4; i++) {
        sent = sample_settle(settlements[i]);
        received = pass_bare(&sent);
        cr_assert(request_id_equal(&received.settle.id, &sent.settle.id));
    }
    sent = (struct wire_request){.call = CALL_BLOCK_LIST, .block_list = {.since = 7, .limit = 9}};
    cr_assert(eq(long, pass_bare(&sent).block_list.since, 7));
}

Test(bare, a_request_of_many_kilobytes_is_the_same_without_its_envelope) {
    static struct advices advices;
    struct wire_request sent = sample_advise(&advices, 400);
    struct wire_request received = pass_bare(&sent);
    cr_assert(eq(u32, received.advices->count, 400));
}

Test(bare, an_answer_is_the_same_without_its_envelope_whatever_its_correlation) {
    struct answer answer = sample_approval();
    struct request_id id = sample_id();
    static uint8_t first[4096];
    size_t size = 0;
    for (uint64_t correlation = 0; correlation < 1000000; correlation = correlation * 9 + 1) {
        frame.size = 0;
        cr_assert(wire_encode_answer(codec, &frame, correlation, CALL_AUTHORIZE, &id, &answer, (struct instant){1}));
        struct bytes message = wire_bare_message(buffer_bytes(&frame));
        if (correlation == 0) {
            size = message.size;
            memcpy(first, message.data, size);
        }
        cr_assert(eq(sz, message.size, size));
        cr_assert(eq(int, memcmp(first, message.data, size), 0));
    }
}

Test(bare, a_shorter_time_holds_and_a_longer_one_does_not) {
    static struct advices advices;
    struct wire_request request = sample_authorize(); /* 400 ms */
    wire_shorten_timeout(codec, &request, 500000);
    cr_assert(eq(long, request.authorize.timeout_us, 400000));
    wire_shorten_timeout(codec, &request, 300000);
    cr_assert(eq(long, request.authorize.timeout_us, 300000));
    request.authorize.timeout_us = 0; /* the server's own */
    wire_shorten_timeout(codec, &request, 500000);
    cr_assert(eq(long, request.authorize.timeout_us, 500000));
    request = sample_settle(CALL_REFUND);
    wire_shorten_timeout(codec, &request, 1);
    cr_assert(eq(long, request.settle.timeout_us, 1));
    struct wire_request sent = sample_advise(&advices, 3);
    request = pass_bare(&sent);
    wire_shorten_timeout(codec, &request, 2);
    for (int i = 0; i < 3; i++)
        cr_assert(eq(long, request.advices->each[i].timeout_us, 2));
    request = sample_lookup();
    wire_shorten_timeout(codec, &request, 1);
}

/* ---- health ---- */

static bool knows(const char *service) {
    uint8_t message[64];
    bool is_known = false;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)(uintptr_t)service;
    size_t size = grpc__health__v1__health_check_request__pack(&request, message);
    cr_assert(services_read_health(codec, bytes_of(message, size), &is_known));
    return is_known;
}

Test(bare, the_health_of_the_server_and_of_the_switch_is_known) {
    cr_assert(knows(""));
    cr_assert(knows("vaxel.v1.Switch"));
    cr_assert(not(knows("vaxel.v1.Switc")));
    cr_assert(not(knows("vaxel.v1.Switch.Authorize")));
    bool is_known;
    cr_assert(not(services_read_health(codec, bytes_of("\xff", 1), &is_known)));
    frame.size = 0;
    services_write_health(&frame, HEALTH_NOT_SERVING);
    cr_assert(eq(sz, frame.size, 2));
    cr_assert(eq(int, memcmp(frame.data, "\x08\x02", 2), 0));
}

/* ---- reflection ---- */

static Grpc__Reflection__V1__ServerReflectionResponse *
reflect(const Grpc__Reflection__V1__ServerReflectionRequest *request) {
    uint8_t message[512];
    frame.size = 0;
    size_t size = grpc__reflection__v1__server_reflection_request__pack(request, message);
    cr_assert(services_reflect(codec, bytes_of(message, size), &frame));
    Grpc__Reflection__V1__ServerReflectionResponse *response =
        grpc__reflection__v1__server_reflection_response__unpack(NULL, frame.size, frame.data);
    cr_assert(ne(ptr, response, NULL));
    cr_assert(eq(int, response->original_request->message_request_case, request->message_request_case));
    return response;
}

static void free_response(Grpc__Reflection__V1__ServerReflectionResponse *response) {
    grpc__reflection__v1__server_reflection_response__free_unpacked(response, NULL);
}

Test(bare, reflection_lists_the_services) {
    static const char *const names[] = {"vaxel.v1.Switch", "grpc.health.v1.Health",
                                        "grpc.reflection.v1.ServerReflection",
                                        "grpc.reflection.v1alpha.ServerReflection"};
    Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    request.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
    request.list_services = (char *)(uintptr_t) "";
    Grpc__Reflection__V1__ServerReflectionResponse *response = reflect(&request);
    cr_assert(eq(sz, response->list_services_response->n_service, 4));
    for (size_t i = 0; i < 4; i++)
        cr_assert(eq(str, response->list_services_response->service[i]->name, (char *)names[i]));
    free_response(response);
}

/* Whether the answer is a file that begins with its name. */
static bool finds(const char *symbol, const char *file) {
    Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    request.message_request_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL;
    request.file_containing_symbol = (char *)(uintptr_t)symbol;
    Grpc__Reflection__V1__ServerReflectionResponse *response = reflect(&request);
    bool is_found = response->message_response_case ==
                    GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    if (is_found) {
        const ProtobufCBinaryData *found = response->file_descriptor_response->file_descriptor_proto;
        cr_assert(eq(int, memcmp(found->data + 2, file, strlen(file)), 0));
    } else {
        cr_assert(eq(int, response->error_response->error_code, 5));
    }
    free_response(response);
    return is_found;
}

Test(bare, reflection_finds_what_is_there_and_nothing_else) {
    static const char ours[] = "vaxel/v1/switch.proto";
    cr_assert(finds("vaxel.v1.Switch", ours));
    cr_assert(finds("vaxel.v1.Switch.Authorize", ours));
    cr_assert(finds("vaxel.v1.AuthorizeRequest", ours));
    cr_assert(finds("vaxel.v1.AuthorizeRequest.credential", ours));
    cr_assert(finds("vaxel.v1.Reason", ours));
    cr_assert(finds("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"));
    cr_assert(finds("grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"));
    cr_assert(not(finds("vaxel.v1", "")));
    cr_assert(not(finds("vaxel.v1.", "")));
    cr_assert(not(finds("vaxel.v1.Switc", "")));
    cr_assert(not(finds("vaxel.v1.Switch.Steal", "")));
    cr_assert(not(finds("", "")));
}

Test(bare, what_can_not_be_reflected_is_told_so) {
    Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    Grpc__Reflection__V1__ServerReflectionResponse *response = reflect(&request);
    cr_assert(eq(int, response->error_response->error_code, 3));
    free_response(response);
    request.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME;
    request.file_by_filename = (char *)(uintptr_t) "vaxel/v1/switch.proto";
    response = reflect(&request);
    cr_assert(eq(sz, response->file_descriptor_response->n_file_descriptor_proto, 1));
    free_response(response);
    static const uint8_t large[4096];
    cr_assert(not(services_reflect(codec, bytes_of(large, sizeof large), &frame)));
    cr_assert(not(services_reflect(codec, bytes_of("\xff\xff", 2), &frame)));
}
