/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/advice_file.h"

#include "base/card.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_OF_ID, FIELD_OF_CREDENTIAL, FIELD_OF_AMOUNT, FIELD_OF_PRODUCT, FIELD_OF_PLACE, FIELDS };

bool advice_file_open(struct advice_file *file, const char *path, struct failure *failure) {
    file->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    return file->file != NULL || failure_set(failure, "%s can't be read: %s", path, strerror(errno));
}

void advice_file_close(struct advice_file *file) {
    if (file->file != NULL && file->file != stdin)
        fclose(file->file);
    free(file->text);
    *file = (struct advice_file){0};
}

/* Cuts a line at its tabs; how many fields there were. */
static size_t cut(char *text, char *fields[FIELDS]) {
    size_t count = 0;
    for (char *rest = text; rest != NULL; count++) {
        char *field = strsep(&rest, "\t");
        if (count < FIELDS)
            fields[count] = field;
    }
    return count;
}

static bool take_id(const char *text, struct request_id *id, struct failure *failure) {
    if (strlen(text) == REQUEST_ID_TEXT_SIZE - 1 && request_id_parse(text, id) && request_id_is_v7(id))
        return true;
    return failure_set(failure, "the id is no UUID of version 7");
}

static bool take_credential(const char *text, struct credential *credential, struct failure *failure) {
    struct request_id app;
    if (card_parse(text, &credential->card)) {
        credential->kind = CREDENTIAL_CARD;
        return true;
    }
    if (strlen(text) != REQUEST_ID_TEXT_SIZE - 1 || !request_id_parse(text, &app))
        return failure_set(failure, "the second field is neither a card (16 digits) nor an app (a UUID)");
    credential->kind = CREDENTIAL_APP;
    memcpy(credential->app, app.bytes, sizeof credential->app);
    return true;
}

static bool take_text(const char *what, const char *text, char *to, size_t capacity, struct failure *failure) {
    if (strlen(text) >= capacity)
        return failure_set(failure, "the %s has more than %zu bytes", what, capacity - 1);
    memcpy(to, text, strlen(text) + 1);
    return true;
}

static bool take_fields(struct advice_file *file, struct advise *advise, struct failure *failure) {
    static char nothing[] = "";
    char *fields[FIELDS] = {[FIELD_OF_PLACE] = nothing};
    size_t count = cut(file->text, fields);
    if (count != FIELDS && count != FIELDS - 1)
        return failure_set(
            failure, "%zu field%s instead of id, card or app, amount, product and perhaps place, with tabs between",
            count, count == 1 ? "" : "s");
    *advise = (struct advise){.amount.currency = file->currency};
    if (!take_id(fields[FIELD_OF_ID], &advise->id, failure) ||
        !take_credential(fields[FIELD_OF_CREDENTIAL], &advise->credential, failure))
        return false;
    if (!money_parse(fields[FIELD_OF_AMOUNT], &advise->amount.minor) || advise->amount.minor <= 0)
        return failure_set(failure, "the amount is none above 0, as in 130.00");
    if (fields[FIELD_OF_PRODUCT][0] == '\0')
        return failure_set(failure, "the product is missing");
    return take_text("product", fields[FIELD_OF_PRODUCT], advise->product.code, sizeof advise->product.code, failure) &&
           take_text("place", fields[FIELD_OF_PLACE], advise->place.text, sizeof advise->place.text, failure);
}

enum advice_next advice_file_next(struct advice_file *file, struct advise *advise, struct failure *failure) {
    ssize_t size;
    failure->text[0] = '\0';
    while ((size = getline(&file->text, &file->capacity, file->file)) >= 0) {
        file->line++;
        if (strlen(file->text) != (size_t)size) {
            (void)failure_set(failure, "the line holds a NUL");
            return ADVICE_BAD;
        }
        file->text[strcspn(file->text, "\r\n")] = '\0';
        if (file->text[0] != '\0' && file->text[0] != '#')
            return take_fields(file, advise, failure) ? ADVICE_TAKEN : ADVICE_BAD;
    }
    if (ferror(file->file) != 0)
        (void)failure_set(failure, "the file can't be read on after line %lld: %s", (long long)file->line,
                          strerror(errno));
    return ADVICE_END;
}
