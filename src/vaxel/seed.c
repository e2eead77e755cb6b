/* SPDX-License-Identifier: Apache-2.0 */
/* The example company, and large ones for measuring. */
#include "directory/seed.h"

#include "vaxel/command.h"
#include "vaxel/print.h"

#include <stdio.h>

int command_example(const struct invocation *invocation) {
    struct failure failure;
    if (!directory_seed_example(invocation->settings.postgres, &failure))
        return command_broken(invocation, "%s", failure.text);
    if (invocation_has(invocation, "json")) {
        struct json json = json_start();
        json_truth(&json, "loaded", true);
        json_end(&json);
    } else {
        fputs("The example company is there. Try:\n"
              "  vaxel purchase --card 9932543656338003 --amount 130.00 --product single\n",
              stdout);
    }
    return EXIT_YES;
}

int command_generate(const struct invocation *invocation) {
    int64_t organisations = 200;
    int64_t travellers = 500;
    int64_t organisation_limit_minor = 9999999999;
    int64_t credit_limit_minor = 999999999;
    struct failure failure;
    if (!invocation_number(invocation, "organisations", 1, 1000000, &organisations) ||
        !invocation_number(invocation, "travellers", 1, DIRECTORY_GENERATED_MAX, &travellers) ||
        !invocation_amount(invocation, "organisation-limit", &organisation_limit_minor) ||
        !invocation_amount(invocation, "credit-limit", &credit_limit_minor))
        return EXIT_USAGE;
    if (organisations * travellers > DIRECTORY_GENERATED_MAX)
        return usage_wrong(invocation, "%lld travellers in all are too many: at most %d",
                           (long long)(organisations * travellers), DIRECTORY_GENERATED_MAX);
    if (!directory_generate(invocation->settings.postgres, (int32_t)organisations, (int32_t)travellers,
                            organisation_limit_minor, credit_limit_minor, &failure))
        return command_broken(invocation, "%s", failure.text);
    if (invocation_has(invocation, "json")) {
        struct json json = json_start();
        json_number(&json, "organisations", organisations);
        json_number(&json, "travellers", organisations * travellers);
        json_end(&json);
    } else {
        printf("%lld organisations with %lld travellers each are there, from number 1000 on.\n",
               (long long)organisations, (long long)travellers);
    }
    return EXIT_YES;
}
