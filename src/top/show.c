/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "top/draw.h"
#include "top/screen.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FRAME_US INT64_C(1000000)

/* Signals are read like keys, so that the terminal is left in one place only. */
static int take_signals(sigset_t *before) {
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&set, taken[i]);
    CHECK(sigprocmask(SIG_BLOCK, &set, before) == 0);
    int descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK(descriptor >= 0);
    return descriptor;
}

/* True: it is time to leave. */
static bool read_signals(int descriptor, bool *is_changed) {
    struct signalfd_siginfo signal;
    while (read(descriptor, &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo != SIGWINCH)
            return true;
        screen_resize();
        *is_changed = true;
    }
    return false;
}

static void turn(struct view *view, enum pane pane) {
    view->pane = pane;
    view->scrolled = 0;
}

/* True: it is time to leave. */
static bool read_keys(struct view *view, bool *is_changed) {
    for (enum key key = screen_key(); key != KEY_OF_NOTHING; key = screen_key()) {
        *is_changed = true;
        switch (key) {
        case KEY_OF_QUIT:
            return true;
        case KEY_OF_PAUSE:
            view->is_paused = !view->is_paused;
            break;
        case KEY_OF_NEXT:
            turn(view, (view->pane + 1) % PANES);
            break;
        case KEY_OF_BEFORE:
            turn(view, (view->pane + PANES - 1) % PANES);
            break;
        case KEY_OF_UP:
            view->scrolled--;
            break;
        case KEY_OF_DOWN:
            view->scrolled++;
            break;
        case KEY_OF_HELP:
            view->has_help = !view->has_help;
            break;
        case KEY_OF_NOTHING:
            break;
        }
    }
    return false;
}

static void watch(struct feeds *feeds, int signals) {
    static struct overview now, shown;
    struct view view = {.pane = PANE_ORGANISATIONS};
    const int descriptors[] = {STDIN_FILENO, signals};
    struct tick due = tick_now();
    bool is_changed = true;
    for (;;) {
        if (read_signals(signals, &is_changed) || read_keys(&view, &is_changed))
            return;
        struct tick tick = tick_now();
        if (is_changed || tick.us >= due.us) {
            overview_take(feeds, tick, &now);
            if (!view.is_paused)
                memcpy(&shown, &now, sizeof shown);
            draw(&shown, &now, &view);
            is_changed = false;
            due.us = tick.us + FRAME_US;
        }
        feeds_wait(feeds, descriptors, 2, (int)((due.us - tick.us) / 1000) + 1);
    }
}

bool top_show(struct feeds *feeds, struct failure *failure) {
    sigset_t before;
    int signals = take_signals(&before);
    bool is_open = screen_open(failure);
    if (is_open)
        watch(feeds, signals);
    screen_close();
    close(signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return is_open;
}
