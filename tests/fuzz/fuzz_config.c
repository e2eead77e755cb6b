/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a settings file. What is taken must be within the table's ranges; what is refused must say why and
 * change nothing. The bytes are a file in memory, read by its name as any other. */
#include "base/check.h"
#include "config/settings.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct settings defaults;
static struct settings settings;

static void check_setting(const struct config_setting *setting) {
    const char *place = (const char *)&settings + setting->offset;
    if (setting->type == CONFIG_TEXT) {
        CHECK(strnlen(place, CONFIG_TEXT_SIZE) < CONFIG_TEXT_SIZE);
        CHECK(setting->accepts == NULL || setting->accepts(place));
        return;
    }
    int64_t number;
    memcpy(&number, place, sizeof(number));
    CHECK(number >= 0);
    CHECK(setting->type == CONFIG_CHOICE || (number >= setting->least && number <= setting->most));
}

static int open_bytes(const uint8_t *data, size_t size, char path[32]) {
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(file >= 0);
    CHECK(write(file, data, size) == (ssize_t)size);
    snprintf(path, 32, "/proc/self/fd/%d", file);
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[32];
    int file = open_bytes(data, size, path);
    config_defaults(settings_table, settings_count, &defaults);
    memcpy(&settings, &defaults, sizeof(settings));
    struct failure failure = {""};
    if (config_read(settings_table, settings_count, path, &settings, &failure)) {
        for (size_t i = 0; i < settings_count; i++)
            check_setting(&settings_table[i]);
    } else {
        CHECK(memcmp(&settings, &defaults, sizeof(settings)) == 0);
        CHECK(strnlen(failure.text, FAILURE_TEXT_SIZE) > strlen(path));
    }
    close(file);
    return 0;
}
