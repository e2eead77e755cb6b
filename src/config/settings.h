/* SPDX-License-Identifier: Apache-2.0 */
/* settings: everything that can be set of a switch and its command line. */
#ifndef VAXEL_CONFIG_SETTINGS_H
#define VAXEL_CONFIG_SETTINGS_H

#include "config/config.h"

struct settings {
    /* [operator] */
    char time_zone[CONFIG_TEXT_SIZE];
    char currency[CONFIG_TEXT_SIZE];
    int64_t traveller_cap_minor;
    int64_t largest_amount_minor;
    int64_t time_window_us;
    int64_t month_open_us;
    int64_t default_hold_us;
    int64_t longest_hold_us;
    int64_t blocks_used_up; /* index of no|yes */
    /* [listen] */
    char listen[CONFIG_TEXT_SIZE];
    int64_t connections;            /* for each worker */
    int64_t connections_per_client; /* of those; 0: all */
    int64_t handshake_timeout_us;
    int64_t idle_timeout_us;
    int64_t unread_bytes;
    /* [tls] */
    char certificate[CONFIG_TEXT_SIZE];
    char key[CONFIG_TEXT_SIZE];
    char authority[CONFIG_TEXT_SIZE];
    /* [redis] */
    char redis[CONFIG_TEXT_SIZE];
    int64_t redis_reconnect_us;
    int64_t redis_silence_us; /* a primary that owes an answer this long is given up */
    int64_t group_capacity;
    /* [postgres] */
    char postgres[CONFIG_TEXT_SIZE];
    int64_t postgres_reconnect_us;
    int64_t postgres_silence_us;
    int64_t batch_rows;
    int64_t refusals_waiting;
    int64_t roll_up_rows;
    /* [switch] */
    int64_t workers;
    int64_t requests; /* in a worker at once; past that BUSY */
    int64_t requests_per_connection;
    int64_t default_timeout_us;
    int64_t longest_timeout_us;
    int64_t answer_margin_us;
    int64_t warm_organisations;
    int64_t month_ahead_us;
    int64_t drain_us;
    int64_t advices; /* in a worker at once */
    int64_t online_wait_us;
    /* [stand_in] */
    char journal[CONFIG_TEXT_SIZE]; /* the directory; empty: no stand-in */
    int64_t stand_in_after_us;
    int64_t stand_in_amount_minor; /* for each worker, as the next */
    int64_t stand_in_bytes;
    int64_t stand_in_age_us;
    /* [audit] */
    int64_t audit_pause_us;
    int64_t audit_grace_us;
    /* [log] */
    int64_t log_level;    /* index of error|warning|info|debug */
    int64_t log_requests; /* enum log_requests */
    /* [ops] */
    char ops_listen[CONFIG_TEXT_SIZE]; /* or "none" */
    char ops_name[CONFIG_TEXT_SIZE];   /* or empty: settings_process_name() tells */
    char ops_nodes[CONFIG_TEXT_SIZE];  /* URLs with commas or blanks between; empty: this node alone */
    char ops_pages[CONFIG_TEXT_SIZE];  /* a directory */
    /* [client]: the command line's own */
    char connect[CONFIG_TEXT_SIZE];
    char client_certificate[CONFIG_TEXT_SIZE];
    char client_key[CONFIG_TEXT_SIZE];
    char client_authority[CONFIG_TEXT_SIZE];
    /* [wallet]: vaxel-wallet's own; it asks the switches of [client], and the database of [postgres] */
    char wallet[CONFIG_TEXT_SIZE];
    char wallet_certificate[CONFIG_TEXT_SIZE];
    char wallet_key[CONFIG_TEXT_SIZE];
    char wallet_authority[CONFIG_TEXT_SIZE];
    char wallet_keys[CONFIG_TEXT_SIZE];
    char wallet_classes[CONFIG_TEXT_SIZE];
    char wallet_audience[CONFIG_TEXT_SIZE];
    int64_t wallet_hold_us;
    int64_t wallet_cancellable_us;
    int64_t wallet_timeout_us;
    int64_t wallet_connections;
    int64_t wallet_arrival_timeout_us;
    int64_t wallet_askers;
};

/* Which answers get a line in the log. */
enum log_requests { LOG_REQUESTS_NONE, LOG_REQUESTS_FAILED, LOG_REQUESTS_DECLINED, LOG_REQUESTS_ALL };

extern const struct config_setting settings_table[];
extern const size_t settings_count;

/* Where settings are read: a file, unless there is none (NULL), and texts "section.key=value" over it, in their order.
 */
#define SETTINGS_ASSIGNMENTS_MAX 64
struct settings_source {
    const char *path;
    size_t assignment_count;
    const char *assignments[SETTINGS_ASSIGNMENTS_MAX];
};

/* False: there are as many as can be. The text is not copied. */
bool settings_assign(struct settings_source *source, const char *assignment);
/* What is set nowhere has its default. */
bool settings_read(const struct settings_source *source, struct settings *settings, struct failure *failure);

/* What no single setting can tell: whether they go together. Call it when all are read. */
bool settings_check(const struct settings *settings, struct failure *failure);

/* What the process that listens at `address` is called: ops.name, or else the host's name and the address's port. */
#define SETTINGS_NAME_SIZE 100
void settings_process_name(const struct settings *settings, const char *address, char name[SETTINGS_NAME_SIZE]);

/* What is logged from now on says that it comes from that process, and is as much as log.level asks for. */
void settings_open_log(const struct settings *settings, const char *address);
void settings_set_log_level(const struct settings *settings);

#endif
