/* SPDX-License-Identifier: Apache-2.0 */
#include "top/draw.h"
#include "top/screen.h"
#include "top/text.h"

#include <stdio.h>
#include <string.h>

/* Where the list is scrolled to: not beyond its end. */
static int scroll(struct view *view, int lines, int rows) {
    int most = lines > rows ? lines - rows : 0;
    if (view->scrolled > most)
        view->scrolled = most;
    if (view->scrolled < 0)
        view->scrolled = 0;
    return view->scrolled;
}

/* ---- organisations ---- */

static enum style style_of_use(double used) {
    return used >= 1 ? STYLE_BAD : used >= 0.9 ? STYLE_WARNING : STYLE_PLAIN;
}

static void draw_busiest(const struct feed_organisation *organisation, int row) {
    char text[TEXT_SIZE];
    screen_put(row, 0, 14, STYLE_PLAIN, organisation->id);
    screen_put_right(row, 14, 10, STYLE_STRONG, text_rate(organisation->per_s, text));
    screen_put_right(row, 24, 9, style_of_use(organisation->used), text_percent(organisation->used, text));
}

static void draw_near_limit(const struct feed_organisation *organisation, int row) {
    char spent[TEXT_SIZE], limit[TEXT_SIZE], text[2 * TEXT_SIZE + 4];
    screen_put(row, 38, 14, STYLE_PLAIN, organisation->id);
    screen_put_right(row, 50, 7, style_of_use(organisation->used), text_percent(organisation->used, text));
    snprintf(text, sizeof text, "%s of %s", text_amount(organisation->spent_minor, spent),
             text_amount(organisation->limit_minor, limit));
    screen_put_right(row, 57, screen_columns() - 57, STYLE_PLAIN, text);
}

static void draw_organisations(const struct overview *overview, struct view *view, int row, int rows) {
    size_t lines =
        overview->busiest_count > overview->near_limit_count ? overview->busiest_count : overview->near_limit_count;
    size_t from = (size_t)scroll(view, (int)lines, rows - 1);
    screen_put(row, 0, 14, STYLE_FAINT, "Busiest");
    screen_put_right(row, 14, 10, STYLE_FAINT, "/s");
    screen_put_right(row, 24, 9, STYLE_FAINT, "used");
    screen_put(row, 38, 18, STYLE_FAINT, "Near their limit");
    screen_put_right(row, 57, screen_columns() - 57, STYLE_FAINT, overview->currency);
    for (int i = 0; i < rows - 1; i++) {
        size_t at = from + (size_t)i;
        if (at < overview->busiest_count)
            draw_busiest(&overview->busiest[at], row + 1 + i);
        if (at < overview->near_limit_count)
            draw_near_limit(&overview->near_limit[at], row + 1 + i);
    }
    if (lines == 0)
        screen_put(row + 1, 0, 40, STYLE_FAINT, overview->live > 0 ? "none yet" : "not known: nothing is heard");
}

/* ---- declines: a line each, and as many as its explanation takes ---- */

#define EXPLANATION_COLUMN 9

/* Where the line that begins here ends, at a blank if there is one; `next` is where the one after it begins. */
static const char *line_end(const char *text, int width, const char **next) {
    const char *blank = NULL;
    for (int columns = 0; *text != '\0'; columns++) {
        if (columns == width) {
            *next = blank != NULL ? blank + 1 : text;
            return blank != NULL ? blank : text;
        }
        if (*text == ' ')
            blank = text;
        for (text++; ((unsigned char)*text & 0xc0) == 0x80;)
            text++;
    }
    *next = text;
    return text;
}

/* A list that is drawn line by line; with no rows it is only counted. */
struct lines {
    int from, rows; /* what is seen of the list */
    int row;        /* where its first seen line stands */
    int at;         /* the line that comes next */
};

/* The row of the next line; -1: it is not seen. */
static int next_row(struct lines *lines) {
    int at = lines->at++ - lines->from;
    return at >= 0 && at < lines->rows ? lines->row + at : -1;
}

static void draw_decline(const struct feed_decline *decline, struct lines *lines) {
    char text[FEED_TEXT_SIZE];
    const char *next;
    int width = screen_columns();
    int row = next_row(lines);
    screen_put(row, 0, 8, STYLE_PLAIN, text_clock(decline->at, text));
    screen_put(row, 9, 22, STYLE_WARNING, decline->reason);
    screen_put_right(row, 31, 11, STYLE_STRONG, decline->amount);
    screen_put(row, 43, 36, STYLE_FAINT, decline->request);
    screen_print(row, 80, width - 80, STYLE_FAINT, "%s %s %s %s %s", decline->organisation, decline->credential,
                 decline->product, decline->channel, decline->client);
    for (const char *from = decline->explanation; *from != '\0'; from = next) {
        const char *end = line_end(from, width - EXPLANATION_COLUMN, &next);
        snprintf(text, sizeof text, "%.*s", (int)(end - from), from);
        screen_put(next_row(lines), EXPLANATION_COLUMN, width, STYLE_PLAIN, text);
    }
}

static void draw_declines(const struct overview *overview, struct view *view, int row, int rows) {
    struct lines unseen = {0};
    for (size_t i = 0; i < overview->decline_count; i++)
        draw_decline(&overview->declines[i], &unseen);
    struct lines lines = {.from = scroll(view, unseen.at, rows), .rows = rows, .row = row};
    for (size_t i = 0; i < overview->decline_count; i++)
        draw_decline(&overview->declines[i], &lines);
    if (overview->decline_count == 0)
        screen_put(row, 0, 40, STYLE_FAINT, overview->live > 0 ? "none yet" : "not known: nothing is heard");
}

/* ---- nodes, and behind them what is not well ---- */

static void draw_node(const struct overview_node *node, int row) {
    char text[TEXT_SIZE];
    static const char *const states[] = {
        [FEED_WAITING] = "not reached", [FEED_LIVE] = "live", [FEED_STALLED] = "STALLED"};
    bool is_live = node->state == FEED_LIVE;
    screen_put(row, 0, 24, STYLE_PLAIN, node->name);
    if (!is_live) {
        screen_put(row, 25, 11, STYLE_BAD, states[node->state]);
        return;
    }
    screen_put(row, 25, 9, node->is_ready ? STYLE_GOOD : STYLE_BAD, node->is_ready ? "live" : "NOT READY");
    screen_put_right(row, 34, 8, STYLE_PLAIN, text_rate(node->approved_per_s, text));
    screen_put_right(row, 42, 7, STYLE_PLAIN, text_rate(node->declined_per_s, text));
    screen_put_right(row, 49, 7, STYLE_PLAIN, text_rate(node->failed_per_s + node->faults_per_s, text));
    screen_put_right(row, 56, 6, STYLE_PLAIN, text_ms(node->p99_ms, text));
    screen_put_right(row, 62, 6, STYLE_PLAIN, text_percent(node->busy, text));
    screen_put(row, 69, 5, node->is_redis_up ? STYLE_GOOD : STYLE_BAD, node->is_redis_up ? "up" : "DOWN");
    screen_put(row, 75, 5, node->is_postgres_up ? STYLE_GOOD : STYLE_BAD,
               node->is_postgres_up   ? "up"
               : node->is_standing_in ? "DOWN*"
                                      : "DOWN");
}

static void draw_nodes(const struct overview *overview, struct view *view, int row, int rows) {
    int lines = (int)(overview->node_count + overview->trouble_count);
    int from = scroll(view, lines, rows - 1);
    static const struct {
        int column, width;
        const char *title;
    } titles[] = {{34, 8, "appr/s"}, {42, 7, "decl/s"}, {49, 7, "fail/s"}, {56, 6, "p99"}, {62, 6, "busy"}};
    screen_put(row, 0, 25, STYLE_FAINT, "Node");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        screen_put_right(row, titles[i].column, titles[i].width, STYLE_FAINT, titles[i].title);
    screen_put(row, 69, 5, STYLE_FAINT, "Redis");
    screen_put(row, 75, 5, STYLE_FAINT, "PgSQL");
    for (int i = 0; i < rows - 1 && from + i < lines; i++) {
        size_t at = (size_t)(from + i);
        if (at < overview->node_count)
            draw_node(&overview->nodes[at], row + 1 + i);
        else
            screen_print(row + 1 + i, 0, screen_columns(), STYLE_BAD, "! %s",
                         overview->troubles[at - overview->node_count]);
    }
}

void draw_pane(const struct overview *overview, struct view *view, int row, int rows) {
    switch (view->pane) {
    case PANE_ORGANISATIONS:
        draw_organisations(overview, view, row, rows);
        return;
    case PANE_DECLINES:
        draw_declines(overview, view, row, rows);
        return;
    case PANE_NODES:
        draw_nodes(overview, view, row, rows);
        return;
    }
}
