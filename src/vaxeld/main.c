/* SPDX-License-Identifier: Apache-2.0 */
/* vaxeld: the switch. Reads its settings, starts a node, and waits for signals. */
#include "base/clock.h"
#include "base/failure.h"
#include "base/log.h"
#include "config/settings.h"
#include "node/node.h"
#include "service/service.h"
#include "vaxeld/pulse.h"
#include "vaxeld/watch.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_USAGE 2
#define DEFAULT_CONFIG "/etc/vaxel/vaxel.ini"
/* Between two tries to start, and between two lines in the log about it. */
#define RETRY_MS 250
#define SAY_EVERY_US INT64_C(60000000)
#define ENDING_US INT64_C(10000000)

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
                           "SIGTERM drains and ends it. SIGHUP reads the certificates and the settings again:\n"
                           "what a running server may change takes effect, the log names the rest. While\n"
                           "PostgreSQL is away at the start, it waits for it.\n"
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

struct invocation {
    struct settings_source source;
    bool is_check;
};

static bool read_settings(const struct invocation *invocation, struct settings *settings, struct failure *failure) {
    return settings_read(&invocation->source, settings, failure) && settings_check(settings, failure);
}

/* What comes next is read in `run`; the exit status of what ends here is in `status`. */
static bool parse(int count, char **arguments, struct invocation *invocation, int *status) {
    *status = EXIT_SUCCESS;
    for (int code; (code = getopt_long(count, arguments, "c:s:h", options, NULL)) != -1;) {
        switch (code) {
        case 'c':
            invocation->source.path = optarg;
            break;
        case 's':
            if (settings_assign(&invocation->source, optarg))
                break;
            fprintf(stderr, "vaxeld: at most %d settings by --set: put them into a file\n", SETTINGS_ASSIGNMENTS_MAX);
            *status = EXIT_USAGE;
            return false;
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

/* ---- while it runs ---- */

static bool read_again(const struct invocation *invocation, struct settings *settings) {
    struct failure failure;
    if (read_settings(invocation, settings, &failure))
        return true;
    log_error("vaxeld", "settings kept as they were why=%s", failure.text);
    return false;
}

static void reload(struct node *node, const struct invocation *invocation, struct settings *settings) {
    struct failure failure;
    if (node_reload_certificates(node, &failure))
        log_info("vaxeld", "certificates read again");
    else
        log_error("vaxeld", "certificates kept as they were why=%s", failure.text);
    static struct settings wanted;
    if (!read_again(invocation, &wanted))
        return;
    *settings = *node_change(node, &wanted);
    settings_set_log_level(settings);
    watch_change(settings);
    log_info("vaxeld", "settings read again");
}

static void wait_for_end(struct node *node, const struct invocation *invocation, const sigset_t *signals,
                         struct settings *settings) {
    int64_t summarize_at_us = 0;
    for (;;) {
        const struct timespec until_beat = pulse_beat(node);
        int signal = sigtimedwait(signals, NULL, &until_beat);
        if (signal == SIGHUP) {
            service_tell_reloading();
            reload(node, invocation, settings);
            service_tell_ready();
        } else if (signal > 0) {
            log_info("vaxeld", "draining signal=%s", strsignal(signal));
            return;
        }
        if (tick_now().us >= summarize_at_us) {
            log_summarize();
            summarize_at_us = tick_now().us + LOG_WINDOW_US;
        }
    }
}

/* Takes as long as the settings allow for what is in flight, and a little for what is closed before and after. */
static void drain(struct node *node, const struct settings *settings) {
    service_tell_stopping(settings->drain_us + ENDING_US);
    service_tell_status("draining");
    node_drain(node);
}

/* ---- until it runs ---- */

/* Waits a moment. False: it is to end. */
static bool pause_start(const struct invocation *invocation, const sigset_t *signals, struct settings *settings) {
    static const struct timespec moment = {.tv_nsec = RETRY_MS * 1000000};
    int signal = sigtimedwait(signals, NULL, &moment);
    if (signal == SIGHUP) {
        static struct settings wanted;
        if (read_again(invocation, &wanted))
            *settings = wanted;
        settings_set_log_level(settings);
        watch_change(settings);
    }
    return signal < 0 || signal == SIGHUP;
}

/* Goes on while PostgreSQL is away, for what the journal holds must come to it. NULL, and the exit status: it can't
 * start, or is to end. */
static struct node *start(const struct invocation *invocation, const sigset_t *signals,
                          const struct node_sockets *sockets, struct settings *settings, int *status) {
    int64_t say_at_us = 0;
    for (;;) {
        struct failure failure;
        bool is_away;
        struct node *node = node_start(settings, sockets, &is_away, &failure);
        if (node != NULL)
            return node;
        if (!is_away) {
            fprintf(stderr, "vaxeld: %s\n", failure.text);
            *status = EXIT_FAILURE;
            return NULL;
        }
        int64_t now_us = tick_now().us;
        if (now_us >= say_at_us) {
            log_warning("vaxeld", "the start waits for PostgreSQL why=%s", failure.text);
            service_tell_status("waits for PostgreSQL, to start");
            say_at_us = now_us + SAY_EVERY_US;
        }
        *status = EXIT_SUCCESS;
        if (!pause_start(invocation, signals, settings))
            return NULL;
    }
}

int main(int count, char **arguments) {
    static struct settings settings;
    struct invocation invocation = {.source.path = DEFAULT_CONFIG};
    int status;
    if (!parse(count, arguments, &invocation, &status))
        return status;
    struct failure failure;
    if (!read_settings(&invocation, &settings, &failure)) {
        fprintf(stderr, "vaxeld: %s\n", failure.text);
        return EXIT_USAGE;
    }
    if (invocation.is_check) {
        printf("%s: good\n", invocation.source.path);
        return EXIT_SUCCESS;
    }
    settings_open_log(&settings, settings.listen);
    sigset_t signals;
    service_take_signals(&signals);
    static struct service_sockets sockets;
    if (!service_take_sockets(&sockets, &failure) || !watch_start(&settings, &failure)) {
        fprintf(stderr, "vaxeld: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    const struct node_sockets handed_over = {sockets.fds, sockets.count};
    struct node *node = start(&invocation, &signals, &handed_over, &settings, &status);
    if (node != NULL) {
        watch_show(node);
        service_tell_ready();
        wait_for_end(node, &invocation, &signals, &settings);
        drain(node, &settings);
        status = EXIT_SUCCESS;
    }
    watch_stop();
    if (node != NULL)
        node_stop(node);
    log_summarize();
    return status;
}
