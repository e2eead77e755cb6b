/* SPDX-License-Identifier: Apache-2.0 */
/* terminal: a terminal (libvterm) with a program in it, and what a person would see and do there. */
#ifndef VAXEL_TESTS_OPS_TERMINAL_H
#define VAXEL_TESTS_OPS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct terminal;

struct terminal_wishes {
    int rows, columns;            /* 24 x 80 unless said */
    const char *locale;           /* "C.UTF-8" unless said */
    const char *type;             /* TERM: "xterm-256color" unless said */
    bool has_no_colour;           /* NO_COLOR is set */
    const char *const *arguments; /* the program, and NULL at the end */
};

/* Each ends the test with a message when it can't do what it says. */
struct terminal *terminal_start(struct terminal_wishes wishes);
/* Lets go of it; a program that is still there is killed. */
void terminal_close(struct terminal *terminal);

void terminal_type(struct terminal *terminal, const char *keys);
void terminal_signal(struct terminal *terminal, int signal);
void terminal_resize(struct terminal *terminal, int rows, int columns);

/* A row as it is seen now, without the blanks at its end; all rows, with line ends. Both stand until the next call. */
const char *terminal_row(struct terminal *terminal, int row);
const char *terminal_text(struct terminal *terminal);
/* Waits until the screen, or a row, has this, or has it no more. */
void terminal_wait(struct terminal *terminal, const char *text);
void terminal_wait_row(struct terminal *terminal, int row, const char *text);
void terminal_wait_gone(struct terminal *terminal, const char *text);

bool terminal_has_colour(struct terminal *terminal);
/* Waits until the program has ended: its exit status, or 128 + signal. */
int terminal_wait_end(struct terminal *terminal);
/* Whether its modes are those that it had in the beginning, and it shows its own screen and its cursor. */
bool terminal_is_as_found(struct terminal *terminal);

#endif
