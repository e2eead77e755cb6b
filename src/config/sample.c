/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/value.h"

#include <string.h>

static const char preface[] =
    "# Settings of Växel: vaxeld reads them all, vaxel those it needs. Each stands here with its default;\n"
    "# take away the # to set another. `vaxeld --sample-config` wrote this file, `vaxeld --check-config` checks one.\n"
    "#\n"
    "# A line that begins with # is a comment, and so is what follows \" ;\". A text may go on in the next line when\n"
    "# that is indented.\n";

static void write_setting(const struct config_setting *setting, FILE *file) {
    char allowed[VALUE_ALLOWED_SIZE];
    value_describe(setting, allowed);
    fprintf(file, "\n# %s\n", setting->help);
    fprintf(file, "# Takes %s. %s\n", allowed,
            setting->is_reloadable ? "A running server takes a change." : "Read at start.");
    fprintf(file, "# %s =%s%s\n", setting->key, setting->initial[0] == '\0' ? "" : " ", setting->initial);
}

void config_write_sample(const struct config_setting *table, size_t count, FILE *file) {
    fputs(preface, file);
    const char *section = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(section, table[i].section) != 0)
            fprintf(file, "\n[%s]\n", table[i].section);
        section = table[i].section;
        write_setting(&table[i], file);
    }
}
