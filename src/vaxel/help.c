/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/command.h"
#include "vaxel/print.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 26

static void print_options(const struct option_rule *rules) {
    for (; rules->name != NULL; rules++) {
        char option[64];
        bool has_space = rules->argument != NULL && rules->argument[0] != '[';
        snprintf(option, sizeof option, "--%s%s%s", rules->name, has_space ? " " : "",
                 rules->argument != NULL ? rules->argument : "");
        if (strlen(option) > COLUMN - 4)
            printf("  %s\n%*s", option, COLUMN, "");
        else
            printf("  %-*s", COLUMN - 2, option);
        print_wrapped(COLUMN, rules->help);
    }
}

static void print_exits(void) {
    fputs("\nExit status: 0 approved, found, equal or done; 1 declined, not found, or a\n"
          "difference; 2 asked wrongly; 3 failed, unavailable, or could not connect.\n",
          stdout);
}

static void print_overview(void) {
    fputs("Usage: vaxel [OPTIONS] COMMAND [OPTIONS]\n\n"
          "Buys, asks and looks after a Växel: a switch that authorizes purchases on\n"
          "companies' accounts.\n\nCommands:\n",
          stdout);
    for (const struct command *command = commands; command->name != NULL; command++)
        printf("  %-10s  %s\n", command->name, command->summary);
    fputs("\nOptions, before or after the command:\n", stdout);
    print_options(global_options);
    fputs("  --version               the version\n", stdout);
    print_exits();
    fputs("\nvaxel COMMAND --help tells more; so does vaxel(1).\n", stdout);
}

void help_print(const struct command *command) {
    if (command == NULL) {
        print_overview();
        return;
    }
    printf("Usage: vaxel %s [OPTIONS]%s%s\n\n%s", command->name, command->operand != NULL ? " " : "",
           command->operand != NULL ? command->operand : "", command->description);
    if (command->options->name != NULL) {
        printf("%sOptions:\n", command->description[0] != '\0' ? "\n" : "");
        print_options(command->options);
    }
    fputs("\nOptions of every command:\n", stdout);
    print_options(global_options);
    print_exits();
}

static void print_option_words(const struct option_rule *rules) {
    for (; rules->name != NULL; rules++)
        printf("--%s\t%s\t%s\n", rules->name, rules->argument != NULL ? rules->argument : "", rules->help);
}

/* Lines of a word, its argument and what it is, with tabs between; deploy/completion reads them. */
static void print_words(const struct command *command) {
    if (command == NULL)
        for (const struct command *each = commands; each->name != NULL; each++)
            printf("%s\t\t%s\n", each->name, each->summary);
    else
        print_option_words(command->options);
    print_option_words(global_options);
}

int command_help(const struct invocation *invocation) {
    const struct command *command = NULL;
    if (invocation->operand != NULL) {
        command = command_find(invocation->operand);
        if (command == NULL)
            return usage_wrong(invocation, "there is no command \"%s\"", invocation->operand);
    }
    if (invocation_has(invocation, "words"))
        print_words(command);
    else
        help_print(command);
    return EXIT_YES;
}
