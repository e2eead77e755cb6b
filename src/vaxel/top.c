/* SPDX-License-Identifier: Apache-2.0 */
#include "top/top.h"

#include "vaxel/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US INT64_C(5000000)

/* Where this machine's own node is: one that listens everywhere listens here too. */
static bool own_address(const char *listen, char *address, size_t size) {
    static const char *const everywhere[][2] = {{"0.0.0.0:", "127.0.0.1:"}, {"[::]:", "[::1]:"}};
    if (strcmp(listen, "none") == 0)
        return false;
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(everywhere[i][0]);
        if (strncmp(listen, everywhere[i][0], length) == 0) {
            snprintf(address, size, "%s%s", everywhere[i][1], listen + length);
            return true;
        }
    }
    snprintf(address, size, "%s", listen);
    return true;
}

static bool follow(const struct invocation *invocation, struct feeds *feeds) {
    char address[CONFIG_TEXT_SIZE];
    struct failure failure;
    if (invocation->operand_count == 0) {
        if (!own_address(invocation->settings.ops_listen, address, sizeof address)) {
            usage_wrong(invocation, "ops.listen is none: say which nodes, as in http://127.0.0.1:7512");
            return false;
        }
        if (feeds_follow(feeds, address, &failure))
            return true;
        usage_wrong(invocation, "%s", failure.text);
        return false;
    }
    for (size_t i = 0; i < invocation->operand_count; i++) {
        if (!feeds_follow(feeds, invocation->operands[i], &failure)) {
            usage_wrong(invocation, "%s", failure.text);
            return false;
        }
    }
    return true;
}

static int look_once(const struct invocation *invocation, struct feeds *feeds, int64_t patience_us) {
    switch (top_once(feeds, patience_us, invocation_has(invocation, "json"), stdout)) {
    case TOP_WELL:
        return EXIT_YES;
    case TOP_WRONG:
        return EXIT_NO;
    case TOP_NOT_REACHED:
        return EXIT_BROKEN;
    }
    return EXIT_BROKEN;
}

int command_top(const struct invocation *invocation) {
    struct failure failure;
    int64_t patience_us = PATIENCE_US;
    if (!invocation_duration(invocation, "timeout", &patience_us))
        return EXIT_USAGE;
    struct feeds *feeds = feeds_open(!invocation_has(invocation, "only"));
    int status = EXIT_USAGE;
    bool is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (!follow(invocation, feeds))
        status = EXIT_USAGE;
    else if (!is_terminal || invocation_has(invocation, "once") || invocation_has(invocation, "json"))
        status = look_once(invocation, feeds, patience_us);
    else if (top_show(feeds, &failure))
        status = EXIT_YES;
    else
        status = command_broken(invocation, "%s", failure.text);
    feeds_close(feeds);
    return status;
}
