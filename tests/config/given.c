/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include "support/services.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void given_directory(void) {
    char directory[TEST_TEXT];
    test_directory(directory);
    cr_assert_eq(chdir(directory), 0);
}

void given_bytes(const char *bytes, size_t size) {
    FILE *file = fopen("vaxel.ini", "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

void given_file(const char *text) {
    given_bytes(text, strlen(text));
}
