/* SPDX-License-Identifier: Apache-2.0 */
#include "checker/file.h"
#include "checker/words.h"

#include <inttypes.h>

static const char *truth(bool is_true) {
    return is_true ? "true" : "false";
}

static void write_id(FILE *file, const char *key, const struct request_id *id) {
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, text);
    fprintf(file, ",\"%s\":\"%s\"", key, text);
}

static bool has_original(enum call call) {
    return call == CALL_CAPTURE || call == CALL_VOID || call == CALL_REFUND;
}

static void write_credential(FILE *file, const struct credential *credential) {
    if (credential->kind == CREDENTIAL_CARD)
        fprintf(file, ",\"credential\":\"%016" PRIu64 "\"", credential->card);
    if (credential->kind != CREDENTIAL_APP)
        return;
    fputs(",\"credential\":\"", file);
    for (size_t i = 0; i < sizeof credential->app; i++)
        fprintf(file, "%02x", credential->app[i]);
    fputs("\"", file);
}

static void write_operation(FILE *file, const struct operation *operation) {
    fprintf(file, "{\"type\":\"operation\",\"call\":\"%s\",\"client\":%d",
            word_of_number(&call_words, (int)operation->call), operation->client);
    write_id(file, "id", &operation->id);
    if (has_original(operation->call))
        write_id(file, "original", &operation->original);
    write_credential(file, &operation->credential);
    fprintf(file,
            ",\"amount\":%" PRId64 ",\"hold\":%s,\"partial\":%s,\"final\":%s,\"sent_us\":%" PRId64
            ",\"timeout_us\":%" PRId64,
            operation->amount_minor, truth(operation->is_hold), truth(operation->allows_partial),
            truth(operation->is_final), operation->sent_us, operation->timeout_us);
    if (operation->is_answered)
        fprintf(file,
                ",\"answered_us\":%" PRId64 ",\"decision\":\"%s\",\"reason\":\"%s\",\"approved\":%" PRId64
                ",\"safety\":\"%s\",\"repeat\":%s",
                operation->answered_us, word_of_number(&decision_words, (int)operation->decision),
                reason_name(operation->reason), operation->approved_minor,
                word_of_number(&safety_words, (int)operation->safety), truth(operation->is_repeat));
    fputs("}\n", file);
}

static void write_row(FILE *file, const struct recorded *row) {
    static const struct request_id none;
    fprintf(file, "{\"type\":\"row\",\"kind\":\"%s\"", word_of_number(&kind_words, (int)row->kind));
    write_id(file, "id", &row->id);
    if (!request_id_equal(&row->original, &none))
        write_id(file, "original", &row->original);
    fprintf(file,
            ",\"amount\":%" PRId64 ",\"settled\":%" PRId64 ",\"month\":%d,\"organisation\":%d,\"department\":%d"
            ",\"traveller\":%d,\"credit\":%d,\"client\":%d,\"epoch\":%d,\"recorded_us\":%" PRId64,
            row->amount_minor, row->settled_minor, row->month, row->payer.organisation, row->payer.department,
            row->payer.traveller, row->payer.credit, row->client, row->epoch, row->recorded_us);
    if (row->expires_us != 0)
        fprintf(file, ",\"expires_us\":%" PRId64, row->expires_us);
    fprintf(file, ",\"forced\":%s,\"late\":%s,\"stand_in\":%s,\"partial\":%s}\n",
            truth((row->flags & ENTRY_FORCED) != 0), truth((row->flags & ENTRY_LATE) != 0),
            truth((row->flags & ENTRY_STAND_IN) != 0), truth((row->flags & ENTRY_PARTIAL) != 0));
}

static void write_circumstances(FILE *file, const struct history *history) {
    fprintf(file,
            "{\"type\":\"circumstances\",\"lateness_us\":%" PRId64 ",\"ended_us\":%" PRId64
            ",\"expiry_lateness_us\":%" PRId64 ",\"nodes_were_lost\":%s,\"redis_was_lost\":%s}\n",
            history->lateness_us, history->ended_us, history->expiry_lateness_us, truth(history->nodes_were_lost),
            truth(history->redis_was_lost));
}

bool history_write(FILE *file, const struct history *history) {
    write_circumstances(file, history);
    for (size_t i = 0; i < history->department_count; i++)
        fprintf(file, "{\"type\":\"department\",\"id\":%d,\"parent\":%d}\n", history->departments[i].id,
                history->departments[i].parent);
    for (size_t i = 0; i < history->ceiling_count; i++)
        fprintf(file, "{\"type\":\"ceiling\",\"organisation\":%d,\"kind\":\"%s\",\"of\":%d,\"ceiling\":%" PRId64 "}\n",
                history->ceilings[i].organisation, word_of_number(&limit_words, (int)history->ceilings[i].limit.kind),
                history->ceilings[i].limit.id, history->ceilings[i].limit.ceiling_minor);
    for (size_t i = 0; i < history->operation_count; i++)
        write_operation(file, &history->operations[i]);
    for (size_t i = 0; i < history->recorded_count; i++)
        write_row(file, &history->recorded[i]);
    for (size_t i = 0; i < history->counted_count; i++)
        fprintf(file,
                "{\"type\":\"counter\",\"organisation\":%d,\"month\":%d,\"kind\":\"%s\",\"of\":%d,\"spent\":%" PRId64
                "}\n",
                history->counted[i].organisation, history->counted[i].month,
                word_of_number(&limit_words, (int)history->counted[i].kind), history->counted[i].id,
                history->counted[i].spent_minor);
    return fflush(file) == 0 && !ferror(file);
}
