/* SPDX-License-Identifier: Apache-2.0 */
/* vaxel-wallet: the wallet of the Swedish BoB standard. Reads its settings, starts the server, and waits for signals.
 */
#include "base/log.h"
#include "config/settings.h"
#include "service/service.h"
#include "wallet/wallet.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_USAGE 2
#define DEFAULT_CONFIG "/etc/vaxel/vaxel.ini"
#define LOOK_FOR_KEYS_S 30
/* Beside the drain: for a call that has begun to wait for the switch and the database, and what is closed after it. */
#define ENDING_US INT64_C(20000000)

static const char help[] = "Usage: vaxel-wallet [options]\n"
                           "\n"
                           "The wallet part of the BoB Traveller API v3: app backends pay by company invoice.\n"
                           "A client of the switch; see docs/wallet.md and docs/wallet.openapi.json.\n"
                           "\n"
                           "  -c, --config FILE        settings (default " DEFAULT_CONFIG ")\n"
                           "  -s, --set SECTION.KEY=V  one setting over those of the file; may be repeated\n"
                           "      --check-config       read the settings, say what is wrong with them, and exit\n"
                           "  -h, --help               this\n"
                           "      --version            the version\n"
                           "\n"
                           "SIGTERM drains and ends it. SIGHUP reads the certificates and the keys again.\n"
                           "Exit: 0 ended by a signal, 1 could not start, 2 wrong use or settings.\n";

enum option_code { OPTION_CHECK = 256, OPTION_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},          {"set", required_argument, NULL, 's'},
    {"check-config", no_argument, NULL, OPTION_CHECK}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},    {0},
};

struct invocation {
    struct settings_source source;
    bool is_check;
};

static bool wrong(int *status, const char *why, const char *what) {
    fprintf(stderr, "vaxel-wallet: %s%s: see vaxel-wallet --help\n", what, why);
    *status = EXIT_USAGE;
    return false;
}

/* False: it ends here, with `status`. */
static bool parse(int count, char **arguments, struct invocation *invocation, int *status) {
    *status = EXIT_SUCCESS;
    for (int code; (code = getopt_long(count, arguments, "c:s:h", options, NULL)) != -1;) {
        switch (code) {
        case 'c':
            invocation->source.path = optarg;
            break;
        case 's':
            if (!settings_assign(&invocation->source, optarg))
                return wrong(status, "too many settings by --set", "");
            break;
        case OPTION_CHECK:
            invocation->is_check = true;
            break;
        case OPTION_VERSION:
            puts("vaxel-wallet " VAXEL_VERSION);
            return false;
        case 'h':
            fputs(help, stdout);
            return false;
        default:
            return wrong(status, "wrong use", "");
        }
    }
    return optind == count ? true : wrong(status, " is no option", arguments[optind]);
}

/* ---- while it runs ---- */

static void read_keys(struct wallet *wallet) {
    struct failure failure;
    if (!wallet_reload_keys(wallet, &failure))
        log_error("wallet", "keys kept as they were why=%s", failure.text);
}

static void reload(struct wallet *wallet) {
    struct failure failure;
    service_tell_reloading();
    if (wallet_reload_certificates(wallet, &failure))
        log_info("wallet", "certificates read again");
    else
        log_error("wallet", "certificates kept as they were why=%s", failure.text);
    read_keys(wallet);
    service_tell_ready();
}

static void wait_for_end(struct wallet *wallet, const sigset_t *signals) {
    static const struct timespec interval = {.tv_sec = LOOK_FOR_KEYS_S};
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &interval);
        if (signal == SIGHUP)
            reload(wallet);
        else if (signal > 0)
            break;
        else if (wallet_has_new_keys(wallet))
            read_keys(wallet);
        log_summarize();
    }
    log_info("wallet", "draining");
}

/* One server listens on one socket; a second one would have clients that nobody answers. */
static struct wallet *start(const struct settings *settings, struct failure *failure) {
    static struct service_sockets sockets;
    if (!service_take_sockets(&sockets, failure))
        return NULL;
    if (sockets.count > 1) {
        failure_set(failure, "%u sockets were handed over: one is wanted", sockets.count);
        return NULL;
    }
    struct wallet *wallet = wallet_start(settings, sockets.count == 1 ? sockets.fds[0] : 0, failure);
    if (wallet != NULL && sockets.count == 1)
        log_info("wallet", "serving by a socket that was handed over: wallet.address is not used");
    else if (wallet != NULL)
        log_info("wallet", "serving address=%s", settings->wallet);
    return wallet;
}

int main(int count, char **arguments) {
    static struct settings settings;
    struct invocation invocation = {.source.path = DEFAULT_CONFIG};
    struct failure failure;
    int status;
    if (!parse(count, arguments, &invocation, &status))
        return status;
    if (!settings_read(&invocation.source, &settings, &failure) || !settings_check(&settings, &failure)) {
        fprintf(stderr, "vaxel-wallet: %s\n", failure.text);
        return EXIT_USAGE;
    }
    if (invocation.is_check) {
        printf("%s: good\n", invocation.source.path);
        return EXIT_SUCCESS;
    }
    settings_open_log(&settings, settings.wallet);
    sigset_t signals;
    service_take_signals(&signals);
    struct wallet *wallet = start(&settings, &failure);
    if (wallet == NULL) {
        fprintf(stderr, "vaxel-wallet: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    service_tell_ready();
    wait_for_end(wallet, &signals);
    service_tell_stopping(settings.drain_us + ENDING_US);
    wallet_stop(wallet);
    log_summarize();
    return EXIT_SUCCESS;
}
