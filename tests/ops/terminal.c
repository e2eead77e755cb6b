/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>
#include <vterm.h>

#define PATIENCE_US INT64_C(60000000)
#define TEXT_SIZE 65536
#define ROW_SIZE 2048

struct terminal {
    VTerm *vterm;
    VTermScreen *screen;
    pid_t pid;
    int master, slave;
    struct termios found;
    bool is_alternate, has_cursor;
    char row[ROW_SIZE];
    char text[TEXT_SIZE];
};

static int on_property(VTermProp property, VTermValue *value, void *owner) {
    struct terminal *terminal = owner;
    if (property == VTERM_PROP_ALTSCREEN)
        terminal->is_alternate = value->boolean;
    if (property == VTERM_PROP_CURSORVISIBLE)
        terminal->has_cursor = value->boolean;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

static void run(const struct terminal *terminal, const struct terminal_wishes *wishes, pid_t parent) {
    close(terminal->master);
    if (login_tty(terminal->slave) != 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    setenv("TERM", wishes->type != NULL ? wishes->type : "xterm-256color", 1);
    setenv("LC_ALL", wishes->locale != NULL ? wishes->locale : "C.UTF-8", 1);
    if (wishes->has_no_colour)
        setenv("NO_COLOR", "1", 1);
    else
        unsetenv("NO_COLOR");
    execv(wishes->arguments[0], (char *const *)wishes->arguments);
    _exit(127);
}

struct terminal *terminal_start(struct terminal_wishes wishes) {
    struct terminal *terminal = calloc(1, sizeof *terminal);
    cr_assert_not_null(terminal);
    struct winsize size = {.ws_row = (unsigned short)(wishes.rows > 0 ? wishes.rows : 24),
                           .ws_col = (unsigned short)(wishes.columns > 0 ? wishes.columns : 80)};
    cr_assert_eq(openpty(&terminal->master, &terminal->slave, NULL, NULL, &size), 0);
    fcntl(terminal->master, F_SETFD, FD_CLOEXEC);
    fcntl(terminal->slave, F_SETFD, FD_CLOEXEC);
    tcgetattr(terminal->slave, &terminal->found);
    terminal->has_cursor = true;
    terminal->vterm = vterm_new(size.ws_row, size.ws_col);
    vterm_set_utf8(terminal->vterm, 1);
    terminal->screen = vterm_obtain_screen(terminal->vterm);
    vterm_screen_set_callbacks(terminal->screen, &callbacks, terminal);
    vterm_screen_enable_altscreen(terminal->screen, 1);
    vterm_screen_reset(terminal->screen, 1);
    pid_t parent = getpid();
    terminal->pid = fork();
    cr_assert_geq(terminal->pid, 0);
    if (terminal->pid == 0)
        run(terminal, &wishes, parent);
    return terminal;
}

void terminal_close(struct terminal *terminal) {
    if (terminal->pid > 0) {
        kill(terminal->pid, SIGKILL);
        waitpid(terminal->pid, NULL, 0);
    }
    close(terminal->master);
    close(terminal->slave);
    vterm_free(terminal->vterm);
    free(terminal);
}

/* ---- what is seen ---- */

/* Takes what the program has written, and waits for that no longer than this. */
static void take(struct terminal *terminal, int timeout_ms) {
    struct pollfd wait = {.fd = terminal->master, .events = POLLIN};
    char bytes[16384];
    while (poll(&wait, 1, timeout_ms) > 0) {
        ssize_t size = read(terminal->master, bytes, sizeof bytes);
        if (size <= 0)
            return;
        vterm_input_write(terminal->vterm, bytes, (size_t)size);
        timeout_ms = 0;
    }
}

static void read_size(const struct terminal *terminal, int *rows, int *columns) {
    vterm_get_size(terminal->vterm, rows, columns);
}

const char *terminal_row(struct terminal *terminal, int row) {
    int rows;
    int columns;
    take(terminal, 0);
    read_size(terminal, &rows, &columns);
    cr_assert_lt(row, rows);
    VTermRect rect = {.start_row = row, .end_row = row + 1, .start_col = 0, .end_col = columns};
    size_t size = vterm_screen_get_text(terminal->screen, terminal->row, ROW_SIZE - 1, rect);
    while (size > 0 && terminal->row[size - 1] == ' ')
        size--;
    terminal->row[size] = '\0';
    return terminal->row;
}

const char *terminal_text(struct terminal *terminal) {
    int rows;
    int columns;
    size_t at = 0;
    read_size(terminal, &rows, &columns);
    for (int row = 0; row < rows; row++)
        at += (size_t)snprintf(terminal->text + at, TEXT_SIZE - at, "%s\n", terminal_row(terminal, row));
    return terminal->text;
}

/* `row` -1: any. */
static void wait_for(struct terminal *terminal, int row, const char *text, bool is_wanted) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    for (;;) {
        const char *seen = row < 0 ? terminal_text(terminal) : terminal_row(terminal, row);
        if ((strstr(seen, text) != NULL) == is_wanted)
            return;
        cr_assert_lt(tick_now().us, give_up, "\"%s\" is %s:\n%s", text, is_wanted ? "not seen" : "still seen",
                     terminal_text(terminal));
        take(terminal, 100);
    }
}

void terminal_wait(struct terminal *terminal, const char *text) {
    wait_for(terminal, -1, text, true);
}

void terminal_wait_row(struct terminal *terminal, int row, const char *text) {
    wait_for(terminal, row, text, true);
}

void terminal_wait_gone(struct terminal *terminal, const char *text) {
    wait_for(terminal, -1, text, false);
}

bool terminal_has_colour(struct terminal *terminal) {
    int rows;
    int columns;
    take(terminal, 0);
    read_size(terminal, &rows, &columns);
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            VTermScreenCell cell;
            vterm_screen_get_cell(terminal->screen, (VTermPos){row, column}, &cell);
            if (!VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) || !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg))
                return true;
        }
    }
    return false;
}

/* ---- what is done ---- */

void terminal_type(struct terminal *terminal, const char *keys) {
    cr_assert_eq(write(terminal->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

void terminal_signal(struct terminal *terminal, int signal) {
    cr_assert_eq(kill(terminal->pid, signal), 0);
}

void terminal_resize(struct terminal *terminal, int rows, int columns) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    take(terminal, 0);
    vterm_set_size(terminal->vterm, rows, columns);
    cr_assert_eq(ioctl(terminal->master, TIOCSWINSZ, &size), 0);
}

int terminal_wait_end(struct terminal *terminal) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    int status;
    while (waitpid(terminal->pid, &status, WNOHANG) == 0) {
        cr_assert_lt(tick_now().us, give_up, "it has not ended:\n%s", terminal_text(terminal));
        take(terminal, 20);
    }
    terminal->pid = 0;
    take(terminal, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool terminal_is_as_found(struct terminal *terminal) {
    struct termios now;
    tcgetattr(terminal->slave, &now);
    return now.c_iflag == terminal->found.c_iflag && now.c_oflag == terminal->found.c_oflag &&
           now.c_lflag == terminal->found.c_lflag && now.c_cflag == terminal->found.c_cflag &&
           memcmp(now.c_cc, terminal->found.c_cc, sizeof now.c_cc) == 0 && !terminal->is_alternate &&
           terminal->has_cursor;
}
