/* SPDX-License-Identifier: Apache-2.0 */
/*   0  title: who, and whether they are heard          7  latency by stage  |  reasons
 *   1  services                                       14  in flight, busy
 *   2  the first thing that is not well               15  journal, audit
 *   3  rates, with their history                      16  tabs, and a pane to the end
 *                                                      -  keys */
#include "top/draw.h"

#include "top/screen.h"
#include "top/text.h"

#include <stdio.h>
#include <string.h>

#define RATES_ROW 3
#define STAGES_ROW 7
#define LEVELS_ROW 14
#define TABS_ROW 16

/* ---- who, and how they are ---- */

static void describe_state(const struct overview *now, const struct view *view, char *text, size_t size) {
    const char *paused = view->is_paused ? "PAUSED  " : "";
    if (now->node_count == 1 && now->stalled == 1)
        snprintf(text, size, "%sSTALLED for %.0f s", paused, now->nodes[0].silent_s);
    else if (now->stalled > 0)
        snprintf(text, size, "%s%zu of %zu STALLED", paused, now->stalled, now->node_count);
    else if (now->live == 0)
        snprintf(text, size, "%sNOTHING HEARD YET", paused);
    else if (now->waiting > 0)
        snprintf(text, size, "%s%zu of %zu NOT REACHED", paused, now->waiting, now->node_count);
    else
        snprintf(text, size, "%sLIVE", paused);
}

static void draw_title(const struct overview *shown, const struct overview *now, const struct view *view) {
    char names[256], state[64], text[TEXT_SIZE], time[INSTANT_TEXT_SIZE], span[TEXT_SIZE];
    enum style style = now->live == now->node_count ? STYLE_TITLE : STYLE_BAD_TITLE;
    const struct overview_node *first = &shown->nodes[0];
    instant_format(shown->at, time);
    describe_state(now, view, state, sizeof state);
    if (shown->node_count == 1 && shown->started[0] != '\0')
        snprintf(names, sizeof names, "%.60s  %.20s  up %s", first->name, shown->version,
                 text_span(text_age_s(shown->started, shown->at), span));
    else if (shown->node_count == 1)
        snprintf(names, sizeof names, "%.100s", first->name);
    else
        snprintf(names, sizeof names, "%zu nodes, %zu live", now->node_count, now->live);
    screen_fill(0, 0, screen_columns(), style);
    screen_print(0, 0, screen_columns() - 34, style, " Växel  %s", names);
    char right[160];
    snprintf(right, sizeof right, "%s  %s ", state, text_clock(time, text));
    screen_put_right(0, screen_columns() - 34, 34, style, right);
}

static void draw_service(int column, int width, const char *name, const struct overview_service *service) {
    char p50[TEXT_SIZE], p99[TEXT_SIZE];
    bool is_up = service->up == service->known;
    int at = column + screen_print(1, column, width, STYLE_PLAIN, "%s ", name);
    if (service->known == 0) {
        screen_put(1, at, 3, STYLE_BAD, "?");
        return;
    }
    if (is_up)
        at += screen_put(1, at, width, STYLE_GOOD, "up");
    else if (service->known == 1)
        at += screen_put(1, at, width, STYLE_BAD, "DOWN");
    else
        at += screen_print(1, at, width, STYLE_BAD, "DOWN at %zu", service->known - service->up);
    if (is_up && !isnan(service->p50_ms))
        screen_print(1, at, column + width - at, STYLE_PLAIN, " %s/%s ms", text_ms(service->p50_ms, p50),
                     text_ms(service->p99_ms, p99));
}

static void draw_services(const struct overview *overview) {
    bool is_ready = overview->ready == overview->node_count;
    if (overview->node_count == 1)
        screen_put(1, 0, 13, is_ready ? STYLE_GOOD : STYLE_BAD,
                   is_ready              ? "Ready"
                   : overview->live == 0 ? "Ready ?"
                                         : "NOT READY");
    else
        screen_print(1, 0, 14, is_ready ? STYLE_GOOD : STYLE_BAD, "%s %zu of %zu", is_ready ? "Ready" : "ONLY",
                     overview->ready, overview->node_count);
    draw_service(15, 22, "Redis", &overview->redis);
    draw_service(38, 27, "PostgreSQL", &overview->postgres);
    if (overview->live == 0)
        screen_put(1, 66, 14, STYLE_BAD, "Stand-in ?");
    else if (overview->standing_in == 0)
        screen_put(1, 66, 14, STYLE_PLAIN, "Stand-in off");
    else
        screen_put(1, 66, 14, STYLE_WARNING, "STANDING IN");
}

static void draw_trouble(const struct overview *overview) {
    if (overview->trouble_count == 0) {
        screen_put(2, 0, screen_columns(), STYLE_GOOD, "Nothing is amiss.");
        return;
    }
    char more[TEXT_SIZE] = "";
    if (overview->trouble_count > 1)
        snprintf(more, sizeof more, " (+%zu: see nodes)", overview->trouble_count - 1);
    int room = screen_columns() - (int)strlen(more);
    int taken = screen_print(2, 0, room, STYLE_BAD, "! %s", overview->troubles[0]);
    screen_put(2, taken, screen_columns() - taken, STYLE_BAD, more);
}

/* ---- rates ---- */

enum rate { RATE_APPROVED, RATE_DECLINED, RATE_FAILED, RATE_FAULTS };

static double value_of(const struct feed_point *point, enum rate which) {
    const double values[] = {[RATE_APPROVED] = point->approved_per_s,
                             [RATE_DECLINED] = point->declined_per_s,
                             [RATE_FAILED] = point->failed_per_s,
                             [RATE_FAULTS] = point->faults_per_s};
    return values[which];
}

/* The largest of the newest points. */
static double largest(const struct overview *overview, enum rate which, size_t count) {
    double found = 0;
    for (size_t i = FEED_HISTORY - count; i < FEED_HISTORY; i++)
        if (value_of(&overview->history[i], which) > found)
            found = value_of(&overview->history[i], which);
    return found;
}

static void draw_history(const struct overview *overview, enum rate which, int row, int column, size_t count,
                         enum style style) {
    double top = largest(overview, which, count);
    for (size_t i = FEED_HISTORY - count; i < FEED_HISTORY; i++) {
        double value = value_of(&overview->history[i], which);
        double share = isnan(value) || top <= 0 ? value : value / top;
        if (i >= overview->unknown)
            screen_bar(row, column + (int)(i + count - FEED_HISTORY), share, style);
    }
}

/* Name, rate, history, the largest in it, total. */
static void draw_rate(const struct overview *overview, enum rate which, const char *name, const struct feed_rate *rate,
                      enum style style) {
    char text[TEXT_SIZE], words[TEXT_SIZE + 8];
    int row = RATES_ROW + (int)which;
    int width = screen_columns() - 22 - 26;
    size_t count = width < 0 ? 0 : width < FEED_HISTORY ? (size_t)width : FEED_HISTORY;
    screen_put(row, 0, 9, STYLE_PLAIN, name);
    snprintf(words, sizeof words, "%s/s", text_rate(rate->per_s, text));
    screen_put_right(row, 9, 11, rate->per_s > 0 ? style : STYLE_PLAIN, words);
    draw_history(overview, which, row, 22, count, style);
    if (width < 0)
        return;
    screen_print(row, 22 + (int)count, 11, STYLE_FAINT, " max %s", text_rate(largest(overview, which, count), text));
    snprintf(words, sizeof words, "%s all", text_count(rate->total, text));
    screen_put_right(row, screen_columns() - 15, 15, STYLE_PLAIN, words);
}

static void draw_rates(const struct overview *overview) {
    draw_rate(overview, RATE_APPROVED, "Approved", &overview->approved, STYLE_GOOD);
    draw_rate(overview, RATE_DECLINED, "Declined", &overview->declined, STYLE_WARNING);
    draw_rate(overview, RATE_FAILED, "Failed", &overview->failed, STYLE_BAD);
    draw_rate(overview, RATE_FAULTS, "Faults", &overview->faults, STYLE_BAD);
}

/* ---- latency and reasons ---- */

static void draw_stage(const struct overview *overview, int row, size_t stage) {
    char text[TEXT_SIZE];
    const struct feed_latency *latency = &overview->latencies[stage];
    enum style style = stage == FEED_WHOLE ? STYLE_STRONG : STYLE_PLAIN;
    screen_put(row, 0, 9, style, feed_stage_names[stage]);
    screen_put_right(row, 9, 9, style, text_ms(latency->p50, text));
    screen_put_right(row, 18, 9, style, text_ms(latency->p99, text));
    screen_put_right(row, 27, 9, style, text_ms(latency->p999, text));
}

static void draw_stages(const struct overview *overview, int row) {
    screen_put(row, 0, 12, STYLE_FAINT, overview->node_count > 1 ? "ms, worst" : "ms");
    screen_put_right(row, 9, 9, STYLE_FAINT, "p50");
    screen_put_right(row, 18, 9, STYLE_FAINT, "p99");
    screen_put_right(row, 27, 9, STYLE_FAINT, "p99.9");
    for (size_t stage = 0; stage < FEED_STAGES; stage++)
        draw_stage(overview, row + 1 + (int)stage, stage);
}

static void draw_reasons(const struct overview *overview, int row, int rows) {
    static const char *const marks[] = {[OUTCOME_DECLINED] = " ", [OUTCOME_FAILED] = "!", [OUTCOME_FAULT] = "x"};
    char text[TEXT_SIZE];
    screen_put(row, 42, 23, STYLE_FAINT, "why (! failed, x fault)");
    screen_put_right(row, 65, 7, STYLE_FAINT, "/s");
    screen_put_right(row, 72, 8, STYLE_FAINT, "all");
    for (int i = 0; i < rows && (size_t)i < overview->reason_count; i++) {
        const struct overview_reason *reason = &overview->reasons[i];
        enum style style = !(reason->rate.per_s > 0)             ? STYLE_PLAIN
                           : reason->outcome == OUTCOME_DECLINED ? STYLE_WARNING
                                                                 : STYLE_BAD;
        screen_put(row + 1 + i, 40, 1, style, marks[reason->outcome]);
        screen_put(row + 1 + i, 42, 22, style, reason->name);
        screen_put_right(row + 1 + i, 65, 7, style, text_rate(reason->rate.per_s, text));
        screen_put_right(row + 1 + i, 72, 8, style, text_count(reason->rate.total, text));
    }
    if (overview->reason_count == 0)
        screen_put(row + 1, 42, 30, STYLE_FAINT, overview->live > 0 ? "none yet" : "-");
}

/* ---- levels ---- */

static void draw_levels(const struct overview *overview, int row) {
    char one[TEXT_SIZE], other[TEXT_SIZE];
    double busy = overview->busy;
    enum style style = busy >= 0.9 ? STYLE_BAD : busy >= 0.7 ? STYLE_WARNING : STYLE_GOOD;
    int at = screen_print(row, 0, 16, STYLE_PLAIN, "Busy %s ", text_percent(busy, one));
    if (at < 11)
        at = 11;
    screen_level(row, at, 10, busy, style);
    screen_print(row, 23, 20, STYLE_PLAIN, "In flight %s/%s", text_count(overview->requests, one),
                 text_count(overview->requests_capacity, other));
    screen_print(row, 44, 25, STYLE_PLAIN, "Connections %s/%s", text_count(overview->connections, one),
                 text_count(overview->connections_capacity, other));
    screen_print(row, 70, 10, STYLE_PLAIN, "Rows %s", text_count(overview->postgres_waiting, one));
}

static void draw_journal(const struct overview *overview, int row) {
    char amount[TEXT_SIZE], span[TEXT_SIZE], count[TEXT_SIZE];
    bool is_bad = strcmp(overview->journal, "broken") == 0 || strcmp(overview->journal, "full") == 0;
    if (overview->journal[0] == '\0')
        screen_put(row, 0, 30, STYLE_PLAIN, "Journal -");
    else if (overview->journal_entries > 0)
        screen_print(row, 0, 43, is_bad ? STYLE_BAD : STYLE_WARNING, "Journal %.8s: %s wait, %s, %s old",
                     overview->journal, text_count(overview->journal_entries, count),
                     text_amount(overview->journal_amount_minor, amount), text_span(overview->journal_oldest_s, span));
    else
        screen_print(row, 0, 43, is_bad ? STYLE_BAD : STYLE_PLAIN, "Journal %.8s%s", overview->journal,
                     strcmp(overview->journal, "none") == 0 ? "" : ", nothing waits");
    if (overview->drift_minor == FEED_NO_AMOUNT) {
        screen_put(row, 44, 36, STYLE_PLAIN, "Drift -");
        return;
    }
    bool is_swept = !isnan(overview->swept_s);
    screen_print(row, 44, 36, overview->drift_minor != 0 ? STYLE_WARNING : STYLE_PLAIN, "Drift %s, looked at all %s%s",
                 text_amount(overview->drift_minor, amount),
                 is_swept ? text_span(overview->swept_s, span) : "never yet", is_swept ? " ago" : "");
}

/* ---- the whole ---- */

static void draw_tabs(const struct view *view, int row) {
    static const char *const names[PANES] = {
        [PANE_ORGANISATIONS] = "Organisations", [PANE_DECLINES] = "Declines", [PANE_NODES] = "Nodes"};
    int column = 0;
    screen_fill(row, 0, screen_columns(), STYLE_TITLE);
    for (int i = 0; i < PANES; i++) {
        bool is_open = (enum pane)i == view->pane;
        column +=
            screen_print(row, column, 24, is_open ? STYLE_STRONG : STYLE_TITLE, is_open ? "[%s]" : " %s ", names[i]);
        column++;
    }
}

static void draw_keys(int row) {
    screen_put(row, 0, screen_columns(), STYLE_FAINT, "q quit  p pause  Tab other list  Up/Down scroll  ? help");
}

static void draw_help(void) {
    static const char *const lines[] = {
        "q, Ctrl-C       quit",
        "p, space        pause: figures stand still, the title still says who is heard",
        "Tab, arrows     organisations, declines, nodes; Up and Down scroll",
        "?               this, and away with it",
        "",
        "Approved        purchases and holds, a second and since the nodes started",
        "Declined        the business said no",
        "Failed          nobody's fault, and nothing was bought: BUSY, DEADLINE, ...",
        "Faults          requests that were malformed or not allowed",
        "whole           from a request being read to its answer; below, its stages",
        "Busy            the busiest worker of all nodes",
        "Rows            what waits for a batch of PostgreSQL",
        "Drift           what counters and records differ by; in flight is among it",
        "Bars            a second each, the newest on the right; a cross: not heard",
        "",
        "Of several nodes counts are added up, and of times the worst is shown.",
        "A node that has said nothing for 3 s is STALLED: its figures are left out.",
        "Times are the operator's; ids are masked. vaxel trace ID: all of a request.",
    };
    for (int i = 0; i < (int)(sizeof lines / sizeof *lines); i++)
        screen_put(2 + i, 1, screen_columns() - 1, STYLE_PLAIN, lines[i]);
}

/* As much of what matters most as there is room for. */
static void draw_little(const struct overview *overview) {
    int rows = screen_rows();
    draw_services(overview);
    draw_trouble(overview);
    draw_rates(overview);
    if (rows > STAGES_ROW + 3)
        draw_stage(overview, STAGES_ROW, FEED_WHOLE);
    if (rows > STAGES_ROW + 2)
        draw_levels(overview, STAGES_ROW + 1);
    screen_fill(rows - 1, 0, screen_columns(), STYLE_PLAIN);
    screen_print(rows - 1, 0, screen_columns(), STYLE_WARNING, "%d x %d is too small for all: %d x %d is wanted",
                 screen_columns(), rows, DRAW_COLUMNS, DRAW_ROWS);
}

static void draw_all(const struct overview *overview, struct view *view) {
    draw_services(overview);
    draw_trouble(overview);
    draw_rates(overview);
    draw_stages(overview, STAGES_ROW);
    draw_reasons(overview, STAGES_ROW, FEED_STAGES);
    draw_levels(overview, LEVELS_ROW);
    draw_journal(overview, LEVELS_ROW + 1);
    draw_tabs(view, TABS_ROW);
    draw_pane(overview, view, TABS_ROW + 1, screen_rows() - TABS_ROW - 2);
}

void draw(const struct overview *shown, const struct overview *now, struct view *view) {
    bool is_little = screen_rows() < DRAW_ROWS || screen_columns() < DRAW_COLUMNS;
    screen_clear();
    if (view->has_help)
        draw_help();
    else if (is_little)
        draw_little(shown);
    else
        draw_all(shown, view);
    if (!is_little)
        draw_keys(screen_rows() - 1);
    draw_title(shown, now, view);
    screen_show();
}
