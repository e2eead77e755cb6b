/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include "base/calendar.h"
#include "base/log.h"
#include "base/money.h"
#include "config/urls.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define KIB INT64_C(1024)
#define GIB (KIB * KIB * KIB)

static bool is_currency(const char *text) {
    struct currency currency;
    return currency_parse(text, &currency);
}

#define ADDRESS "host:port or [IPv6]:port"
#define FILE_NAME "the path of a file"

#define SETTING(section_, key_, type_, field_, initial_, help_)                                                        \
    .section = (section_), .key = (key_), .type = (type_), .offset = offsetof(struct settings, field_),                \
    .initial = (initial_), .help = (help_)
#define TEXT(section_, key_, field_, initial_, wanted_, accepts_, help_)                                               \
    { SETTING(section_, key_, CONFIG_TEXT, field_, initial_, help_), .wanted = (wanted_), .accepts = (accepts_) }
#define LIVE_TEXT(section_, key_, field_, initial_, wanted_, accepts_, help_)                                          \
    {                                                                                                                  \
        SETTING(section_, key_, CONFIG_TEXT, field_, initial_, help_), .wanted = (wanted_), .accepts = (accepts_),     \
                                                                       .is_reloadable = true                           \
    }
#define RANGE(section_, key_, field_, type_, initial_, least_, most_, help_)                                           \
    { SETTING(section_, key_, type_, field_, initial_, help_), .least = (least_), .most = (most_) }
#define LIVE_RANGE(section_, key_, field_, type_, initial_, least_, most_, help_)                                      \
    {                                                                                                                  \
        SETTING(section_, key_, type_, field_, initial_, help_), .least = (least_), .most = (most_),                   \
                                                                 .is_reloadable = true                                 \
    }
#define CHOICE(section_, key_, field_, initial_, choices_, help_)                                                      \
    { SETTING(section_, key_, CONFIG_CHOICE, field_, initial_, help_), .choices = (choices_) }
#define LIVE_CHOICE(section_, key_, field_, initial_, choices_, help_)                                                 \
    { SETTING(section_, key_, CONFIG_CHOICE, field_, initial_, help_), .choices = (choices_), .is_reloadable = true }

/* Reloadable are times and amounts that every worker reads anew; what rooms, connections and other servers were made
 * with is not. */
const struct config_setting settings_table[] = {
    TEXT("operator", "time_zone", time_zone, "Europe/Stockholm", "a name from the system's time zone database",
         calendar_knows_zone, "The operator's time zone: credits renew at 00:00 on the 1st there."),
    TEXT("operator", "currency", currency, "SEK", "the ISO 4217 code of a currency of two decimals", is_currency,
         "The currency of all amounts."),
    RANGE("operator", "traveller_cap", traveller_cap_minor, CONFIG_MONEY_MINOR, "6000.00", 0, MONEY_MAX_MINOR,
          "What one traveller may spend in a month over all credits, unless the directory gives a cap of their own."),
    LIVE_RANGE("operator", "largest_amount", largest_amount_minor, CONFIG_MONEY_MINOR, "100000.00", 1, MONEY_MAX_MINOR,
               "The largest single purchase; a larger amount is taken for an error."),
    RANGE("operator", "time_window", time_window_us, CONFIG_TIME_US, "10 min", 1 * SECOND, 24 * HOUR,
          "How far the time in a new request's id may be from this machine's clock, either way."),
    LIVE_RANGE(
        "operator", "month_open", month_open_us, CONFIG_TIME_US, "12 h", MONTH_OPEN_LEAST_US, 15 * 24 * HOUR,
        "How long after its end a month still takes late reports and refunds; set it to end before invoices are made."),
    LIVE_RANGE("operator", "default_hold", default_hold_us, CONFIG_TIME_US, "15 min", 1 * SECOND, 31 * 24 * HOUR,
               "How long a hold stands that names no time of its own."),
    LIVE_RANGE("operator", "longest_hold", longest_hold_us, CONFIG_TIME_US, "24 h", 1 * SECOND, 31 * 24 * HOUR,
               "The longest time a hold may ask for; more is cut down to it."),
    CHOICE("operator", "block_used_up", blocks_used_up, "no", "no|yes",
           "Whether a credit with nothing left goes on the block list until its month ends."),

    TEXT("listen", "address", listen, "127.0.0.1:7443", ADDRESS, NULL, "Where clients connect."),
    RANGE("listen", "connections", connections, CONFIG_NUMBER, "12000", 1, 1000000,
          "Connections of each worker at once; past that a new one is closed."),
    LIVE_RANGE("listen", "connections_per_client", connections_per_client, CONFIG_NUMBER, "6000", 0, 1000000,
               "Of those, how many one client may have, all devices with its certificate together; past that a new one "
               "is closed; with 0 only by listen.connections."),
    RANGE("listen", "handshake_timeout", handshake_timeout_us, CONFIG_TIME_US, "5 s", 10 * MS, 10 * MINUTE,
          "A client that has not shaken hands by then is cut off."),
    RANGE("listen", "idle_timeout", idle_timeout_us, CONFIG_TIME_US, "10 min", 0, 24 * HOUR,
          "A client that has sent nothing for so long is cut off; with 0 s never."),
    RANGE("listen", "unread", unread_bytes, CONFIG_BYTES, "256 KiB", 16 * KIB, GIB,
          "A client that leaves more than this unread is cut off."),

    TEXT("tls", "certificate", certificate, "/etc/vaxel/vaxeld.pem", FILE_NAME, NULL,
         "The server's certificate with its chain, PEM; SIGHUP reads the three files of this section again."),
    TEXT("tls", "key", key, "/etc/vaxel/vaxeld.key", FILE_NAME, NULL,
         "Its private key, PEM; readable by the server alone."),
    TEXT("tls", "authority", authority, "/etc/vaxel/authority.pem", FILE_NAME, NULL,
         "The operator's own authority, PEM: a client must show a certificate that it signed."),

    TEXT("redis", "address", redis, "127.0.0.1:6379",
         ADDRESS ", unix:/path, several hosts with commas between, or sentinel:NAME@host:port", NULL,
         "The Redis that counts; nodes of a Redis Cluster, any few of them; or the sentinels of a primary. "
         "redis://user:password@ may come before a host."),
    RANGE("redis", "reconnect", redis_reconnect_us, CONFIG_TIME_US, "100 ms", 1 * MS, 1 * MINUTE,
          "The pause before another try after a connection was lost or refused."),
    RANGE("redis", "silence", redis_silence_us, CONFIG_TIME_US, "2 s", 10 * MS, 1 * MINUTE,
          "A primary that owes an answer for so long is given up, and connected to anew."),
    RANGE("redis", "group", group_capacity, CONFIG_NUMBER, "128", 1, 128,
          "Purchases of one organisation decided in one call, at most."),

    TEXT("postgres", "conninfo", postgres, "dbname=vaxel", "a connection string or URI of libpq", NULL,
         "The database of records."),
    RANGE("postgres", "reconnect", postgres_reconnect_us, CONFIG_TIME_US, "200 ms", 1 * MS, 1 * MINUTE,
          "The pause before another try after a connection was lost or refused."),
    RANGE("postgres", "silence", postgres_silence_us, CONFIG_TIME_US, "5 s", 10 * MS, 10 * MINUTE,
          "A server that owes an answer for so long is given up, and connected to anew."),
    RANGE("postgres", "batch", batch_rows, CONFIG_NUMBER, "1000", 1, 10000, "Records committed together, at most."),
    RANGE("postgres", "refusals_waiting", refusals_waiting, CONFIG_NUMBER, "10000", 1, 1000000,
          "Refusals waiting to be kept for statistics; past that they are dropped."),
    RANGE("postgres", "roll_up", roll_up_rows, CONFIG_NUMBER, "1000000", 0, 1000000000,
          "When so many records are new, they are added to sums from which lost counters are soon back; 0: never."),

    RANGE("switch", "workers", workers, CONFIG_NUMBER, "1", 1, 64,
          "Threads, each with its own connections to Redis and PostgreSQL; one carries tens of thousands a second."),
    RANGE("switch", "requests", requests, CONFIG_NUMBER, "16384", 1, 1048576,
          "Requests in each worker at once; past that the answer is BUSY."),
    LIVE_RANGE("switch", "requests_per_connection", requests_per_connection, CONFIG_NUMBER, "1024", 1, 1048576,
               "Requests of one connection at once; past that the answer is BUSY."),
    LIVE_RANGE("switch", "default_timeout", default_timeout_us, CONFIG_TIME_US, "400 ms", 1 * MS, 10 * MINUTE,
               "When a request that names no time of its own must be answered."),
    LIVE_RANGE("switch", "longest_timeout", longest_timeout_us, CONFIG_TIME_US, "10 s", 1 * MS, 10 * MINUTE,
               "The longest time a request may ask for; more is cut down to it."),
    LIVE_RANGE("switch", "answer_margin", answer_margin_us, CONFIG_TIME_US, "5 ms", 0, 10 * SECOND,
               "Answers leave so long before their deadline, for the way back."),
    RANGE("switch", "warm_organisations", warm_organisations, CONFIG_NUMBER, "65536", 1, 16777216,
          "Organisations whose counters a worker remembers to be in order, each month counted by itself."),
    RANGE("switch", "month_ahead", month_ahead_us, CONFIG_TIME_US, "15 min", 0, 7 * 24 * HOUR,
          "So long before a month ends the counters of the next are made; 0: by the first purchase of each."),
    LIVE_RANGE("switch", "drain", drain_us, CONFIG_TIME_US, "10 s", 0, 10 * MINUTE,
               "How long a server that was told to end goes on with what is in flight."),
    RANGE("switch", "advices", advices, CONFIG_NUMBER, "2048", 1, 1048576,
          "Reports of offline purchases in each worker at once; past that the answer is BUSY."),
    LIVE_RANGE(
        "switch", "online_wait", online_wait_us, CONFIG_TIME_US, "5 ms", 100, 10 * SECOND,
        "Reports of offline purchases make way while more than one online request in ten waits longer than this."),

    TEXT("stand_in", "journal", journal, "", "the path of a directory on a local disk", NULL,
         "Where purchases are kept while PostgreSQL is away; without one there is no stand-in."),
    LIVE_RANGE("stand_in", "after", stand_in_after_us, CONFIG_TIME_US, "100 ms", 1 * MS, 10 * MINUTE,
               "PostgreSQL counts as away when it owes an answer for so long, or when it can't be reached."),
    LIVE_RANGE(
        "stand_in", "amount", stand_in_amount_minor, CONFIG_MONEY_MINOR, "10000000.00", 0, MONEY_MAX_MINOR,
        "What each worker may vouch for at once; past that purchases are not approved until PostgreSQL is back."),
    RANGE("stand_in", "size", stand_in_bytes, CONFIG_BYTES, "256 MiB", 2 * KIB * KIB, 1024 * GIB,
          "The size of each worker's journal on disk."),
    LIVE_RANGE("stand_in", "age", stand_in_age_us, CONFIG_TIME_US, "1 h", 1 * SECOND, 7 * 24 * HOUR,
               "When the oldest purchase in a journal is older than this, no more are approved by it."),

    RANGE("audit", "pause", audit_pause_us, CONFIG_TIME_US, "200 ms", 1 * MS, 1 * HOUR,
          "The pause between two looks of the audit, or nine times what adding up the rows took, if that is longer."),
    RANGE("audit", "grace", audit_grace_us, CONFIG_TIME_US, "1 min", 10 * MS, 24 * HOUR,
          "How long counters must differ from the records before they are built anew."),

    LIVE_CHOICE("log", "level", log_level, "info", "error|warning|info|debug", "What is less urgent is not written."),
    LIVE_CHOICE(
        "log", "requests", log_requests, "failed", "none|failed|declined|all",
        "Which answers get a line with the request's id, each with those before: the switch failed; the business "
        "said no, or the request can't be taken; every one. Of too many a number is told."),

    TEXT("ops", "listen", ops_listen, "127.0.0.1:7512", ADDRESS " in numbers, or none", NULL,
         "Where the dashboard, metrics and health are shown, by HTTP to whoever can reach it: keep it on loopback, or "
         "behind a proxy."),
    TEXT("ops", "name", ops_name, "", "a name", NULL,
         "What this process is called in its log and to those who watch; empty: the host's name and the port that it "
         "listens on."),
    LIVE_TEXT("ops", "nodes", ops_nodes, "", "URLs like http://10.0.0.5:7512, with commas between", urls_are_plain,
              "The nodes that the dashboard shows on one page, each by the address of its ops port as browsers reach "
              "it, this one too; without any it shows this one."),
    LIVE_TEXT("ops", "pages", ops_pages, "/usr/share/vaxel/dashboard", "the path of a directory", NULL,
              "Where the dashboard's files are."),

    TEXT("client", "connect", connect, "127.0.0.1:7443", ADDRESS ", more with commas between", NULL,
         "For vaxel, the command: the switches it may ask, tried in order."),
    TEXT("client", "certificate", client_certificate, "/etc/vaxel/client.pem", FILE_NAME, NULL,
         "Its certificate, PEM."),
    TEXT("client", "key", client_key, "/etc/vaxel/client.key", FILE_NAME, NULL, "Its private key, PEM."),
    TEXT("client", "authority", client_authority, "/etc/vaxel/authority.pem", FILE_NAME, NULL,
         "The authority that must have signed the switch's certificate, PEM."),

    TEXT("wallet", "address", wallet, "127.0.0.1:7444", ADDRESS ", in numbers", NULL,
         "For vaxel-wallet: where app backends connect."),
    TEXT("wallet", "certificate", wallet_certificate, "/etc/vaxel/wallet.pem", FILE_NAME, NULL,
         "Its certificate with its chain, PEM: shown to app backends and to the switch, which knows it by its common "
         "name; SIGHUP reads the files of this section again."),
    TEXT("wallet", "key", wallet_key, "/etc/vaxel/wallet.key", FILE_NAME, NULL, "Its private key, PEM."),
    TEXT("wallet", "authority", wallet_authority, "/etc/vaxel/authority.pem", FILE_NAME, NULL,
         "The authority that must have signed the app backends' certificates, and the switch's, PEM."),
    TEXT("wallet", "keys", wallet_keys, "/etc/vaxel/wallet-keys.json", FILE_NAME, NULL,
         "The JWK set whose keys sign X-BoB-AuthToken; each key has \"kid\" and \"iss\". A changed file is read again "
         "within a minute."),
    TEXT("wallet", "classes", wallet_classes, "wallet", "names with commas between", NULL,
         "A token's bobAuthZ must be one of these."),
    TEXT("wallet", "audience", wallet_audience, "", "a name", NULL,
         "What the aud of a token must be, if it has one; without this none may have one."),
    RANGE("wallet", "hold", wallet_hold_us, CONFIG_TIME_US, "15 min", 1 * SECOND, 31 * 24 * HOUR,
          "How long a reservation stands, unless the switch allows less."),
    RANGE("wallet", "cancellable", wallet_cancellable_us, CONFIG_TIME_US, "1 h", 0, 12 * HOUR,
          "How long after its purchase a transaction that is committed can be cancelled."),
    RANGE("wallet", "timeout", wallet_timeout_us, CONFIG_TIME_US, "5 s", 100 * MS, 1 * MINUTE,
          "How long a call may take, with all that is asked of the switch for it."),
    RANGE("wallet", "connections", wallet_connections, CONFIG_NUMBER, "256", 1, 10000,
          "Connections of app backends at once; past that a new one is closed."),
    RANGE(
        "wallet", "arrival_timeout", wallet_arrival_timeout_us, CONFIG_TIME_US, "10 s", 1 * SECOND, 10 * MINUTE,
        "A new connection whose client has not shown its certificate and asked something by then is cut off, and so is "
        "a request whose body is not there so long after its headers."),
    RANGE("wallet", "askers", wallet_askers, CONFIG_NUMBER, "8", 1, 256,
          "Connections to the switch, and as many to the database."),
};

const size_t settings_count = sizeof(settings_table) / sizeof(settings_table[0]);

bool settings_assign(struct settings_source *source, const char *assignment) {
    if (source->assignment_count == SETTINGS_ASSIGNMENTS_MAX)
        return false;
    source->assignments[source->assignment_count++] = assignment;
    return true;
}

bool settings_read(const struct settings_source *source, struct settings *settings, struct failure *failure) {
    config_defaults(settings_table, settings_count, settings);
    if (source->path != NULL && !config_read(settings_table, settings_count, source->path, settings, failure))
        return false;
    for (size_t i = 0; i < source->assignment_count; i++)
        if (!config_set(settings_table, settings_count, source->assignments[i], settings, failure))
            return false;
    return true;
}

bool settings_check(const struct settings *settings, struct failure *failure) {
    if (settings->default_timeout_us > settings->longest_timeout_us)
        return failure_set(failure,
                           "switch.default_timeout (%lld us) must not be over switch.longest_timeout (%lld us)",
                           (long long)settings->default_timeout_us, (long long)settings->longest_timeout_us);
    if (settings->default_hold_us > settings->longest_hold_us)
        return failure_set(failure, "operator.default_hold (%lld us) must not be over operator.longest_hold (%lld us)",
                           (long long)settings->default_hold_us, (long long)settings->longest_hold_us);
    return true;
}

void settings_process_name(const struct settings *settings, const char *address, char name[SETTINGS_NAME_SIZE]) {
    if (settings->ops_name[0] != '\0') {
        snprintf(name, SETTINGS_NAME_SIZE, "%.*s", SETTINGS_NAME_SIZE - 1, settings->ops_name);
        return;
    }
    char host[65] = "";
    const char *colon = strrchr(address, ':');
    if (gethostname(host, sizeof host - 1) != 0)
        strcpy(host, "localhost");
    snprintf(name, SETTINGS_NAME_SIZE, "%s%s", host, colon != NULL ? colon : "");
}

void settings_open_log(const struct settings *settings, const char *address) {
    char name[SETTINGS_NAME_SIZE];
    settings_process_name(settings, address, name);
    log_open(name);
    settings_set_log_level(settings);
}

void settings_set_log_level(const struct settings *settings) {
    static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};
    log_set_level(levels[settings->log_level]);
}
