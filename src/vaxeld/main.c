/* SPDX-License-Identifier: Apache-2.0 */
/* vaxeld: the switch. Reads its settings, starts a node, and waits for signals. */
#include "base/failure.h"
#include "base/log.h"
#include "config/settings.h"
#include "node/node.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define DEFAULT_CONFIG "/etc/vaxel/vaxel.ini"

static const char help[] = "Usage: vaxeld [options]\n"
                           "\n"
                           "The switch of Växel: authorizes purchases. Redis counts, PostgreSQL records.\n"
                           "\n"
                           "  -c, --config FILE        settings (default " DEFAULT_CONFIG ")\n"
                           "  -s, --set SECTION.KEY=V  one setting over those of the file; may be repeated\n"
                           "      --check-config       read the settings, say what is wrong with them, and exit\n"
                           "      --sample-config      write a commented file of all settings, and exit\n"
                           "  -h, --help               this\n"
                           "      --version            the version\n"
                           "\n"
                           "SIGTERM drains and ends it; SIGHUP reads the certificates again.\n"
                           "Exit: 0 ended by a signal, 1 could not start, 2 wrong use or settings.\n";

enum option_code { OPTION_CHECK = 256, OPTION_SAMPLE, OPTION_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"set", required_argument, NULL, 's'},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"sample-config", no_argument, NULL, OPTION_SAMPLE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

#define ASSIGNMENTS_MAX 64

struct invocation {
    const char *config;
    bool is_check;
    size_t assignment_count;
    const char *assignments[ASSIGNMENTS_MAX];
};

static bool read_settings(const struct invocation *invocation, struct settings *settings, struct failure *failure) {
    config_defaults(settings_table, settings_count, settings);
    if (!config_read(settings_table, settings_count, invocation->config, settings, failure))
        return false;
    for (size_t i = 0; i < invocation->assignment_count; i++)
        if (!config_set(settings_table, settings_count, invocation->assignments[i], settings, failure))
            return false;
    return settings_check(settings, failure);
}

/* What comes next is read in `run`; the exit status of what ends here is in `status`. */
static bool parse(int count, char **arguments, struct invocation *invocation, int *status) {
    *status = EXIT_SUCCESS;
    for (int code; (code = getopt_long(count, arguments, "c:s:h", options, NULL)) != -1;) {
        switch (code) {
        case 'c':
            invocation->config = optarg;
            break;
        case 's':
            if (invocation->assignment_count == ASSIGNMENTS_MAX) {
                fprintf(stderr, "vaxeld: at most %d settings by --set: put them into a file\n", ASSIGNMENTS_MAX);
                *status = EXIT_USAGE;
                return false;
            }
            invocation->assignments[invocation->assignment_count++] = optarg;
            break;
        case OPTION_CHECK:
            invocation->is_check = true;
            break;
        case OPTION_SAMPLE:
            config_write_sample(settings_table, settings_count, stdout);
            return false;
        case OPTION_VERSION:
            puts("vaxeld " VAXEL_VERSION);
            return false;
        case 'h':
            fputs(help, stdout);
            return false;
        default:
            fputs("vaxeld: see vaxeld --help\n", stderr);
            *status = EXIT_USAGE;
            return false;
        }
    }
    if (optind == count)
        return true;
    fprintf(stderr, "vaxeld: %s is no option: see vaxeld --help\n", arguments[optind]);
    *status = EXIT_USAGE;
    return false;
}

static void wait_for_signals(struct node *node, const sigset_t *signals) {
    for (;;) {
        int signal;
        sigwait(signals, &signal);
        if (signal != SIGHUP) {
            log_info("vaxeld", "draining signal=%s", strsignal(signal));
            return;
        }
        struct failure failure;
        if (node_reload(node, &failure))
            log_info("vaxeld", "certificates read again");
        else
            log_error("vaxeld", "certificates kept as they were why=%s", failure.text);
    }
}

int main(int count, char **arguments) {
    static struct settings settings;
    struct invocation invocation = {.config = DEFAULT_CONFIG};
    int status;
    if (!parse(count, arguments, &invocation, &status))
        return status;
    struct failure failure;
    if (!read_settings(&invocation, &settings, &failure)) {
        fprintf(stderr, "vaxeld: %s\n", failure.text);
        return EXIT_USAGE;
    }
    if (invocation.is_check) {
        printf("%s: good\n", invocation.config);
        return EXIT_SUCCESS;
    }
    static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};
    log_set_level(levels[settings.log_level]);

    /* Before any thread starts, so that all of them leave the signals to this one. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct node *node = node_start(&settings, &failure);
    if (node == NULL) {
        fprintf(stderr, "vaxeld: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    wait_for_signals(node, &signals);
    node_stop(node);
    return EXIT_SUCCESS;
}
