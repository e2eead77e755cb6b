/* SPDX-License-Identifier: Apache-2.0 */
#include "top/screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define TEXT_SIZE 1024
#define BARS 8

static SCREEN *screen;
static bool is_utf8;
static bool has_colour;

enum colour { COLOUR_GOOD = 1, COLOUR_WARNING, COLOUR_BAD };

/* ---- the terminal ---- */

static void take_colours(void) {
    const char *refused = getenv("NO_COLOR");
    has_colour = (refused == NULL || refused[0] == '\0') && has_colors() && start_color() == OK;
    if (!has_colour)
        return;
    short back = (short)(use_default_colors() == OK ? -1 : COLOR_BLACK);
    init_pair(COLOUR_GOOD, COLOR_GREEN, back);
    init_pair(COLOUR_WARNING, COLOR_YELLOW, back);
    init_pair(COLOUR_BAD, COLOR_RED, back);
}

bool screen_open(struct failure *failure) {
    const char *name = getenv("TERM");
    setlocale(LC_CTYPE, "");
    is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0 || (screen = newterm(NULL, stdout, stdin)) == NULL)
        return failure_set(failure, "TERM \"%.64s\" is no terminal that can be drawn on; try --once",
                           name != NULL ? name : "");
    set_term(screen);
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(50);
    take_colours();
    return true;
}

void screen_close(void) {
    if (screen == NULL)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

void screen_resize(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    clearok(stdscr, TRUE);
}

int screen_rows(void) {
    return LINES;
}

int screen_columns(void) {
    return COLS;
}

void screen_clear(void) {
    erase();
}

void screen_show(void) {
    refresh();
}

/* ---- text ---- */

static attr_t attributes_of(enum style style) {
    attr_t good = has_colour ? (attr_t)COLOR_PAIR(COLOUR_GOOD) : A_NORMAL;
    attr_t warning = has_colour ? (attr_t)COLOR_PAIR(COLOUR_WARNING) : A_NORMAL;
    attr_t bad = has_colour ? (attr_t)COLOR_PAIR(COLOUR_BAD) : A_NORMAL;
    switch (style) {
    case STYLE_PLAIN:
        return A_NORMAL;
    case STYLE_STRONG:
        return A_BOLD;
    case STYLE_FAINT:
        return A_DIM;
    case STYLE_GOOD:
        return good;
    case STYLE_WARNING:
        return warning | A_BOLD;
    case STYLE_BAD:
        return bad | A_BOLD;
    case STYLE_TITLE:
        return A_REVERSE;
    case STYLE_BAD_TITLE:
        return bad | A_REVERSE | A_BOLD;
    }
    return A_NORMAL;
}

/* The next character of a text in UTF-8, which moves on; what is none is '?'. */
static wchar_t next_character(const char **text) {
    const unsigned char *byte = (const unsigned char *)*text;
    int more = byte[0] < 0x80 ? 0 : (byte[0] & 0xe0) == 0xc0 ? 1 : (byte[0] & 0xf0) == 0xe0 ? 2 : 3;
    uint32_t code = more == 0 ? byte[0] : byte[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            ++*text;
            return L'?';
        }
        code = code << 6 | (byte[i] & 0x3fu);
    }
    *text += more + 1;
    return (wchar_t)code;
}

/* In a locale of ASCII: masked ids begin with bullets. */
static wchar_t plain_character(wchar_t character) {
    switch (character) {
    case L'\u2022':
        return L'*';
    case L'\u00e4':
        return L'a';
    case L'\u00b7':
        return L'-';
    default:
        return character < 0x7f ? character : L'?';
    }
}

int screen_put(int row, int column, int width, enum style style, const char *text) {
    int taken = 0;
    if (row < 0 || row >= LINES || column < 0 || column >= COLS)
        return 0;
    if (width > COLS - column)
        width = COLS - column;
    attrset((int)attributes_of(style));
    move(row, column);
    while (*text != '\0') {
        wchar_t character = next_character(&text);
        if (!is_utf8)
            character = plain_character(character);
        int columns = is_utf8 ? wcwidth(character) : 1;
        if (columns < 0) {
            character = L'?';
            columns = 1;
        }
        if (taken + columns > width)
            break;
        addnwstr(&character, 1);
        taken += columns;
    }
    attrset(A_NORMAL);
    return taken;
}

int screen_print(int row, int column, int width, enum style style, const char *format, ...) {
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return screen_put(row, column, width, style, text);
}

static int columns_of(const char *text) {
    int columns = 0;
    while (*text != '\0') {
        int width = wcwidth(next_character(&text));
        columns += !is_utf8 || width < 0 ? 1 : width;
    }
    return columns;
}

void screen_put_right(int row, int column, int width, enum style style, const char *text) {
    int columns = columns_of(text);
    int before = columns < width ? width - columns : 0;
    screen_put(row, column + before, width - before, style, text);
}

void screen_fill(int row, int column, int width, enum style style) {
    for (int i = 0; i < width; i++)
        screen_put(row, column + i, 1, style, " ");
}

/* ---- bars ---- */

void screen_bar(int row, int column, double share, enum style style) {
    static const char *const blocks[BARS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const marks[BARS] = {".", ".", ":", "-", "=", "+", "*", "#"};
    if (isnan(share)) {
        screen_put(row, column, 1, STYLE_BAD, is_utf8 ? "×" : "x");
        return;
    }
    int height = share <= 0 ? 0 : (int)(share * (BARS - 1) + 0.5);
    if (share > 0 && height == 0)
        height = 1; /* what is a little is not nothing */
    if (height >= BARS)
        height = BARS - 1;
    screen_put(row, column, 1, height == 0 ? STYLE_FAINT : style, (is_utf8 ? blocks : marks)[height]);
}

void screen_level(int row, int column, int width, double share, enum style style) {
    double filled = isnan(share) || share < 0 ? 0 : share > 1 ? width : share * width;
    for (int i = 0; i < width; i++) {
        bool is_filled = i + 0.5 < filled;
        const char *mark = is_utf8 ? (is_filled ? "█" : "░") : (is_filled ? "#" : ".");
        screen_put(row, column + i, 1, is_filled ? style : STYLE_FAINT, mark);
    }
}

/* ---- keys ---- */

enum key screen_key(void) {
    switch (getch()) {
    case 'q':
    case 'Q':
    case 3: /* Ctrl-C, where the terminal gives it as a character */
        return KEY_OF_QUIT;
    case 'p':
    case 'P':
    case ' ':
        return KEY_OF_PAUSE;
    case '\t':
    case KEY_RIGHT:
        return KEY_OF_NEXT;
    case KEY_BTAB:
    case KEY_LEFT:
        return KEY_OF_BEFORE;
    case KEY_UP:
        return KEY_OF_UP;
    case KEY_DOWN:
        return KEY_OF_DOWN;
    case '?':
    case 'h':
        return KEY_OF_HELP;
    default:
        return KEY_OF_NOTHING;
    }
}
