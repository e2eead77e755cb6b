/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/directory.h"

#include "base/check.h"
#include "base/log.h"
#include "directory/loader.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A change is in force on every node within a second: half of it is for what a notification missed. */
#define LOOK_EVERY_US INT64_C(500000)
/* A stream of single changes is taken in together rather than one by one. */
#define LOOK_APART_US INT64_C(20000)
#define RECONNECT_US INT64_C(250000)
/* Rows that do not fit together will hardly do so at once, and loading everything again costs the server. */
#define RELOAD_US INT64_C(5000000)

struct directory {
    struct book book;
    struct loader loader; /* the follower's own while it runs */
    char *conninfo;
    int stop_fd;
    bool is_followed;
    pthread_t follower;
    atomic_int_fast64_t looked_at_us; /* tick of the last successful look */
};

static bool look(struct directory *directory, struct failure *failure) {
    struct tick begun = tick_now();
    if (!loader_look(&directory->loader, &directory->book, failure)) {
        return false;
    }
    atomic_store(&directory->looked_at_us, begun.us);
    return true;
}

struct directory *directory_open(const struct directory_options *options, struct failure *failure) {
    struct directory *directory = calloc(1, sizeof(*directory));
    CHECK(directory != NULL);
    book_init(&directory->book, options->traveller_cap_minor);
    directory->conninfo = strdup(options->conninfo);
    CHECK(directory->conninfo != NULL);
    directory->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(directory->stop_fd >= 0);
    directory->loader.source = (struct source){.conninfo = directory->conninfo, .stop_fd = directory->stop_fd};
    bool is_loaded = look(directory, failure);
    while (!is_loaded && directory->loader.source.turns < directory->loader.source.hosts) {
        is_loaded = look(directory, failure);
    }
    if (!is_loaded) {
        directory_close(directory);
        return NULL;
    }
    return directory;
}

static void stop_following(struct directory *directory) {
    uint64_t one = 1;
    CHECK(write(directory->stop_fd, &one, sizeof(one)) == sizeof(one));
    CHECK(pthread_join(directory->follower, NULL) == 0);
}

void directory_close(struct directory *directory) {
    if (directory == NULL) {
        return;
    }
    if (directory->is_followed) {
        stop_following(directory);
    }
    source_disconnect(&directory->loader.source);
    CHECK(close(directory->stop_fd) == 0);
    book_finish(&directory->book);
    free(directory->conninfo);
    free(directory);
}

/* ---- the follower ---- */

/* Looks until a look fails, or the end. */
static void follow_connection(struct directory *directory, bool *is_away, struct failure *failure) {
    struct source *source = &directory->loader.source;
    while (look(directory, failure)) {
        if (*is_away) {
            log_info("directory", "fresh again");
            *is_away = false;
        }
        struct tick until = {.us = tick_now().us + LOOK_EVERY_US};
        source_pause(source, LOOK_APART_US);
        if (!source_await_news(source, until, failure) || source_is_stopped(source)) {
            return;
        }
    }
}

static void *follow(void *argument) {
    struct directory *directory = argument;
    struct source *source = &directory->loader.source;
    struct failure failure;
    bool is_away = false;
    while (!source_is_stopped(source)) {
        follow_connection(directory, &is_away, &failure);
        if (source_is_stopped(source)) {
            break;
        }
        if (!is_away) {
            log_warning("directory", "not fresh, the last state stands why=%s", failure.text);
            is_away = true;
        }
        source_pause(source, source->connection == NULL ? RECONNECT_US : RELOAD_US);
    }
    return NULL;
}

bool directory_follow(struct directory *directory, struct failure *failure) {
    CHECK(!directory->is_followed);
    sigset_t all;
    sigset_t before;
    CHECK(sigfillset(&all) == 0);
    /* Signals are the program's own affair. */
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int error = pthread_create(&directory->follower, NULL, follow, directory);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (error != 0) {
        return failure_set(failure, "cannot start the directory's thread: %s", strerror(error));
    }
    directory->is_followed = true;
    return true;
}

/* ---- readers ---- */

bool directory_find_account(struct directory *directory, const struct credential *credential, struct account *account) {
    return book_find_account(&directory->book, credential, account);
}

bool directory_find_payer(struct directory *directory, const struct payer *payer, struct account *account) {
    return book_find_payer(&directory->book, payer, account);
}

bool directory_find_client(struct directory *directory, const char *name, struct client *client) {
    return book_find_client(&directory->book, name, client);
}

uint64_t directory_client_generation(const struct directory *directory) {
    return atomic_load(&directory->book.client_generation);
}

uint64_t directory_moves(const struct directory *directory) {
    return atomic_load(&directory->book.moves);
}

int32_t directory_next_moved(struct directory *directory, uint64_t since, uint32_t *place) {
    return book_next_moved(&directory->book, since, place);
}

void directory_facts(struct directory *directory, struct directory_facts *facts) {
    book_facts(&directory->book, facts);
    facts->age_us = tick_now().us - atomic_load(&directory->looked_at_us);
}
