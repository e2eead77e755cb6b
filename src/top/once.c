/* SPDX-License-Identifier: Apache-2.0 */
#include "top/overview.h"
#include "top/text.h"
#include "json/json.h"

#include <string.h>

/* ---- as text ---- */

static void write_rate(FILE *file, const char *name, const struct feed_rate *rate) {
    char per_s[TEXT_SIZE], total[TEXT_SIZE];
    fprintf(file, "%-16s %10s /s %14s in all\n", name, text_rate(rate->per_s, per_s), text_count(rate->total, total));
}

static void write_purchases(const struct overview *overview, FILE *file) {
    static const char *const outcomes[] = {"declined", "failed", "fault"};
    char per_s[TEXT_SIZE], total[TEXT_SIZE];
    write_rate(file, "approved", &overview->approved);
    write_rate(file, "declined", &overview->declined);
    write_rate(file, "failed", &overview->failed);
    write_rate(file, "faults", &overview->faults);
    for (size_t i = 0; i < overview->reason_count; i++) {
        const struct overview_reason *reason = &overview->reasons[i];
        fprintf(file, "%-8s %-24s %10s /s %14s in all\n", outcomes[reason->outcome], reason->name,
                text_rate(reason->rate.per_s, per_s), text_count(reason->rate.total, total));
    }
}

static void write_latencies(const struct overview *overview, FILE *file) {
    char p50[TEXT_SIZE], p99[TEXT_SIZE], p999[TEXT_SIZE];
    for (size_t i = 0; i < FEED_STAGES; i++) {
        const struct feed_latency *latency = &overview->latencies[i];
        fprintf(file, "latency %-8s p50 %s ms, p99 %s ms, p99.9 %s ms\n", feed_stage_names[i],
                text_ms(latency->p50, p50), text_ms(latency->p99, p99), text_ms(latency->p999, p999));
    }
}

static void write_service(FILE *file, const char *name, const struct overview_service *service) {
    char p50[TEXT_SIZE], p99[TEXT_SIZE];
    fprintf(file, "%-16s %s at %zu of %zu, p50 %s ms, p99 %s ms\n", name, service->up == service->known ? "up" : "DOWN",
            service->up == service->known ? service->up : service->known - service->up, service->known,
            text_ms(service->p50_ms, p50), text_ms(service->p99_ms, p99));
}

static void write_levels(const struct overview *overview, FILE *file) {
    char one[TEXT_SIZE], other[TEXT_SIZE], third[TEXT_SIZE];
    fprintf(file, "in flight        %s of %s\n", text_count(overview->requests, one),
            text_count(overview->requests_capacity, other));
    fprintf(file, "connections      %s of %s\n", text_count(overview->connections, one),
            text_count(overview->connections_capacity, other));
    fprintf(file, "busy             %s\n", text_percent(overview->busy, one));
    write_service(file, "redis", &overview->redis);
    write_service(file, "postgresql", &overview->postgres);
    fprintf(file, "rows waiting     %s\n", text_count(overview->postgres_waiting, one));
    fprintf(file, "stand-in         %s; journal %s, %s entries, %s, oldest %s\n",
            overview->standing_in > 0 ? "ON" : "off", overview->journal, text_count(overview->journal_entries, one),
            text_amount(overview->journal_amount_minor, other), text_span(overview->journal_oldest_s, third));
    fprintf(file, "drift            %s, suspects %s, last sweep %s ago\n", text_amount(overview->drift_minor, one),
            text_count(overview->suspects, other), text_span(overview->swept_s, third));
    fprintf(file, "directory        %s organisations, %s travellers, %s behind\n",
            text_count(overview->organisations, one), text_count(overview->travellers, other),
            text_span(overview->lag_s, third));
}

static void write_organisations(FILE *file, const char *name, const struct feed_organisation *organisations,
                                size_t count) {
    char per_s[TEXT_SIZE], used[TEXT_SIZE], spent[TEXT_SIZE], limit[TEXT_SIZE];
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%-16s %s %s /s, used %s: %s of %s\n", name, organisations[i].id,
                text_rate(organisations[i].per_s, per_s), text_percent(organisations[i].used, used),
                text_amount(organisations[i].spent_minor, spent), text_amount(organisations[i].limit_minor, limit));
}

static void write_nodes(const struct overview *overview, FILE *file) {
    static const char *const states[] = {
        [FEED_WAITING] = "not reached", [FEED_LIVE] = "live", [FEED_STALLED] = "STALLED"};
    for (size_t i = 0; i < overview->node_count; i++) {
        const struct overview_node *node = &overview->nodes[i];
        bool is_unready = node->state == FEED_LIVE && !node->is_ready;
        fprintf(file, "node             %s %s%s\n", node->name, states[node->state], is_unready ? ", NOT READY" : "");
    }
    for (size_t i = 0; i < overview->trouble_count; i++)
        fprintf(file, "amiss            %s\n", overview->troubles[i]);
}

static void write_text(const struct overview *overview, FILE *file) {
    write_nodes(overview, file);
    if (overview->live == 0)
        return;
    write_purchases(overview, file);
    write_latencies(overview, file);
    write_levels(overview, file);
    write_organisations(file, "busiest", overview->busiest, overview->busiest_count);
    write_organisations(file, "near limit", overview->near_limit, overview->near_limit_count);
    for (size_t i = 0; i < overview->decline_count; i++) {
        const struct feed_decline *decline = &overview->declines[i];
        fprintf(file, "decline          %s %s %s %s %s: %s\n", decline->at, decline->reason, decline->amount,
                decline->organisation, decline->request, decline->explanation);
    }
}

/* ---- as JSON: what the nodes sent, by node ---- */

static void write_json(const struct feeds *feeds, const struct overview *overview, FILE *file) {
    static const char *const states[] = {[FEED_WAITING] = "waiting", [FEED_LIVE] = "live", [FEED_STALLED] = "stalled"};
    fputs("{\"amiss\":", file);
    struct json_object *troubles = json_new_list();
    for (size_t i = 0; i < overview->trouble_count; i++)
        json_append_text(troubles, overview->troubles[i]);
    fputs(json_write(troubles), file);
    json_release(troubles);
    fputs(",\"nodes\":[", file);
    for (size_t i = 0; i < feeds_count(feeds); i++) {
        const struct feed_node *node = feeds_node(feeds, i);
        struct json_object *map = json_new_map();
        json_put_text(map, "url", node->url);
        json_put_text(map, "node", node->name);
        json_put_text(map, "state", states[overview->nodes[i].state]);
        const char *text = json_write(map);
        fprintf(file, "%s%.*s", i > 0 ? "," : "", (int)strlen(text) - 1, text); /* all but its end */
        fprintf(file, ",\"sample\":%s}", node->json != NULL ? json_write(node->json) : "null");
        json_release(map);
    }
    fputs("]}\n", file);
}

/* ---- the whole ---- */

static bool is_all_heard(const struct feeds *feeds) {
    for (size_t i = 0; i < feeds_count(feeds); i++)
        if (!feeds_node(feeds, i)->has_sample)
            return false;
    return true;
}

enum top_state top_once(struct feeds *feeds, int64_t patience_us, bool is_json, FILE *file) {
    static struct overview overview;
    int64_t give_up = tick_now().us + patience_us;
    for (int64_t now = tick_now().us; now < give_up && !is_all_heard(feeds); now = tick_now().us)
        feeds_wait(feeds, NULL, 0, (int)((give_up - now) / 1000 < 100 ? (give_up - now) / 1000 + 1 : 100));
    overview_take(feeds, tick_now(), &overview);
    if (is_json)
        write_json(feeds, &overview, file);
    else
        write_text(&overview, file);
    return overview_state(&overview);
}
