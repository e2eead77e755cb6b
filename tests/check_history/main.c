/* SPDX-License-Identifier: Apache-2.0 */
/* check_history FILE: whether a history (docs/history.md) keeps what is promised. Exits with 0 when it does, 1 when it
 * does not, 2 when it can't be read. */
#include "checker/file.h"
#include "checker/report.h"

#include <errno.h>
#include <string.h>

int main(int count, char **words) {
    if (count != 2) {
        fputs("usage: check_history FILE\n", stderr);
        return 2;
    }
    FILE *file = strcmp(words[1], "-") == 0 ? stdin : fopen(words[1], "re");
    if (file == NULL) {
        fprintf(stderr, "check_history: %s: %s\n", words[1], strerror(errno));
        return 2;
    }
    struct history_file read;
    struct failure failure;
    struct verdict_of_checker verdict = {0};
    bool is_read = history_read(file, &read, &failure);
    if (is_read) {
        checker_check(&read.history, &verdict);
        report_verdict(stdout, &verdict);
    } else {
        fprintf(stderr, "check_history: %s: %s\n", words[1], failure.text);
    }
    history_file_finish(&read);
    if (file != stdin)
        fclose(file);
    return !is_read ? 2 : verdict.is_good ? 0 : 1;
}
