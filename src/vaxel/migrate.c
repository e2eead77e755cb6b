/* SPDX-License-Identifier: Apache-2.0 */
#include "record/migrate.h"

#include "vaxel/command.h"
#include "vaxel/print.h"

#include <stdio.h>

/* The files are told as they are done, so that an array in the JSON can be written on the way. */
struct telling {
    struct json *json; /* NULL: for a person */
    int count;
};

static void tell(void *owner, const char *file) {
    struct telling *telling = owner;
    telling->count++;
    if (telling->json != NULL)
        json_text(telling->json, NULL, file);
    else
        printf("%s\n", file);
}

int command_migrate(const struct invocation *invocation) {
    bool is_json = invocation_has(invocation, "json");
    struct json json;
    struct telling telling = {.json = is_json ? &json : NULL};
    struct failure failure = {{0}};
    if (is_json) {
        json = json_start();
        json_open(&json, "migrated", '[');
    }
    bool is_done = record_migrate(invocation->settings.postgres, &telling, tell, &failure);
    if (is_json) {
        json_close(&json, ']');
        json_text(&json, "error", is_done ? NULL : failure.text);
        json_end(&json);
    } else if (is_done) {
        printf("The database is at this program's version%s.\n", telling.count == 0 ? " already" : "");
    }
    if (is_done)
        return EXIT_YES;
    fprintf(stderr, "vaxel: %s\n", failure.text);
    return EXIT_BROKEN;
}
