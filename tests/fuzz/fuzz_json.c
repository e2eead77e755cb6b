/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as JSON. What is taken must be written so that it is taken again, and is written the same then; a
 * number must not have changed on the way. */
#include "base/check.h"
#include "json/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void look(const struct json_object *map) {
    static const char *const names[] = {"amount", "transactionReference", "status", "keys", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_object *member = json_member(map, names[i]);
        const char *text = json_as_text(member);
        const char *digits = json_as_digits(member);
        CHECK(text == NULL || digits == NULL);
        CHECK(digits == NULL || strspn(digits, "0123456789+-.eE") == strlen(digits));
        for (size_t at = 0; at < json_list_size(member); at++)
            (void)json_as_text(json_item(member, at));
    }
}

static void read_again(const char *text) {
    struct json_object *root = NULL;
    struct failure failure = {""};
    CHECK(json_read(bytes_of(text, strlen(text)), &root, &failure));
    CHECK(strcmp(json_write(root), text) == 0);
    json_release(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_object *root = NULL;
    struct failure failure = {""};
    if (!json_read(bytes_of(data, size), &root, &failure)) {
        CHECK(failure.text[0] != '\0');
        return 0;
    }
    look(root);
    char *text = strdup(json_write(root));
    CHECK(text != NULL);
    read_again(text);
    free(text);
    json_release(root);
    return 0;
}
