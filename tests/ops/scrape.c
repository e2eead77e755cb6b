/* SPDX-License-Identifier: Apache-2.0 */
#include "scrape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (60 * SECOND_US)
#define PAUSE_US 20000

void ops_start_cluster(struct cluster *cluster, struct cluster_wishes wishes) {
    cluster_start(cluster, wishes);
    for (int node = 0; node < cluster->node_count; node++)
        ops_wait_page(cluster, node, "/readyz", 200, "ready\n", PATIENCE_US);
}

int ops_run(const char **text, const char *format, ...) {
    static char output[SCRAPE_SIZE];
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    cr_assert(size > 0 && (size_t)size < sizeof command);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    size_t got = fread(output, 1, sizeof output - 1, pipe);
    cr_assert_lt(got, sizeof output - 1, "more than fits");
    output[got] = '\0';
    int status = pclose(pipe);
    if (text != NULL)
        *text = output;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* curl writes the status behind the text. */
int ops_get(const struct cluster *cluster, int node, const char *path, const char **text) {
    const char *output;
    ops_run(&output, "curl --silent --max-time 30 --write-out '\n%%{http_code}' http://127.0.0.1:%d%s",
            cluster->nodes[node].ops_port, path);
    char *end = strrchr(output, '\n');
    cr_assert_not_null(end, "curl says \"%s\"", output);
    int status = atoi(end + 1);
    *end = '\0';
    *text = output;
    return status;
}

const char *ops_scrape(const struct cluster *cluster, int node) {
    const char *text;
    cr_assert_eq(ops_get(cluster, node, "/metrics", &text), 200, "%s", text);
    return text;
}

double ops_sum(const char *text, const char *series) {
    double sum = 0;
    size_t size = strlen(series);
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        const char *value = strncmp(line, series, size) == 0 ? strchr(line, ' ') : NULL;
        /* No label's value has a blank. */
        if (value != NULL && (line[size] == ' ' || line[size] == '{' || strchr(series, '{') != NULL))
            sum += strtod(value, NULL);
        line = end == NULL ? NULL : end + 1;
    }
    return sum;
}

void ops_wait_page(const struct cluster *cluster, int node, const char *path, int status, const char *words,
                   int64_t patience_us) {
    int64_t give_up = tick_now().us + patience_us;
    const char *text;
    int got;
    while ((got = ops_get(cluster, node, path, &text)) != status || strstr(text, words) == NULL) {
        cr_assert_lt(tick_now().us, give_up, "%s says %d \"%s\"", path, got, text);
        usleep(PAUSE_US);
    }
}

void ops_wait_sum(const struct cluster *cluster, int node, const char *series, double value) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    double sum;
    while ((sum = ops_sum(ops_scrape(cluster, node), series)) < value) {
        cr_assert_lt(tick_now().us, give_up, "%s is %g", series, sum);
        usleep(PAUSE_US);
    }
}
