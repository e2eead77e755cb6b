/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"
#include "base/log.h"
#include "vaxel/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

const struct option_rule global_options[] = {
    {"config", "FILE", "settings; else $VAXEL_CONFIG, ./var/vaxel.ini, /etc/vaxel/vaxel.ini"},
    {"set", "SECTION.KEY=VALUE", "one setting over those of the file; may be repeated"},
    {"connect", "ADDRESSES", "host:port of the switch; more with commas, tried in order"},
    {"certificate", "FILE", "who is asking: the client's certificate, PEM"},
    {"key", "FILE", "its private key, PEM"},
    {"authority", "FILE", "who must have signed the switch's certificate, PEM"},
    {"json", NULL, "one JSON object on standard output instead of text"},
    {"help", NULL, "this"},
    {0},
};

#define CREDENTIAL_OPTIONS                                                                                             \
    {"card", "NUMBER", "the 16 digits printed on the card"}, {                                                         \
        "app", "UUID", "instead of a card: the id the traveller's app was given"                                       \
    }
#define TIMEOUT_OPTION                                                                                                 \
    { "timeout", "TIME", "how long to wait, as in 400ms or 2s; else 5s" }

static const struct option_rule purchase_options[] = {
    CREDENTIAL_OPTIONS,
    {"amount", "AMOUNT", "the price, as in 130.00"},
    {"currency", "CODE", "of the price; else the operator's"},
    {"product", "CODE", "what is bought, as in single"},
    {"place", "TEXT", "where, as in \"line 45, bus 4711\""},
    {"hold", "[=TIME]", "only reserve it, to be captured or voided, for so long as 15min or else the switch's setting"},
    {"partial", NULL, "take what is left when the whole does not fit"},
    {"intended", NULL, "the same again is meant, it is no double tap"},
    {"id", "UUID", "the purchase's own id, to ask again what became of it; else a new one"},
    TIMEOUT_OPTION,
    {0},
};

#define SETTLE_OPTIONS                                                                                                 \
    {"original", "UUID", "the id of what it is done to"}, CREDENTIAL_OPTIONS, {                                        \
        "id", "UUID", "its own id, to ask again what became of it; else a new one"                                     \
    }

static const struct option_rule capture_options[] = {
    SETTLE_OPTIONS,
    {"amount", "AMOUNT", "how much; else all that is left of the hold"},
    {"currency", "CODE", "of the amount; else the operator's"},
    {"more", NULL, "further captures follow: what is left stays held"},
    TIMEOUT_OPTION,
    {0},
};

static const struct option_rule void_options[] = {SETTLE_OPTIONS, TIMEOUT_OPTION, {0}};

static const struct option_rule refund_options[] = {
    SETTLE_OPTIONS,
    {"amount", "AMOUNT", "how much; else all that is left of the purchase"},
    {"currency", "CODE", "of the amount; else the operator's"},
    TIMEOUT_OPTION,
    {0},
};

static const struct option_rule reverse_options[] = {
    {"id", "UUID", "of the purchase or hold that shall never have been"},
    CREDENTIAL_OPTIONS,
    TIMEOUT_OPTION,
    {0},
};

static const struct option_rule advise_options[] = {
    {"currency", "CODE", "of the amounts; else the operator's"},
    {"timeout", "TIME", "how long to try for each purchase; else 30s"},
    {0},
};

static const struct option_rule blocks_options[] = {
    {"since", "N", "what is new since this number; else all"},
    {"state", NULL, "the cards and apps that are blocked now, rather than what happened"},
    {"follow", NULL, "go on, and print what is new when it comes; connect anew when the switch was away"},
    {"whole", NULL, "show the numbers of cards whole"},
    {"timeout", "TIME", "how long to wait for a page, as in 400ms or 2s; else 5s"},
    {0},
};

static const struct option_rule balance_options[] = {CREDENTIAL_OPTIONS, TIMEOUT_OPTION, {0}};

static const struct option_rule lookup_options[] = {
    {"id", "UUID", "the purchase's id"},
    CREDENTIAL_OPTIONS,
    TIMEOUT_OPTION,
    {0},
};

static const struct option_rule echo_options[] = {
    {"text", "TEXT", "what shall come back; else \"vaxel\""},
    TIMEOUT_OPTION,
    {0},
};

static const struct option_rule audit_options[] = {
    {"month", "YYYYMM", "which month, as in 202611; else the operator's current one"},
    {"repair", NULL, "build counters that differ anew from the records, and look again"},
    {0},
};

static const struct option_rule trace_options[] = {
    {"organisation", "N", "whose it is, where that is known: it is found quicker"},
    {"journals", "DIRECTORY", "a node's journals; else those of setting stand_in.journal"},
    {0},
};

static const struct option_rule no_options[] = {{0}};

static const struct option_rule generate_options[] = {
    {"organisations", "N", "how many; else 200"},
    {"travellers", "N", "of each organisation, with one card each; else 500"},
    {"organisation-limit", "AMOUNT", "a month; else 99999999.99"},
    {"credit-limit", "AMOUNT", "a month; else 9999999.99"},
    {0},
};

static const struct option_rule load_options[] = {
    {"connections", "N", "at once; else 64"},
    {"in-flight", "N", "purchases unanswered on one connection; else 1, as a validator has"},
    {"threads", "N", "that drive them; else 1"},
    {"seconds", "N", "measured, after the warm-up; else 10"},
    {"warm-up", "N", "seconds driven before; else 1"},
    {"rate", "N", "purchases a second by schedule; else as fast as answers come"},
    {"organisations", "N", "generated ones to buy for; else 200"},
    {"travellers", "N", "of each; as given to generate; else 500"},
    {"hot", NULL, "all purchases in one organisation"},
    {"amount", "AMOUNT", "of each purchase; else 1.00"},
    {"product", "CODE", "else single"},
    {"place", "TEXT", "else \"load\""},
    {"timeout", "TIME", "each request's deadline; else the server's setting"},
    {"seed", "N", "the same seed shows the same cards; else 1"},
    {"answers", "FILE", "where to write the id, latency (us) and reason of each answer"},
    {0},
};

static const struct option_rule top_options[] = {
    {"once", NULL, "print what is heard first, and end; so without a terminal and with --json"},
    {"only", NULL, "the nodes named and no others; else those that they name too"},
    {"timeout", "TIME", "how long --once waits for every node; else 5s"},
    {0},
};

static const struct option_rule help_options[] = {
    {"words", NULL, "what may follow, for shell completion"},
    {0},
};

const struct command commands[] = {
    {"purchase", NULL, "buy a ticket on the company's account",
     "Asks the switch for one purchase and says what became of it. When the\n"
     "connection fails it asks again under the same id, for as long as the timeout\n"
     "allows: that can't charge twice.\n",
     purchase_options, true, command_purchase},
    {"capture", NULL, "take what a hold holds",
     "Takes all that a hold holds, or a part; what is left then is let go, unless\n"
     "more captures are to follow. Asked again under the same id it is done once.\n",
     capture_options, true, command_settle},
    {"void", NULL, "let go of a hold", "Lets go of a hold, or of what is left of it.\n", void_options, true,
     command_settle},
    {"reverse", NULL, "take back a purchase or hold as if it had never been",
     "For a purchase or hold that was given up on. It wins whichever arrives first:\n"
     "one that comes after its reversal is declined.\n",
     reverse_options, true, command_settle},
    {"refund", NULL, "give back a purchase, whole or in part",
     "Gives back what was paid, never more than that, in one or several refunds.\n", refund_options, true,
     command_settle},
    {"advise", "FILE", "tell of purchases that a device approved by itself",
     "Each line of the file is a purchase; its fields have tabs between them:\n"
     "id, card (16 digits) or app (a UUID), amount (130.00), product, place. The id\n"
     "is the UUIDv7 that the device made then; the place may be left out. Lines\n"
     "that are empty or begin with # are passed over; - is standard input.\n"
     "\n"
     "They are recorded whatever the limits say. Those that are not are told with\n"
     "their line. The same file again changes nothing. Exit 1 when one was declined\n"
     "or can't be read, 3 when it is not known of one.\n",
     advise_options, true, command_advise},
    {"blocks", NULL, "the block list",
     "Prints which cards and apps a device must refuse when it is on its own, or may\n"
     "take again, in the order in which that was decided; the last entry of a card\n"
     "or app holds. With --state, what comes of them all.\n",
     blocks_options, true, command_blocks},
    {"balance", NULL, "what is left of a card's or an app's credit",
     "Says whether a purchase would be taken now, and what every limit stands at.\n", balance_options, true,
     command_balance},
    {"lookup", NULL, "what became of a purchase",
     "Finds the record of a purchase by its id. The card or app makes it quick.\n", lookup_options, true,
     command_lookup},
    {"echo", NULL, "is the switch there?", "Sends a text to the switch and waits for it to come back.\n", echo_options,
     true, command_echo},
    {"migrate", NULL, "bring the database to this version",
     "Runs what is missing of the migrations built into this program, forward only.\n"
     "PostgreSQL is the one of setting postgres.conninfo.\n",
     no_options, true, command_migrate},
    {"audit", NULL, "compare the counters with the records",
     "For every organisation with purchases in the month: are the counters in Redis\n"
     "the sums of the records in PostgreSQL? Counters that would be rebuilt before\n"
     "they are used are told as cold. Exit 1 on a difference that stands. A node\n"
     "mends it after a while by itself; --repair does so at once, and looks again.\n",
     audit_options, true, command_audit},
    {"trace", "ID", "all that is known of one request",
     "Tells what is on record of a request and of what followed it, what Redis\n"
     "remembers and counts, and what journals on this machine hold, by time, with\n"
     "what it means and where could not be looked. The id is a UUID, or its 16 bytes\n"
     "in hexadecimal or base64. Nothing is changed. Exit 1 when nothing is known of\n"
     "it, 3 when nothing is and somewhere could not be looked.\n",
     trace_options, true, command_trace},
    {"example", NULL, "load the example company",
     "Puts the example company and its clients into the database. Again, it changes\n"
     "nothing. Among them: card 9932543656338003 with 1000.00 a month.\n",
     no_options, true, command_example},
    {"generate", NULL, "make large companies, for measuring",
     "Puts organisations with travellers and cards into the database, for load.\n", generate_options, true,
     command_generate},
    {"load", NULL, "buy from many connections, and measure",
     "Drives purchases of generated travellers and tells rate and latencies. Each\n"
     "purchase is a request of its own with a new id; latency runs from the moment\n"
     "it was due. Ctrl-C ends the run and tells of what it has measured.\n",
     load_options, true, command_load},
    {"top", "[URL...]", "what the nodes do, live in this terminal",
     "Shows purchases, latencies, health, the busiest organisations and the last\n"
     "declines of one or more nodes, anew each second. A URL is that of an ops port,\n"
     "as in http://127.0.0.1:7512; without one it is setting ops.listen. A node that\n"
     "says nothing for 3 s is shown as stalled. Keys: q quit, p pause, Tab another\n"
     "list, ? help. With --once, exit 0 when all is well, 1 when something is amiss,\n"
     "3 when no node is heard.\n",
     top_options, true, command_top},
    {"help", "[COMMAND]", "how to use a command", "", help_options, false, command_help},
    {0},
};

const struct command *command_find(const char *name) {
    for (const struct command *command = commands; command->name != NULL; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

int main(int count, char **words) {
    static struct invocation invocation;
    struct failure failure;
    int status;
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN);
    if (!invocation_parse(&invocation, count, words, &status))
        return status;
    if (invocation.command->needs_settings) {
        if (!invocation_read_settings(&invocation, &failure)) {
            fprintf(stderr, "vaxel: %s\n", failure.text);
            return EXIT_USAGE;
        }
        if (!calendar_set_zone(invocation.settings.time_zone))
            return usage_wrong(&invocation, "operator.time_zone %s is not in this system's zone database",
                               invocation.settings.time_zone);
    }
    status = invocation.command->run(&invocation);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "vaxel: standard output can't be written\n");
        return EXIT_BROKEN;
    }
    return status;
}
