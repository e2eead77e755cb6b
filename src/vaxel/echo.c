/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <stdio.h>
#include <string.h>

int command_echo(const struct invocation *invocation) {
    static struct wire_request request = {.call = CALL_ECHO};
    static struct asked asked;
    const char *text = invocation_value(invocation, "text");
    int64_t timeout_us = ASK_DEFAULT_TIMEOUT_US;
    if (text == NULL)
        text = "vaxel";
    if (strlen(text) > ECHO_MAX)
        return usage_wrong(invocation, "--text may have %d bytes", ECHO_MAX);
    if (!invocation_duration(invocation, "timeout", &timeout_us))
        return EXIT_USAGE;
    request.echo.size = strlen(text);
    memcpy(request.echo.payload, text, request.echo.size);
    if (!ask(invocation, &request, timeout_us, false, &asked))
        return command_broken(invocation, "%s", asked.trouble.text);
    if (asked.reply.kind != WIRE_REPLY_ECHO)
        return ask_rejected(invocation, &asked.reply);
    const struct echo *echo = &asked.reply.echo;
    if (echo->size != request.echo.size || memcmp(echo->payload, text, echo->size) != 0)
        return command_broken(invocation, "something else came back than was sent");
    if (invocation_has(invocation, "json")) {
        struct json json = json_start();
        json_text(&json, "text", text);
        json_number(&json, "took_us", asked.took_us);
        json_time(&json, "server_time", asked.reply.server_time);
        json_end(&json);
    } else {
        printf("%s, after %.1f ms\n", text, (double)asked.took_us / 1000);
    }
    return EXIT_YES;
}
